//! The format strings of `bpf_trace_printk`: `%d %i %u %x %X %p %c %%` with `l`, `ll`, flags and a width.

use core::fmt;

use super::Services;
use crate::interpreter::Readable;

/// What a format string prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversions {
    /// Arguments it takes.
    pub count: usize,
    /// Whether all of it is understood, and takes at most three, as `bpf_trace_printk` has.
    pub valid: bool,
}

/// `-EINVAL`
const INVALID: i64 = -22;
const MAX_ARGUMENTS: usize = 3;
/// Most numbers a text prints (Linux's `MAX_BPRINTF_VARARGS`).
pub(super) const MAX_PRINTED: usize = 12;

#[derive(Clone, Copy)]
struct Conversion {
    kind: u8,
    long: bool,
    zero: bool,
    alternate: bool,
    width: usize,
}

enum Piece {
    Byte(u8),
    Convert(Conversion),
}

/// Pieces of a format string; `Err` at a conversion we do not have. Ends at a NUL.
fn pieces<I: Iterator<Item = u8>>(bytes: I) -> impl Iterator<Item = Result<Piece, ()>> {
    let mut bytes = bytes.take_while(|&byte| byte != 0).peekable();
    core::iter::from_fn(move || {
        Some(match bytes.next()? {
            b'%' => conversion(&mut bytes),
            byte => Ok(Piece::Byte(byte)),
        })
    })
}

fn conversion(bytes: &mut impl Iterator<Item = u8>) -> Result<Piece, ()> {
    let mut conversion = Conversion { kind: 0, long: false, zero: false, alternate: false, width: 0 };
    for byte in bytes {
        match byte {
            b'%' => return Ok(Piece::Byte(b'%')),
            b'l' => conversion.long = true,
            b'#' => conversion.alternate = true,
            b'0' if conversion.width == 0 => conversion.zero = true,
            b'0'..=b'9' => conversion.width = (conversion.width * 10 + usize::from(byte - b'0')).min(64),
            b'd' | b'i' | b'u' | b'x' | b'X' | b'c' | b'p' => {
                conversion.kind = byte;
                return Ok(Piece::Convert(conversion));
            }
            _ => return Err(()),
        }
    }
    Err(())
}

/// Counts what the string (up to its NUL) prints.
#[must_use]
pub fn conversions(text: impl Iterator<Item = u8>) -> Conversions {
    let mut result = Conversions { count: 0, valid: true };
    for piece in pieces(text) {
        match piece {
            Ok(Piece::Byte(_)) => {}
            Ok(Piece::Convert(_)) => result.count += 1,
            Err(()) => result.valid = false,
        }
    }
    result.valid &= result.count <= MAX_ARGUMENTS;
    result
}

/// A format string with its arguments.
pub(super) struct Printed<'t> {
    text: &'t Readable<'t>,
    arguments: [u64; MAX_PRINTED],
}

impl<'t> Printed<'t> {
    pub(super) fn new(text: &'t Readable<'t>, numbers: &[u64]) -> Self {
        Self { text, arguments: core::array::from_fn(|index| numbers.get(index).copied().unwrap_or(0)) }
    }

    fn bytes(&self) -> impl Iterator<Item = u8> + '_ {
        (0..self.text.len()).map(|index| self.text.byte(index))
    }

    /// Without the line end that every `bpf_printk` text has: a report's line has its own.
    fn length(&self) -> usize {
        let length = self.bytes().position(|byte| byte == 0).unwrap_or(self.text.len());
        if length > 0 && self.text.byte(length - 1) == b'\n' { length - 1 } else { length }
    }

    /// Whether the text is understood and prints at most `count` numbers.
    pub(super) fn is_valid(&self, count: usize) -> bool {
        let understood = pieces(self.bytes()).all(|piece| piece.is_ok());
        understood && conversions(self.bytes()).count <= count
    }

    /// Writes it with its line end.
    pub(super) fn write(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        self.write_first(self.text.len(), out)
    }

    fn write_first(&self, length: usize, out: &mut dyn fmt::Write) -> fmt::Result {
        let mut arguments = self.arguments.into_iter();
        for piece in pieces(self.bytes().take(length)) {
            match piece {
                // Bytes that are not ASCII are shown as the Latin-1 characters they would be.
                Ok(Piece::Byte(byte)) => write!(out, "{}", char::from(byte))?,
                Ok(Piece::Convert(conversion)) => convert(out, conversion, arguments.next().unwrap_or(0))?,
                Err(()) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Prints it, with at most `count` numbers; the number of bytes in the string, or `-EINVAL` if it is not
    /// understood.
    pub(super) fn print(&self, count: usize, services: &mut dyn Services) -> i64 {
        if !self.is_valid(count) {
            return INVALID;
        }
        services.print(format_args!("{self}"));
        self.length() as i64
    }
}

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_first(self.length(), f)
    }
}

fn convert(f: &mut dyn fmt::Write, conversion: Conversion, argument: u64) -> fmt::Result {
    let Conversion { kind, long, zero, alternate, width } = conversion;
    let unsigned = if long { argument } else { argument & 0xffff_ffff };
    let signed = if long { argument as i64 } else { i64::from(argument as i32) };
    match (kind, alternate, zero) {
        (b'd' | b'i', _, false) => write!(f, "{signed:width$}"),
        (b'd' | b'i', _, true) => write!(f, "{signed:0width$}"),
        (b'u', _, false) => write!(f, "{unsigned:width$}"),
        (b'u', _, true) => write!(f, "{unsigned:0width$}"),
        (b'x', true, false) => write!(f, "{unsigned:#width$x}"),
        (b'x', true, true) => write!(f, "{unsigned:#0width$x}"),
        (b'x', false, false) => write!(f, "{unsigned:width$x}"),
        (b'x', false, true) => write!(f, "{unsigned:0width$x}"),
        (b'X', _, false) => write!(f, "{unsigned:width$X}"),
        (b'X', _, true) => write!(f, "{unsigned:0width$X}"),
        (b'c', ..) => write!(f, "{}", char::from(argument as u8)),
        // The verifier lets no address through, so this is a number the program chose to show that way.
        _ => write!(f, "{argument:016x}"),
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;
    use crate::interpreter::{Memory, Region};

    struct Lines(String);

    impl Services for Lines {
        fn now(&self) -> u64 {
            0
        }
        fn random(&mut self) -> u32 {
            0
        }
        fn processor(&self) -> u32 {
            0
        }
        fn print(&mut self, text: fmt::Arguments<'_>) {
            self.0 = std::format!("{text}");
        }
    }

    fn printed(text: &str, arguments: [u64; 3]) -> (i64, String) {
        let mut memory = Memory::default();
        memory.add(Region::read_only(text.as_bytes())).unwrap();
        let readable = memory.readable(text.as_ptr().expose_provenance() as u64, text.len()).unwrap();
        let mut lines = Lines(String::new());
        (Printed::new(&readable, &arguments).print(3, &mut lines), lines.0)
    }

    #[test]
    fn numbers_print_as_c_prints_them() {
        let (length, text) = printed("%d|%u|%x\n\0junk", [u64::MAX, u64::MAX, 0x1_0000_00ff]);
        assert_eq!((length, text.as_str()), (8, "-1|4294967295|ff"));
        assert_eq!(printed("%lld %llu %#lx", [u64::MAX, u64::MAX, 255]).1, "-1 18446744073709551615 0xff");
        assert_eq!(printed("%05d|%5u|%c", [u64::MAX, 7, 65]).1, "-0001|    7|A");
        assert_eq!(printed("100%%", [0; 3]).1, "100%");
    }

    #[test]
    fn a_string_we_do_not_understand_prints_nothing() {
        for text in ["%s", "%", "%q", "%d%d%d%d"] {
            assert_eq!(printed(text, [0; 3]), (INVALID, String::new()), "{text}");
        }
    }

    #[test]
    fn conversions_are_counted_up_to_the_nul() {
        assert_eq!(conversions(b"%d %x\0%d".iter().copied()), Conversions { count: 2, valid: true });
        assert!(!conversions(b"%s".iter().copied()).valid);
    }
}
