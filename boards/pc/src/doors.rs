//! The two ways in. Each fills a [`Handover`] and calls [`kmain`]. Unsafe where a door changes stacks.

use bootloader_api::config::{BootloaderConfig, Mapping};
use bootloader_api::info::{MemoryRegionKind, Optional};
use bootloader_api::{BootInfo, entry_point};
use kernel_x86_64::entry::{PvhStart, on_boot_stack};
use kernel_x86_64::handover::Handover;
use kernel_x86_64::paging::physical_address;
use kernel_x86_64::physical::DIRECT_MAP;
use kernel_x86_64::pvh_door;
use kernel_x86_64::ranges::{Range, Ranges};

use crate::{console, kmain};

pvh_door!(pvh);

/// QEMU `-kernel`, Firecracker, Cloud Hypervisor: already on the boot stack.
fn pvh(start: PvhStart) -> ! {
    match start.handover() {
        Ok(handover) => kmain(&handover),
        Err(error) => {
            console::init();
            panic!("PVH handover: {error}")
        }
    }
}

/// What a disk image asks of `bootloader`: all physical memory, where the kernel itself will map it.
static CONFIG: BootloaderConfig = {
    let mut config = BootloaderConfig::new_default();
    config.mappings.physical_memory = Some(Mapping::FixedAddress(DIRECT_MAP));
    config
};

entry_point!(disk, config = &CONFIG);

/// A BIOS or UEFI disk image, by way of `bootloader`.
fn disk(boot_info: &'static mut BootInfo) -> ! {
    let handover = from_boot_info(boot_info);
    // SAFETY: 1. `bootloader` enters once, on a stack of its own; 2. it mapped the image where it is linked.
    unsafe { on_boot_stack(&handover, kmain) }
}

fn from_boot_info(boot_info: &BootInfo) -> Handover {
    let mut ram = Ranges::new();
    for region in boot_info.memory_regions.iter().filter(|region| region.kind == MemoryRegionKind::Usable) {
        ram.add(Range::new(region.start, region.end).pages_inside());
    }
    // Regions in use by the image are not usable ones, so there is no image to take out.
    let mut handover = Handover::new(ram, Range::EMPTY, ramdisk(boot_info));
    if let Optional::Some(rsdp) = boot_info.rsdp_addr {
        handover.rsdp = Some(rsdp);
    }
    handover
}

/// The ramdisk by physical address: `bootloader` loads it in one piece and maps it page by page.
fn ramdisk(boot_info: &BootInfo) -> Range {
    let Optional::Some(address) = boot_info.ramdisk_addr else { return Range::EMPTY };
    let physical = physical_address(address);
    physical.and_then(|start| Range::sized(start, boot_info.ramdisk_len)).unwrap_or(Range::EMPTY)
}
