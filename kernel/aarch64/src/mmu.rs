//! The memory map of the Raspberry Pi 3 and the switch that puts it in force.
//!
//! Unsafe because it changes what every address means, and reads the tables through theirs.

use core::arch::asm;
use core::ops::Range;

use aarch64_cpu::asm::barrier::{SY, dsb};
use aarch64_cpu::registers::{SCTLR_EL1, TCR_EL1, TTBR0_EL1};

use crate::entry::SYSTEM_CONTROL_EL1;
use crate::layout;
use crate::translation::{Access, MEMORY_ATTRIBUTES, MapSummary, PAGED_BYTES, Region, Tables, summarize};

/// Memory that is the processor's with the firmware's default split; the video processor has the rest of the
/// gigabyte. A board with a smaller `gpu_mem` has more than this uses.
pub const RAM: Range<u64> = 0..0x3b40_0000;
/// Peripherals of the BCM2837 (BCM2835 ARM Peripherals 1.2.3, moved to 0x3f00_0000) and, behind them, the
/// ARM-local ones (BCM2836 ARM-local peripherals).
const DEVICES: Range<u64> = 0x3f00_0000..0x4020_0000;

/// The tables in force. In a section of their own, which is mapped read-only.
#[unsafe(link_section = ".tables")]
static mut TABLES: Tables = Tables::EMPTY;

/// Everything that is mapped. Not among them: the first 512 KiB, so that no null pointer, with whatever
/// offset, reaches anything (the firmware's spin tables for the parked cores are there), the guard pages
/// below the stacks, and what is neither RAM nor a device.
fn regions() -> [Region; 10] {
    let region = |addresses, access| Region { addresses, access };
    [
        region(layout::text(), Access::Code),
        region(layout::constants(), Access::Constant),
        region(layout::tables(), Access::Constant),
        region(layout::data(), Access::Variable),
        region(layout::bss(), Access::Variable),
        region(layout::shared(), Access::Shared),
        region(layout::exception_stack(), Access::Variable),
        region(layout::stack(), Access::Variable),
        region(layout::image().end..RAM.end, Access::Variable),
        region(DEVICES, Access::Device),
    ]
}

/// Fills the tables and switches MMU and caches on.
///
/// # Safety
/// 1. EL1, one core, MMU and data cache off; called once.
/// 2. No reference to the tables exists.
pub(crate) unsafe fn switch_on() {
    let tables = &raw mut TABLES;
    // SAFETY: duty 2; the static is valid and aligned.
    unsafe { &mut *tables }.fill(tables as u64, &regions());
    // The cache may hold what lay here before the image did; what was just written went past it.
    invalidate_data_cache(layout::data().start..layout::image().end);
    // SAFETY: duty 1, and the map maps all that runs and is in use at the address where it is.
    unsafe { put_in_force(tables as u64) };
}

/// Drops the lines of `addresses` from the data cache, to the point of coherency (Arm ARM D7.5.9).
fn invalidate_data_cache(addresses: Range<u64>) {
    let cache_type: u64;
    // SAFETY: reads an identification register.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) cache_type, options(nomem, nostack)) };
    let line_bytes = 4 << (cache_type >> 16 & 0xf);
    for address in addresses.step_by(line_bytes) {
        // SAFETY: the data cache is off, so no line in it holds anything this program wrote.
        unsafe { asm!("dc ivac, {}", in(reg) address, options(nostack)) };
    }
}

/// # Safety
/// The tables at `root` map everything in use at its physical address.
unsafe fn put_in_force(root: u64) {
    // 4 GiB from address 0, 4 KiB granule, table walks cached and shareable, nothing in the upper half.
    let control = TCR_EL1::T0SZ.val(32)
        + TCR_EL1::TG0::KiB_4
        + TCR_EL1::SH0::Inner
        + TCR_EL1::ORGN0::WriteBack_ReadAlloc_WriteAlloc_Cacheable
        + TCR_EL1::IRGN0::WriteBack_ReadAlloc_WriteAlloc_Cacheable
        + TCR_EL1::EPD1::DisableTTBR1Walks
        + TCR_EL1::IPS::Bits_32;
    let system = SCTLR_EL1::M::Enable
        + SCTLR_EL1::C::Cacheable
        + SCTLR_EL1::I::Cacheable
        + SCTLR_EL1::SA::Enable
        + SCTLR_EL1::WXN::Enable;
    // SAFETY: the caller's duty. The barriers are those of Arm ARM D8.13.1: tables written before the walker
    // looks, stale translations and instructions gone, and the new map in force for the next instruction.
    unsafe {
        asm!(
            "dsb sy",
            "msr mair_el1, {attributes}",
            "msr tcr_el1, {control}",
            "msr ttbr0_el1, {root}",
            "isb",
            "tlbi vmalle1",
            "ic iallu",
            "dsb nsh",
            "isb",
            "msr sctlr_el1, {system}",
            "isb",
            attributes = in(reg) MEMORY_ATTRIBUTES,
            control = in(reg) control.value,
            root = in(reg) root,
            system = in(reg) system.value | SYSTEM_CONTROL_EL1,
            options(nostack),
        );
    }
}

/// Walks the tables the processor walks, from `TTBR0_EL1`.
#[must_use]
pub fn summary() -> MapSummary {
    summarize(TTBR0_EL1.get_baddr(), &|address| {
        let descriptor = address as *const u64;
        // SAFETY: tables lie in RAM, which is mapped at its physical address; the address comes from
        // TTBR0_EL1 or a valid table descriptor and is a multiple of 8.
        unsafe { descriptor.read_volatile() }
    })
}

/// Waits until all memory accesses so far are done, for devices too (Arm ARM B2.3.7, DSB SY).
pub fn barrier() {
    dsb(SY);
}

/// Whether `address` lies in the guard page below the main stack.
#[must_use]
pub fn is_stack_guard(address: u64) -> bool {
    (layout::exception_stack().end..layout::stack().start).contains(&address)
}

const _: () = assert!(RAM.end > PAGED_BYTES);
