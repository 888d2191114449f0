//! The last words: exceptions and panics. Unsafe because they take the console from whoever had it.

use core::fmt::Write;
use core::panic::PanicInfo;

use kernel_report::Record;
use kernel_x86_64::exceptions::{Exception, Frame, PageFaultCode, Vector};

use crate::console::{record, say};
use crate::ending::{Ending, end};
use crate::{console, platform};

/// Reports an exception and ends the image.
pub(crate) fn exception(exception: &Exception<'_>) -> ! {
    // SAFETY: exceptions do not return.
    unsafe { console::seize() };
    let Exception { vector, frame, address, stack_overflow } = *exception;
    let program = platform::interrupted_program();
    say(format_args!("exception: {} (vector {}), code {:#x}", vector.name(), vector.number(), frame.code));
    if vector == Vector::PAGE_FAULT {
        say(format_args!("exception: {} at {address:#x}", PageFaultCode(frame.code)));
    }
    if stack_overflow {
        say(format_args!("exception: stack overflow, {address:#x} is in the guard page below a stack"));
    }
    registers(frame);
    say(format_args!("exception: cr2={address:016x} program {}", program.unwrap_or("none")));
    record(&Record::Exception { vector: vector.name(), code: frame.code, pc: frame.rip, address, program });
    end(Ending::Crashed)
}

fn registers(frame: &Frame) {
    say(format_args!(
        "exception: rip={:016x} rsp={:016x} rflags={:08x} cs={:02x} ss={:02x}",
        frame.rip, frame.rsp, frame.rflags, frame.cs, frame.ss
    ));
    let named = || Frame::REGISTERS.iter().zip(&frame.registers).rev();
    for first in (0..frame.registers.len()).step_by(4) {
        let mut row = Text::<100>::new();
        for (name, value) in named().skip(first).take(4) {
            // A row of four fits.
            let _ = write!(row, " {name:>3}={value:016x}");
        }
        say(format_args!("exception:{}", row.as_str()));
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // SAFETY: a panic does not return.
    unsafe { console::seize() };
    say(format_args!("{info}"));
    let (mut at, mut reason) = (Text::<200>::new(), Text::<400>::new());
    // What does not fit is cut; the line above has more of it.
    let _ = info.location().map(|location| write!(at, "{}:{}", location.file(), location.line()));
    let _ = write!(reason, "{}", info.message());
    record(&Record::Panic { at: at.as_str(), reason: reason.as_str() });
    end(Ending::Crashed)
}

/// Text of at most `N` bytes, cut on a character.
struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    const fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl<const N: usize> Write for Text<N> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let part = kernel_report::clip(text, N - self.len).as_bytes();
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
        Ok(())
    }
}
