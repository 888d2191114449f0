//! The serial console. Interrupts stay masked and there is one processor, so its lock is contended only if an
//! exception strikes in the middle of a line. Unsafe to name the UART, and once more to report that exception.

use core::fmt;

use kernel_drivers::com1::Com1;
use kernel_report::{Line, Record};
use spin::Mutex;

use crate::time;

// SAFETY: nothing else names the UART's ports; `seize` takes over, it does not share.
static COM1: Mutex<Com1> = Mutex::new(unsafe { Com1::new() });

/// Sets the line up.
pub(crate) fn init() {
    COM1.lock().init();
}

/// Sends one finished line.
pub(crate) fn send(line: &[u8]) {
    COM1.lock().send(line);
}

/// Sends one line for people.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    send(Line::human(time::now(), text).as_bytes());
}

/// Sends one record; one too long for a line is left out.
pub(crate) fn record(record: &Record<&str>) {
    if let Some(line) = Line::record(record) {
        send(line.as_bytes());
    }
}

/// Lines that did not go out.
pub(crate) fn lost_lines() -> u64 {
    COM1.lock().lost_lines()
}

/// Waits until everything is on the wire.
pub(crate) fn flush() {
    COM1.lock().flush();
}

/// Takes the console from whatever was using it, ending its line.
///
/// # Safety
///
/// What held the console never runs again.
pub(crate) unsafe fn seize() {
    if COM1.is_locked() {
        // SAFETY: the holder is gone, by the caller's duty, and the UART's state is valid between any two
        // instructions.
        unsafe { COM1.force_unlock() };
        send(b"\r\n");
    }
}
