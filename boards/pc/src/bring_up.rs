//! From a loader's machine to the kernel's: page tables, heap, clock. Unsafe because this is where the kernel
//! takes the machine's memory over.

use kernel_x86_64::acpi::{self, Acpi};
use kernel_x86_64::clock::Frequency;
use kernel_x86_64::handover::Handover;
use kernel_x86_64::paging::{self, Layout};
use kernel_x86_64::physical::Firmware;
use kernel_x86_64::{apic, cpu};

use crate::console::say;
use crate::heap::HEAP;
use crate::{code, ending, time};

/// Called once, by `kmain`, with its own copy of the handover. Returns the initrd.
pub(crate) fn bring_up(handover: &Handover, started: u64) -> &'static mut [u8] {
    if cpu::enable_page_permissions().is_err() {
        panic!("this processor has no no-execute bit; Skep needs one");
    }
    let acpi = read_acpi(handover);
    ending::plan(&handover.command_line, acpi.soft_off);
    let timer_page = apic::known_timer_page();
    let devices = timer_page.into_iter().chain(ending::device_page(acpi.soft_off));
    // SAFETY: 1. nothing has replaced the loader's tables; 2. this is the first use of the handover's memory,
    // and `kmain` runs once; 3. `kmain` cloned the handover onto the boot stack.
    let mapped = match unsafe { paging::switch(handover, devices) } {
        Ok(mapped) => mapped,
        Err(error) => panic!("paging: {error}"),
    };
    code::install(mapped.code);
    cpu::enable_protections();
    let free_bytes = mapped.free.bytes();
    // SAFETY: 1. `paging::switch` mapped the free memory and gave it to nobody else; 2. this runs once.
    unsafe { HEAP.fill(mapped.free) };
    let frequency = time::start(started, acpi.pm_timer_port, timer_page);
    narrate(frequency, free_bytes, mapped.initrd.len());
    mapped.initrd
}

fn read_acpi(handover: &Handover) -> Acpi {
    // SAFETY: 1. the loader maps 4 GiB there; 2. ACPI tables are not free memory, so nobody writes them.
    let firmware = unsafe { Firmware::new() };
    handover.rsdp.and_then(|rsdp| acpi::read(&firmware, rsdp)).unwrap_or_default()
}

fn narrate(frequency: Frequency, free_bytes: u64, initrd_bytes: usize) {
    say(format_args!("clock: TSC at {} kHz, {}", frequency.hz / 1_000, frequency.source));
    say(format_args!("memory: {} KiB free, initrd of {initrd_bytes} bytes", free_bytes >> 10));
    say(format_args!(
        "paging: wx_pages={} null_mapped={} text={}KiB",
        paging::wx_pages(),
        u8::from(paging::physical_address(0).is_some()),
        Layout::of_image().text.bytes() >> 10,
    ));
}
