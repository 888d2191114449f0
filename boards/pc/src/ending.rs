//! How the image ends: the machine powers off, with an exit status where the command line asks for one. Unsafe
//! because the last thing a machine is told goes to devices.

use kernel_drivers::debug_exit::DebugExit;
use kernel_drivers::port::Port;
use kernel_x86_64::acpi::SoftOff;
use kernel_x86_64::handover::CommandLine;
use kernel_x86_64::paging::physical_address;
use kernel_x86_64::physical::DIRECT_MAP;
use kernel_x86_64::power;
use kernel_x86_64::ranges::PAGE_BYTES;
use spin::Once;

use crate::console;

/// How it went. The numbers become QEMU's exit status by `2 * code + 1`: 33, 35, 37.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Ending {
    /// Everything went as the manifest expects.
    Ok = 0x10,
    /// Something was refused, failed or went otherwise than expected.
    Failed = 0x11,
    /// A panic or an exception in the kernel.
    Crashed = 0x12,
}

struct Plan {
    debug_exit: bool,
    soft_off: Option<SoftOff>,
}

static PLAN: Once<Plan> = Once::new();

/// Settles how to end: `exit=isa-debug` asks for an exit status through QEMU's `isa-debug-exit` device.
pub(crate) fn plan(command_line: &CommandLine, soft_off: Option<SoftOff>) {
    let debug_exit = command_line.value("exit") == Some("isa-debug");
    PLAN.call_once(|| Plan { debug_exit, soft_off });
}

/// The page of the register that powers off, if it is a memory register.
pub(crate) fn device_page(soft_off: Option<SoftOff>) -> Option<u64> {
    match soft_off? {
        SoftOff::SleepControl { address, .. } => Some(address & !(PAGE_BYTES - 1)),
        SoftOff::Pm1aControl { .. } => None,
    }
}

/// Ends the image. Nothing is printed after this.
pub(crate) fn end(ending: Ending) -> ! {
    console::flush();
    let plan = PLAN.get();
    if plan.is_some_and(|plan| plan.debug_exit) {
        // SAFETY: the user says that the device is there; where it is not, the port belongs to nobody.
        DebugExit::new(unsafe { Port::new(DebugExit::PORT) }).exit(ending as u8);
    }
    let soft_off = plan.and_then(|plan| plan.soft_off).filter(|&soft_off| reachable(soft_off));
    // SAFETY: a sleep control register that is not mapped was left out just above.
    unsafe { power::off(soft_off) }
}

fn reachable(soft_off: SoftOff) -> bool {
    match soft_off {
        SoftOff::SleepControl { address, .. } => physical_address(DIRECT_MAP + address).is_some(),
        SoftOff::Pm1aControl { .. } => true,
    }
}
