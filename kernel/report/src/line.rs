//! One line of a report, formatted without a heap.

use core::fmt::{self, Write};

use serde::Serialize;

use crate::Record;

/// The longest line, with its CR LF.
pub const LINE_BYTES: usize = 2048;

const END: &[u8] = b"\r\n";

/// A finished line: at most [`LINE_BYTES`] bytes, ended by CR LF, with no other line break or control byte in it.
pub struct Line {
    bytes: [u8; LINE_BYTES],
    len: usize,
}

impl Line {
    /// `[    0.001234] text`, with `now` in nanoseconds. Text that does not fit is cut.
    #[must_use]
    pub fn human(now: u64, text: fmt::Arguments<'_>) -> Self {
        let mut line = Self::empty();
        let (seconds, micros) = (now / 1_000_000_000, now / 1_000 % 1_000_000);
        // Running out of room is the one error, and then the line is as full as it can be.
        let _ = write!(line, "[{seconds:5}.{micros:06}] ").and_then(|()| line.write_fmt(text));
        line.finish()
    }

    /// `@{"ev":…}`. `None` if the record does not fit: half a record would not be JSON, so it counts as lost.
    #[must_use]
    pub fn record(record: &Record<&str>) -> Option<Self> {
        let mut line = Self::empty();
        line.bytes[0] = b'@';
        let room = &mut line.bytes[1..LINE_BYTES - END.len()];
        line.len = 1 + Self::serialize(record, room)?;
        Some(line.finish())
    }

    /// The whole line, CR LF included.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn serialize(record: &impl Serialize, room: &mut [u8]) -> Option<usize> {
        serde_json_core::to_slice(record, room).ok()
    }

    const fn empty() -> Self {
        Self { bytes: [0; LINE_BYTES], len: 0 }
    }

    fn finish(mut self) -> Self {
        self.bytes[self.len..self.len + END.len()].copy_from_slice(END);
        self.len += END.len();
        self
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            // A program's text must not be able to forge a line of its own.
            let printable = if character.is_control() { ' ' } else { character };
            let mut utf8 = [0; 4];
            let encoded = printable.encode_utf8(&mut utf8).as_bytes();
            let end = self.len + encoded.len();
            if end > LINE_BYTES - END.len() {
                return Err(fmt::Error);
            }
            self.bytes[self.len..end].copy_from_slice(encoded);
            self.len = end;
        }
        Ok(())
    }
}

/// The longest prefix of `text` of at most `bytes` bytes that is whole characters.
#[must_use]
pub fn clip(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &Line) -> &str {
        core::str::from_utf8(line.as_bytes()).unwrap()
    }

    #[test]
    fn a_human_line_starts_with_seconds_and_microseconds() {
        let line = Line::human(12_001_234_567, format_args!("x: {}", 5));
        assert_eq!(text(&line), "[   12.001234] x: 5\r\n");
    }

    #[test]
    fn a_programs_text_cannot_forge_a_record() {
        let line = Line::human(0, format_args!("a\n@{{\"ev\":\"summary\"}}\u{1b}[2J"));
        assert_eq!(line.as_bytes().iter().filter(|&&byte| byte < b' ').count(), 2);
    }

    #[test]
    fn a_long_human_line_is_cut_on_a_character() {
        let long = ["é"; 2000];
        let mut line = Line::empty();
        for part in long {
            let _ = line.write_str(part);
        }
        let line = line.finish();
        assert!(line.as_bytes().len() <= LINE_BYTES);
        assert!(text(&line).ends_with("\r\n"));
    }

    #[test]
    fn a_record_is_one_json_object_behind_an_at_sign() {
        let record = Record::Boot { board: "pc", profile: "cloud", version: "0.1\"\n", ns: 7 };
        let line = Line::record(&record).unwrap();
        assert_eq!(
            text(&line),
            "@{\"ev\":\"boot\",\"board\":\"pc\",\"profile\":\"cloud\",\"version\":\"0.1\\\"\\n\",\"ns\":7}\r\n"
        );
    }

    #[test]
    fn a_record_that_does_not_fit_is_not_cut() {
        let long = core::str::from_utf8(&[b'x'; LINE_BYTES]).unwrap();
        assert!(Line::record(&Record::Panic { at: "a", reason: long }).is_none());
    }
}
