//! Telling what happens: a line for people and a record for tools, one fact each.

use core::fmt;

use kernel_report::{Line, Record};

use crate::platform::{Outcome, Platform};

/// Longest reason in a record, so that every record fits its line.
const REASON_BYTES: usize = 400;

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) loaded: u32,
    pub(crate) rejected: u32,
    pub(crate) runs: u64,
    pub(crate) misses: u64,
    pub(crate) restarts: u64,
    /// Records that did not fit a line.
    unsent: u64,
    /// Something was refused or went otherwise than the manifest expects.
    failed: bool,
}

/// The one place that writes to the platform's serial line.
pub(crate) struct Narrator<'p, P: Platform> {
    pub(crate) platform: &'p P,
    pub(crate) tally: Tally,
}

/// Whether a line may wait for room in the serial ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// While loading: nothing has a deadline.
    MayWait,
    /// While running: a line that has no room is lost, and counted.
    NeverWaits,
}

impl<'p, P: Platform> Narrator<'p, P> {
    pub(crate) fn new(platform: &'p P) -> Self {
        Self { platform, tally: Tally::default() }
    }

    fn send(&self, pace: Pace, line: &Line) {
        match pace {
            Pace::MayWait => self.platform.send(line.as_bytes()),
            Pace::NeverWaits => self.platform.try_send(line.as_bytes()),
        }
    }

    /// A line for people.
    pub(crate) fn say(&self, pace: Pace, text: fmt::Arguments<'_>) {
        self.send(pace, &Line::human(self.platform.now(), text));
    }

    /// A record for tools.
    pub(crate) fn record(&mut self, pace: Pace, record: &Record<&str>) {
        match Line::record(record) {
            Some(line) => self.send(pace, &line),
            None => self.tally.unsent += 1,
        }
    }

    /// Something went otherwise than it should.
    pub(crate) fn fail(&mut self) {
        self.tally.failed = true;
    }

    /// Something in the initrd is refused.
    pub(crate) fn refuse(&mut self, file: &str, offset: u64, reason: fmt::Arguments<'_>) {
        self.fail();
        self.say(Pace::MayWait, format_args!("refused: {file} at byte {offset}: {reason}"));
        let reason = Reason::of(reason);
        self.record(Pace::MayWait, &Record::Refused { file, offset, reason: reason.as_str() });
    }

    /// The last records; how the boot ended.
    pub(crate) fn summary(&mut self, pool: (usize, usize)) -> Outcome {
        let memory = self.platform.memory();
        self.record(
            Pace::MayWait,
            &Record::Memory {
                pool_used: pool.0 as u64,
                pool_high: pool.1 as u64,
                heap_high: memory.heap_high,
                wx_pages: memory.wx_pages,
            },
        );
        let Tally { loaded, rejected, runs, misses, restarts, unsent, failed } = self.tally;
        let lost_lines = self.platform.lost_lines() + unsent;
        let verdict = if failed { "not everything went as expected" } else { "all went as expected" };
        self.say(
            Pace::MayWait,
            format_args!(
                "summary: {loaded} loaded, {rejected} rejected, {runs} runs, {misses} misses: {verdict}"
            ),
        );
        let ok = !failed;
        self.record(
            Pace::MayWait,
            &Record::Summary { loaded, rejected, runs, misses, restarts, lost_lines, ok },
        );
        if ok { Outcome::Ok } else { Outcome::Failed }
    }
}

/// A formatted text of bounded length, for a record.
pub(crate) struct Reason {
    bytes: [u8; REASON_BYTES],
    len: usize,
}

impl Reason {
    /// `text`, cut where it does not fit.
    pub(crate) fn of(text: fmt::Arguments<'_>) -> Self {
        let mut reason = Self { bytes: [0; REASON_BYTES], len: 0 };
        // Running out of room is the one error, and then the reason is as full as it can be.
        let _ = fmt::write(&mut reason, text);
        reason
    }

    pub(crate) fn as_str(&self) -> &str {
        // Only whole strings, cut at characters, are ever copied in.
        core::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl fmt::Write for Reason {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let part = kernel_report::clip(text, REASON_BYTES - self.len);
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part.as_bytes());
        self.len += part.len();
        if part.len() == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}
