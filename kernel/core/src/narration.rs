//! Telling what happens: a line for people and a record for tools, one fact each.

use core::fmt;

use kernel_report::{Line, Record};

use crate::platform::{Outcome, Platform};

/// Longest text of a record but for names, as JSON spells it: with two names of [`MAX_NAME_BYTES`] (twice that
/// when every byte is escaped), two such texts and the keys, a record fits its line.
///
/// [`MAX_NAME_BYTES`]: crate::manifest::MAX_NAME_BYTES
const TEXT_BYTES: usize = 360;

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

    pub(crate) const fn has_failed(&self) -> bool {
        self.tally.failed
    }

    /// Something in the initrd is refused.
    pub(crate) fn refuse(&mut self, file: &str, offset: u64, reason: fmt::Arguments<'_>) {
        self.fail();
        self.say(Pace::MayWait, format_args!("refused: {file} at byte {offset}: {reason}"));
        let reason = Text::of(reason);
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
pub(crate) struct Text {
    bytes: [u8; TEXT_BYTES],
    len: usize,
    /// Its length in JSON.
    spelled: usize,
}

impl Text {
    /// `text`, cut where it does not fit. Control characters become spaces.
    pub(crate) fn of(text: fmt::Arguments<'_>) -> Self {
        let mut clipped = Self { bytes: [0; TEXT_BYTES], len: 0, spelled: 0 };
        // Running out of room is the one error, and then the text is as full as it can be.
        let _ = fmt::write(&mut clipped, text);
        clipped
    }

    pub(crate) fn as_str(&self) -> &str {
        // Only whole characters are ever written.
        core::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let character = if character.is_control() { ' ' } else { character };
            let escapes = usize::from(matches!(character, '"' | '\\'));
            self.spelled += character.len_utf8() + escapes;
            if self.spelled > TEXT_BYTES {
                // What comes after what was cut must not follow it.
                self.spelled = TEXT_BYTES;
                return Err(fmt::Error);
            }
            self.len += character.encode_utf8(&mut self.bytes[self.len..]).len();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::String;

    use super::*;
    use crate::manifest::MAX_NAME_BYTES;
    use kernel_report::Verdict;

    #[test]
    fn the_longest_record_fits_its_line() {
        let hostile = |bytes| String::from_utf8(std::vec![b'"'; bytes]).unwrap();
        let name = hostile(MAX_NAME_BYTES);
        let text = Text::of(format_args!("{}", hostile(5000)));
        assert_eq!(text.as_str().len(), TEXT_BYTES / 2);
        let record = Record::Program {
            name: name.as_str(),
            object: &name,
            kind: "raw_tracepoint",
            verdict: Verdict::Reject,
            insns: u32::MAX,
            stack: Some(u32::MAX),
            wcet_insns: Some(u64::MAX),
            engine: Some("interpreter"),
            jited_bytes: Some(u32::MAX),
            insn: Some(u32::MAX),
            line: Some(text.as_str()),
            reason: Some(text.as_str()),
            expected: false,
        };
        assert!(Line::record(&record).is_some());
    }

    #[test]
    fn a_text_is_cut_at_a_character_and_has_no_control_character() {
        assert_eq!(Text::of(format_args!("a\n{}", '\u{1b}')).as_str(), "a  ");
        let long = Text::of(format_args!("x{}", "é".repeat(TEXT_BYTES)));
        assert_eq!(long.as_str().len(), TEXT_BYTES - 1);
    }
}
