//! From the first instruction to the board's `main`.
//!
//! Unsafe because it is the code that makes Rust's assumptions true: a stack, zeroed statics, memory that can
//! be locked. Until `mmu::switch_on` no instruction here uses exclusive access (`ldxr`, `stxr`): with the
//! data cache off the Cortex-A53 has no monitor that would answer it, though an emulator may.

use core::arch::naked_asm;

use crate::{mmu, vectors};

/// What the board's `main` looks like: it is given `x0` as the loader left it, which may be the address of a
/// device tree, and the exception level the image was entered at.
pub type Main = extern "C" fn(x0: usize, entry_level: u64) -> !;

/// `SCR_EL3`: EL2 is non-secure and 64-bit, HVC allowed, SMC not (Arm ARM D17.2.117).
const SECURE_CONFIGURATION: u64 = 1 << 10 | 1 << 8 | 1 << 7 | 0b11 << 4 | 1;
/// `SCTLR_EL2` with MMU and caches off: its RES1 bits (D17.2.119).
const SYSTEM_CONTROL_EL2: u64 = 0x30c5_0830;
/// `SCTLR_EL1` with MMU and caches off: its RES1 bits (D17.2.118).
pub(crate) const SYSTEM_CONTROL_EL1: u64 = 0x30d0_0800;
/// `CPTR_EL2`: traps nothing, the other bits are RES1 (D17.2.31). Floating point stays off through
/// `CPACR_EL1`, so a use of it is reported by EL1's own vectors.
const NO_TRAPS_TO_EL2: u64 = 0x33ff;
/// `HCR_EL2.RW`: EL1 is 64-bit; nothing else is virtualised (D17.2.48).
const EL1_IS_64_BIT: u64 = 1 << 31;
/// `SPSR_ELx` for a return to EL2 on `SP_EL2`, all interrupts masked (C5.2.20).
const STATE_EL2H_MASKED: u64 = 0b1111 << 6 | 0b1001;
/// `SPSR_ELx` for a return to EL1 on `SP_EL0`, all interrupts masked.
const STATE_EL1T_MASKED: u64 = 0b1111 << 6 | 0b0100;
/// Where the firmware's cores look for an address to go to, 8 bytes a core (its armstub8.S; QEMU does alike).
const SPIN_TABLE: u64 = 0xd8;
/// Rate of the Raspberry Pi 3's crystal, for `CNTFRQ_EL0` where no firmware set it.
const CRYSTAL_HZ: u64 = 19_200_000;

/// Takes over the processor. The board's first instructions jump here with `x0` as it was and the address of
/// its [`Main`] in `x1`; all cores may come at once, core 0 goes on.
///
/// EL3 -> EL2 -> EL1, as far up as the image was entered. `x19` to `x21` keep `x0`, `x1` and the level.
///
/// # Safety
/// To be jumped to as the first thing in the image, once, with MMU and data cache off (Arm ARM D1.9.1; the
/// arm64 boot protocol says the same), on the layout of the board's linker script.
#[unsafe(naked)]
pub unsafe extern "C" fn enter() -> ! {
    naked_asm!(
        "msr daifset, #0b1111",
        "mrs x2, mpidr_el1",
        "tst x2, #0xff", // Aff0: the number of the core
        "b.eq 2f",
        // The other cores sleep for good: all interrupts are masked here, and none is ever routed to them.
        "1: wfi",
        "b 1b",
        "2: mov x19, x0",
        "mov x20, x1",
        // Those the firmware holds back are sent there too. Its spin table holds WFE, from which a core wakes
        // at every event, and which an emulator has to execute over and over.
        "adr x2, 1b",
        "mov x3, {spin_table}",
        "stp x2, x2, [x3, #8]",
        "str x2, [x3, #24]",
        "dsb sy",
        "sev",
        "mrs x21, CurrentEL",
        "lsr x21, x21, #2",
        "cmp x21, #2",
        "b.eq 5f",
        "b.lo 6f",
        // EL3. Coherency with the other cores has to be on before any cache is: CPUECTLR_EL1.SMPEN
        // (Cortex-A53 TRM 4.3.57); below EL3 the firmware has done it.
        "mrs x2, s3_1_c15_c2_1",
        "orr x2, x2, #1 << 6",
        "msr s3_1_c15_c2_1, x2",
        // The counter's rate, if nobody has set it: then the local timer has its reset values too.
        // Crystal, increments of 1, divider 1 (BCM2836 ARM-local peripherals, 4.1 and 4.2).
        "mrs x2, cntfrq_el0",
        "cbnz x2, 3f",
        "mov x2, #0x40000000",
        "str wzr, [x2]",
        "mov w3, #0x80000000",
        "str w3, [x2, #8]",
        "ldr x3, ={crystal_hz}",
        "msr cntfrq_el0, x3",
        "3: msr cptr_el3, xzr",
        "ldr x2, ={scr}",
        "msr scr_el3, x2",
        "ldr x2, ={sctlr_el2}",
        "msr sctlr_el2, x2",
        "mov x2, {el2h}",
        "msr spsr_el3, x2",
        "adr x2, 5f",
        "msr elr_el3, x2",
        "eret",
        // EL2. EL1 may use the physical counter and timer: CNTHCTL_EL2.EL1PCTEN, EL1PCEN (D17.8.2).
        "5: mov x2, {rw}",
        "msr hcr_el2, x2",
        "mrs x2, cnthctl_el2",
        "orr x2, x2, #0b11",
        "msr cnthctl_el2, x2",
        "msr cntvoff_el2, xzr",
        "mov x2, {cptr}",
        "msr cptr_el2, x2",
        "msr hstr_el2, xzr",
        "msr vttbr_el2, xzr",
        "mrs x2, midr_el1",
        "msr vpidr_el2, x2",
        "mrs x2, mpidr_el1",
        "msr vmpidr_el2, x2",
        "ldr x2, ={sctlr_el1}",
        "msr sctlr_el1, x2",
        "mov x2, {el1t}",
        "msr spsr_el2, x2",
        "adr x2, 6f",
        "msr elr_el2, x2",
        "eret",
        // EL1. Exceptions have a stack of their own, SP_EL1; everything else runs on SP_EL0.
        "6: ldr x2, ={sctlr_el1}",
        "msr sctlr_el1, x2",
        "msr cpacr_el1, xzr",
        "isb",
        "msr spsel, #1",
        "adrp x2, __exception_stack_end",
        "mov sp, x2",
        "msr spsel, #0",
        "adrp x2, __stack_end",
        "mov sp, x2",
        // .bss is whole pages.
        "adrp x2, __bss_start",
        "adrp x3, __bss_end",
        "7: cmp x2, x3",
        "b.hs 8f",
        "stp xzr, xzr, [x2], #16",
        "b 7b",
        // The frame chain ends here.
        "8: mov x29, xzr",
        "mov x30, xzr",
        "mov x0, x19",
        "mov x1, x21",
        "mov x2, x20",
        "b {start}",
        spin_table = const SPIN_TABLE,
        crystal_hz = const CRYSTAL_HZ,
        scr = const SECURE_CONFIGURATION,
        sctlr_el2 = const SYSTEM_CONTROL_EL2,
        sctlr_el1 = const SYSTEM_CONTROL_EL1,
        el2h = const STATE_EL2H_MASKED,
        el1t = const STATE_EL1T_MASKED,
        rw = const EL1_IS_64_BIT,
        cptr = const NO_TRAPS_TO_EL2,
        start = sym start,
    )
}

/// The first Rust code: still without MMU and caches, all interrupts masked.
extern "C" fn start(x0: usize, entry_level: u64, main: Main) -> ! {
    vectors::load();
    // SAFETY: 1. `enter` jumped here at EL1 with MMU and caches off, on core 0, once. 2. Nothing runs yet
    // that holds a reference to the tables.
    unsafe { mmu::switch_on() };
    main(x0, entry_level)
}
