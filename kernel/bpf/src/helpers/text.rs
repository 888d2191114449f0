//! Helpers on texts.

use core::cell::Cell;
use core::fmt::{self, Write};

use super::format::{MAX_PRINTED, Printed};
use super::{Call, CallError, Called, Outcome, errno};
use crate::interpreter::Readable;
use crate::memory::Reclaim;

impl<'a, M: Reclaim> Call<'_, 'a, M> {
    pub(super) fn trace_printk(&mut self) -> Called {
        let [text, len, first, second, third] = self.arguments;
        let text = self.text(text, len)?;
        let printed = Printed::new(&text, &[first, second, third]);
        Ok(Outcome::error(printed.print(3, self.services)))
    }

    /// `bpf_trace_vprintk(text, len, data, data_len)`.
    pub(super) fn trace_vprintk(&mut self) -> Called {
        let [text, len, data, data_len, _] = self.arguments;
        let text = self.text(text, len)?;
        let Some((numbers, count)) = self.numbers(data, data_len)? else {
            return Ok(Outcome::error(errno::INVALID));
        };
        Ok(Outcome::error(Printed::new(&text, &numbers[..count]).print(count, self.services)))
    }

    /// `bpf_snprintf(room, room_len, text, data, data_len)`: the text's length with its NUL, which may be more than
    /// the room has.
    pub(super) fn snprintf(&mut self) -> Called {
        let [room, room_len, text, data, data_len] = self.arguments;
        let room = self.job.memory.writable(room, room_len as usize)?;
        let text = self.job.memory.text(text)?;
        let Some((numbers, count)) = self.numbers(data, data_len)? else {
            return Ok(Outcome::error(errno::INVALID));
        };
        let printed = Printed::new(&text, &numbers[..count]);
        if !printed.is_valid(count) {
            return Ok(Outcome::error(errno::INVALID));
        }
        let mut out = Room { cells: room, len: 0 };
        // A room never fails: it counts what it has no place for.
        let _ = printed.write(&mut out);
        Ok(Outcome::Value(out.finish()))
    }

    fn text(&self, address: u64, len: u64) -> Result<Readable<'a>, CallError> {
        let len = usize::try_from(len).map_err(|_| CallError::Access(len))?;
        Ok(self.job.memory.readable(address, len)?)
    }

    /// Up to 12 numbers of 8 bytes; `None` if their size is wrong.
    fn numbers(&self, data: u64, len: u64) -> Result<Option<([u64; MAX_PRINTED], usize)>, CallError> {
        let count = len as usize / 8;
        if !len.is_multiple_of(8) || count > MAX_PRINTED {
            return Ok(None);
        }
        let bytes = self.job.memory.readable(data, len as usize)?;
        let number = |index: usize| {
            (0..8).rev().fold(0, |number, at| number << 8 | u64::from(bytes.byte(index * 8 + at)))
        };
        Ok(Some((core::array::from_fn(|index| if index < count { number(index) } else { 0 }), count)))
    }

    /// `bpf_strncmp(one, len, two)`.
    pub(super) fn strncmp(&mut self) -> Called {
        let [one, len, two, ..] = self.arguments;
        let (one, two) = (self.text(one, len)?, self.job.memory.text(two)?);
        for at in 0..one.len() {
            let (first, second) = (one.byte(at), if at < two.len() { two.byte(at) } else { 0 });
            if first != second {
                return Ok(Outcome::error(i64::from(first) - i64::from(second)));
            }
            if first == 0 {
                break;
            }
        }
        Ok(Outcome::Value(0))
    }
}

/// Memory that a text is written to.
struct Room<'r> {
    cells: &'r [Cell<u8>],
    len: usize,
}

impl Room<'_> {
    /// Ends the text with a NUL inside the room; its length with it.
    fn finish(self) -> u64 {
        if let Some(last) = self.cells.len().checked_sub(1) {
            self.cells[self.len.min(last)].set(0);
        }
        self.len as u64 + 1
    }
}

impl Write for Room<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            if let Some(cell) = self.cells.get(self.len) {
                cell.set(byte);
            }
            self.len += 1;
        }
        Ok(())
    }
}
