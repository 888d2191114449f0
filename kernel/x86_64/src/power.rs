//! Ending the machine. Unsafe because each way writes a device that firmware or the virtual machine put there.

use x86_64::VirtAddr;
use x86_64::instructions::port::Port;
use x86_64::instructions::tables::lidt;
use x86_64::instructions::{hlt, interrupts};
use x86_64::structures::DescriptorTablePointer;

use crate::acpi::SoftOff;
use crate::physical::DIRECT_MAP;

/// Powers off: as ACPI says, else by the keyboard controller's reset line (all that Firecracker has), else by
/// a triple fault. A virtual machine started with `-no-reboot` ends at any of them.
///
/// # Safety
///
/// A [`SoftOff::SleepControl`] register is mapped in the direct map.
pub unsafe fn off(soft_off: Option<SoftOff>) -> ! {
    if let Some(soft_off) = soft_off {
        // SAFETY: the caller's duty.
        unsafe { acpi_off(soft_off) };
        wait_for_effect();
    }
    reset_by_keyboard_controller();
    wait_for_effect();
    triple_fault()
}

/// # Safety
///
/// A [`SoftOff::SleepControl`] register is mapped in the direct map.
unsafe fn acpi_off(soft_off: SoftOff) {
    match soft_off {
        // SAFETY: the FADT names this port as the PM1a control register, and S5 ends the machine.
        SoftOff::Pm1aControl { port, value } => unsafe { Port::new(port).write(value) },
        SoftOff::SleepControl { address, value } => {
            let register = (DIRECT_MAP + address) as *mut u8;
            // SAFETY: mapped by the caller's duty; the FADT names it as the sleep control register.
            unsafe { register.write_volatile(value) }
        }
    }
}

fn reset_by_keyboard_controller() {
    const COMMAND: u16 = 0x64;
    const PULSE_RESET: u8 = 0xfe;
    // SAFETY: the port belongs to the keyboard controller or to nothing.
    unsafe { Port::new(COMMAND).write(PULSE_RESET) }
}

/// A virtual machine acts on a power-off some time after the write; going on to a reset at once could win.
fn wait_for_effect() {
    const DELAY_READS: u32 = 100_000;
    let mut post_code = Port::<u8>::new(0x80);
    for _ in 0..DELAY_READS {
        // SAFETY: reading the POST code port does nothing but take about a microsecond.
        let _ = unsafe { post_code.read() };
    }
}

/// With no interrupt table every exception is a triple fault, which resets the machine.
fn triple_fault() -> ! {
    interrupts::disable();
    let empty = DescriptorTablePointer { limit: 0, base: VirtAddr::zero() };
    // SAFETY: the exception that follows ends the machine; nothing runs after it.
    unsafe { lidt(&empty) };
    interrupts::int3();
    loop {
        hlt();
    }
}
