//! Control registers and features. Unsafe because these bits change what memory accesses mean.

use core::arch::x86_64::{__cpuid_count, _rdtsc};

use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags, Efer, EferFlags};

/// The processor cannot forbid execution of data, so the kernel does not run on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoExecuteMissing;

/// EAX, EBX, ECX and EDX of a CPUID leaf, subleaf 0.
#[must_use]
pub fn cpuid(leaf: u32) -> [u32; 4] {
    let result = __cpuid_count(leaf, 0);
    [result.eax, result.ebx, result.ecx, result.edx]
}

/// The time-stamp counter.
#[must_use]
pub fn ticks() -> u64 {
    // SAFETY: CR4.TSD is clear, and ring 0 may read the counter anyway.
    unsafe { _rdtsc() }
}

/// Makes the processor honour the no-execute bit and read-only pages.
///
/// # Errors
///
/// [`NoExecuteMissing`] if the processor has no such bit.
pub fn enable_page_permissions() -> Result<(), NoExecuteMissing> {
    const NX: u32 = 1 << 20;
    if cpuid(0x8000_0000)[0] < 0x8000_0001 || cpuid(0x8000_0001)[3] & NX == 0 {
        return Err(NoExecuteMissing);
    }
    // SAFETY: the tables in force set the no-execute bit nowhere (PVH) or mean it (bootloader), and neither
    // maps what the kernel writes read-only.
    unsafe {
        Efer::update(|flags| flags.insert(EferFlags::NO_EXECUTE_ENABLE));
        Cr0::update(|flags| flags.insert(Cr0Flags::WRITE_PROTECT));
    }
    Ok(())
}

/// Turns on global pages and, where the processor has them, SMEP and UMIP. For the kernel's own tables only:
/// setting CR4.PGE drops what is left of older ones from the TLB (Intel SDM vol. 3, section 5.10.4.1).
pub fn enable_protections() {
    const SMEP: u32 = 1 << 7;
    const UMIP: u32 = 1 << 2;
    let [_, ebx, ecx, _] = if cpuid(0)[0] >= 7 { cpuid(7) } else { [0; 4] };
    let mut wanted = Cr4Flags::PAGE_GLOBAL;
    wanted.set(Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION, ebx & SMEP != 0);
    wanted.set(Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION, ecx & UMIP != 0);
    // SAFETY: CPUID has each bit, and they forbid only what the kernel never does: it maps no user page.
    unsafe { Cr4::update(|flags| flags.insert(wanted)) }
}

/// Whether the processor has BMI2 (CPUID leaf 7, EBX bit 8).
#[must_use]
pub fn has_bmi2() -> bool {
    cpuid(0)[0] >= 7 && cpuid(7)[1] & 1 << 8 != 0
}

/// Whether the processor has MOVBE (CPUID leaf 1, ECX bit 22).
#[must_use]
pub fn has_movbe() -> bool {
    cpuid(1)[2] & 1 << 22 != 0
}
