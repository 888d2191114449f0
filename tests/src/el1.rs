//! A boot loader that enters the Pi image at EL1, which QEMU itself does not do.

use std::path::Path;

/// Where it lies, and every core begins.
const STUB: u64 = 0x0400_0000;

/// From EL3 to EL1 without a stop at EL2, with the rights at the timer that EL1 is given by any hypervisor.
/// The image is entered at 0x80000 with x0 = 0.
const CODE: [u32; 16] = [
    0xd280_b622, // mov x2, #0x5b1        non-secure, 64-bit, HVC
    0xd51e_1102, // msr scr_el3, x2
    0xd51e_115f, // msr cptr_el3, xzr
    0xd2b0_0002, // mov x2, #0x80000000   EL1 is 64-bit
    0xd51c_1102, // msr hcr_el2, x2
    0xd280_0062, // mov x2, #3            physical counter and timer
    0xd51c_e102, // msr cnthctl_el2, x2
    0xd51c_e07f, // msr cntvoff_el2, xzr
    0xd286_7fe2, // mov x2, #0x33ff       no traps
    0xd51c_1142, // msr cptr_el2, x2
    0xd280_78a2, // mov x2, #0x3c5        EL1h, interrupts masked
    0xd51e_4002, // msr spsr_el3, x2
    0xd2a0_0102, // mov x2, #0x80000
    0xd51e_4022, // msr elr_el3, x2
    0xaa1f_03e0, // mov x0, xzr
    0xd69f_03e0, // eret
];

/// The loader's bytes.
#[must_use]
pub fn stub() -> Vec<u8> {
    CODE.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// QEMU's arguments that put the loader, the image and the initrd into memory and start all four cores in the
/// loader, in place of `-kernel` and `-initrd`.
#[must_use]
pub fn loaders(stub: &Path, image: &Path, initrd: &Path) -> Vec<String> {
    let file =
        |path: &Path, address: u64| format!("loader,file={},addr={address:#x},force-raw=on", path.display());
    let files = [file(stub, STUB), file(image, 0x8_0000), file(initrd, 0x0800_0000)];
    let cores = (0..4).map(|core| format!("loader,addr={STUB:#x},cpu-num={core}"));
    files.into_iter().chain(cores).flat_map(|device| ["-device".into(), device]).collect()
}
