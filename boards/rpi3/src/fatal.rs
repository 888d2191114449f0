//! The ends of the image: the good one, and the reports of the bad ones.

use core::fmt;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use kernel_aarch64::fault::Fault;
use kernel_aarch64::{interrupts, mmu, semihosting};
use kernel_core::Outcome;
use kernel_drivers::activity_led::BlinkCode;
use kernel_report::{Line, Record};

use crate::led;
use crate::running::RUNNING;
use crate::serial::SERIAL;
use crate::text::Text;
use crate::time;

/// Exit status of an image that broke down.
const CRASHED: u64 = 3;

/// Set by the first report, so that a fault while reporting does not start another.
static REPORTING: AtomicBool = AtomicBool::new(false);

/// Ends the image as its outcome says: status 0 or 1.
pub(crate) fn finish(outcome: Outcome) -> ! {
    match outcome {
        Outcome::Ok => end(0, BlinkCode::OK),
        Outcome::Failed => end(1, BlinkCode::FAILED),
    }
}

/// The end: a status for an emulator; and on a board, where the image cannot go anywhere, a light that tells it.
fn end(status: u64, code: BlinkCode) -> ! {
    SERIAL.flush();
    semihosting::exit(status);
    led::blink(code)
}

/// Reports an exception and ends the image.
pub(crate) fn on_fault(fault: &Fault<'_>) -> ! {
    begin_report();
    say(format_args!("exception: {}, {} {}", vector_name(fault), fault.entry.kind(), fault.entry.origin()));
    let Fault { syndrome, address, frame, .. } = fault;
    if !syndrome.access().is_empty() {
        say(format_args!("  {}: {}", syndrome.access(), syndrome.detail()));
    }
    say(format_args!("  elr {:#018x}  far {address:#018x}", frame.program_counter));
    say(format_args!("  esr {:#018x} spsr {:#018x}", syndrome.0, frame.processor_state));
    say(format_args!("   sp {:#018x}", frame.stack_pointer));
    for (row, registers) in frame.registers.chunks(4).enumerate() {
        say(format_args!("  {}", RegisterRow { first: row * 4, registers }));
    }
    RUNNING.with_name(|program| {
        say(format_args!("  program: {}", program.unwrap_or("none was running")));
        record(&Record::Exception {
            vector: vector_name(fault),
            code: syndrome.0,
            pc: frame.program_counter,
            address: if syndrome.has_address() { *address } else { 0 },
            program,
        });
    });
    end(CRASHED, BlinkCode::EXCEPTION)
}

/// Reports a panic and ends the image.
pub(crate) fn on_panic(info: &PanicInfo<'_>) -> ! {
    begin_report();
    let (mut at, mut reason) = (Text::new(), Text::new());
    if let Some(location) = info.location() {
        at.put(format_args!("{}:{}", location.file(), location.line()));
    }
    reason.put(format_args!("{}", info.message()));
    say(format_args!("panic at {}: {}", at.as_str(), reason.as_str()));
    record(&Record::Panic { at: at.as_str(), reason: reason.as_str() });
    end(CRASHED, BlinkCode::PANIC)
}

/// The exception in two or three words.
fn vector_name(fault: &Fault<'_>) -> &'static str {
    if fault.syndrome.has_address() && mmu::is_stack_guard(fault.address) {
        return "stack overflow";
    }
    if fault.entry.kind() == "synchronous exception" { fault.syndrome.name() } else { fault.entry.kind() }
}

fn begin_report() {
    interrupts::mask_all();
    if REPORTING.swap(true, Ordering::Relaxed) {
        // The reporting itself broke: what is in the ring is all there is to say.
        end(CRASHED, BlinkCode::EXCEPTION);
    }
}

fn say(text: fmt::Arguments<'_>) {
    SERIAL.send(Line::human(time::now(), text).as_bytes());
}

fn record(record: &Record<&str>) {
    if let Some(line) = Line::record(record) {
        SERIAL.send(line.as_bytes());
    }
}

/// Up to four registers on one line.
struct RegisterRow<'a> {
    first: usize,
    registers: &'a [u64],
}

impl fmt::Display for RegisterRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, value) in self.registers.iter().enumerate() {
            write!(f, "x{:<2} {value:#018x} ", self.first + index)?;
        }
        Ok(())
    }
}
