//! What the vectors call: interrupts to their devices, faults to the report.

use kernel_aarch64::mmu;
use kernel_aarch64::timer::Alarm;
use kernel_aarch64::vectors::Hooks;

use crate::fatal;
use crate::hardware::{CORE, LEGACY, UART_INTERRUPT};
use crate::serial::SERIAL;

/// The alarm of the generic timer.
pub(crate) static ALARM: Alarm = Alarm::new();

/// The board's answers to exceptions.
pub(crate) static HOOKS: Hooks = Hooks { interrupt: on_interrupt, fault: fatal::on_fault };

/// Opens the way of the two interrupts there are.
pub(crate) fn route_interrupts() {
    LEGACY.enable_only(UART_INTERRUPT);
    CORE.route_to_core_0();
}

/// Handles what is pending. The barriers keep apart the accesses to different devices, this program's and the
/// interrupted one's (BCM2835 ARM Peripherals 1.3).
fn on_interrupt() {
    mmu::barrier();
    let pending = CORE.pending();
    if pending.timer {
        ALARM.on_interrupt();
    }
    if pending.peripherals && LEGACY.is_pending(UART_INTERRUPT) {
        SERIAL.on_interrupt();
    }
    mmu::barrier();
}
