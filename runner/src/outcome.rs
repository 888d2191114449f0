//! From a report and an exit status to a verdict.

use std::process::ExitCode;

use kernel_report::{Event, Record};

use crate::board::Board;
use crate::console::End;
use crate::qemu::Ending;

/// What a machine reported.
#[derive(Default)]
pub(crate) struct Report {
    /// In the order they came.
    pub(crate) records: Vec<Record<String>>,
    /// Lines that start like a record and are none, with the reason.
    pub(crate) unreadable: Vec<(String, String)>,
    /// Whether the machine wrote anything at all.
    pub(crate) is_begun: bool,
}

impl Report {
    /// Takes in one line; gives it back if it is for people.
    pub(crate) fn add(&mut self, line: &str) -> Option<String> {
        self.is_begun = true;
        match kernel_report::read(line) {
            Event::Record(record) => self.records.push(record),
            Event::Unreadable { line, reason } => self.unreadable.push((line, reason)),
            Event::Text(text) => return Some(text),
        }
        None
    }
}

/// What came of a boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All went as the manifest expects.
    Ok,
    /// The image reports a failure.
    Failed(String),
    /// The image did not end as an image ends.
    Crashed(String),
    /// The user ended it.
    Interrupted,
}

impl Outcome {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Ok => 0,
            Self::Failed(_) => 1,
            Self::Crashed(_) => 3,
            // What a shell makes of SIGINT.
            Self::Interrupted => 130,
        })
    }
}

/// What an exit status of QEMU says about the image in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Ok,
    Failed,
    Crashed,
    /// It ended; the summary alone tells how.
    PoweredOff,
    Foreign,
}

/// isa-debug-exit makes `(value << 1) | 1` of 0x10, 0x11 and 0x12; semihosting passes the value on.
fn status(board: Board, ending: Ending, code: Option<i32>) -> Status {
    if ending == Ending::PowerOff {
        return if code == Some(0) { Status::PoweredOff } else { Status::Foreign };
    }
    match (board, code) {
        (Board::Pc, Some(33)) | (Board::Rpi3, Some(0)) => Status::Ok,
        (Board::Pc, Some(35)) | (Board::Rpi3, Some(1)) => Status::Failed,
        (Board::Pc, Some(37)) | (Board::Rpi3, Some(3)) => Status::Crashed,
        _ => Status::Foreign,
    }
}

/// Judges a boot by its records first, since they say why, and by the exit status second.
pub(crate) fn judge(board: Board, ending: Ending, end: End, report: &Report) -> Outcome {
    let crash = report.records.iter().find_map(crash);
    let code = match end {
        End::Interrupted => return Outcome::Interrupted,
        _ if let Some(crash) = crash => return Outcome::Crashed(crash),
        End::Timeout => return Outcome::Crashed("the image did not end in time".into()),
        End::Exit(code) => code,
    };
    let ok = report.records.iter().rev().find_map(|record| match record {
        Record::Summary { ok, .. } => Some(*ok),
        _ => None,
    });
    let shown = code.map_or("by a signal".into(), |code| format!("with status {code}"));
    match (ok, status(board, ending, code)) {
        (None, Status::Foreign) if !report.is_begun => Outcome::Crashed(format!(
            "QEMU ended {shown} before the image wrote anything; what QEMU says is above"
        )),
        (None, _) => Outcome::Crashed(format!("QEMU ended {shown} and the image reported no summary")),
        (_, Status::Crashed | Status::Foreign) => {
            Outcome::Crashed(format!("QEMU ended {shown} after the summary"))
        }
        (Some(false), _) => Outcome::Failed(why(report)),
        (_, Status::Failed) => Outcome::Failed("the exit status says failed, the summary says ok".into()),
        (Some(true), Status::Ok | Status::PoweredOff) => match report.unreadable.len() {
            0 => Outcome::Ok,
            count => Outcome::Failed(format!("{count} records arrived damaged")),
        },
    }
}

fn crash(record: &Record<String>) -> Option<String> {
    match record {
        Record::Exception { vector, code, pc, address, program } => {
            let program = program.as_deref().map(|name| format!(" while {name} ran")).unwrap_or_default();
            Some(format!("{vector} at {pc:#x}{program}, code {code:#x}, address {address:#x}"))
        }
        Record::Panic { at, reason } => Some(format!("panic at {at}: {reason}")),
        _ => None,
    }
}

/// The failures in a report, counted by kind.
fn why(report: &Report) -> String {
    let mut reasons = Vec::new();
    let mut count = |what: &str, is_one: fn(&Record<String>) -> bool| match report
        .records
        .iter()
        .filter(|record| is_one(record))
        .count()
    {
        0 => {}
        number => reasons.push(format!("{number} {what}")),
    };
    count("refused", |record| matches!(record, Record::Refused { .. }));
    count("with an unexpected verdict", |record| matches!(record, Record::Program { expected: false, .. }));
    count("runs with an unexpected result", |record| matches!(record, Record::Run { expected: false, .. }));
    count("deadlines missed", |record| matches!(record, Record::Miss { .. }));
    count("recoveries", |record| matches!(record, Record::Recovery { .. }));
    if reasons.is_empty() {
        reasons.push("the summary says so".into());
    }
    format!("the image reports a failure: {}", reasons.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(lines: &[&str]) -> Report {
        let mut report = Report::default();
        for line in lines {
            assert_eq!(report.add(line), None, "{line} is no record");
        }
        report
    }

    fn summary(ok: bool) -> String {
        format!(
            r#"@{{"ev":"summary","loaded":1,"rejected":0,"runs":1,"misses":0,"restarts":0,"lost_lines":0,"ok":{ok}}}"#
        )
    }

    const REFUSED: &str = r#"@{"ev":"refused","file":"a.o","offset":7,"reason":"cut"}"#;
    const PANIC: &str = r#"@{"ev":"panic","at":"a.rs:1","reason":"oh"}"#;

    #[test]
    fn ok_takes_both_a_summary_and_a_status_that_say_so() {
        let fine = report(&[&summary(true)]);
        assert_eq!(judge(Board::Pc, Ending::Status, End::Exit(Some(33)), &fine), Outcome::Ok);
        assert_eq!(judge(Board::Rpi3, Ending::Status, End::Exit(Some(0)), &fine), Outcome::Ok);
        assert!(matches!(judge(Board::Pc, Ending::Status, End::Exit(Some(35)), &fine), Outcome::Failed(_)));
        assert!(matches!(judge(Board::Pc, Ending::Status, End::Exit(Some(0)), &fine), Outcome::Crashed(_)));
        assert!(matches!(judge(Board::Pc, Ending::Status, End::Exit(None), &fine), Outcome::Crashed(_)));
    }

    #[test]
    fn a_failed_summary_is_a_failure_with_its_reasons() {
        let Outcome::Failed(why) =
            judge(Board::Pc, Ending::Status, End::Exit(Some(35)), &report(&[REFUSED, &summary(false)]))
        else {
            panic!("not a failure");
        };
        assert!(why.contains("1 refused"), "{why}");
    }

    #[test]
    fn no_summary_is_a_crash_whatever_the_status() {
        for code in [0, 1, 3, 33, 35, 37] {
            let outcome = judge(Board::Pc, Ending::Status, End::Exit(Some(code)), &Report::default());
            assert!(matches!(outcome, Outcome::Crashed(_)), "{code}");
        }
    }

    #[test]
    fn a_qemu_that_does_not_start_is_not_the_images_fault() {
        let why = |report: &Report| match judge(Board::Pc, Ending::Status, End::Exit(Some(1)), report) {
            Outcome::Crashed(why) => why,
            other => panic!("{other:?}"),
        };
        assert!(why(&Report::default()).contains("what QEMU says"));
        let mut begun = Report::default();
        begun.add("one line");
        assert!(why(&begun).contains("no summary"));
    }

    #[test]
    fn a_panic_explains_a_timeout() {
        let Outcome::Crashed(why) = judge(Board::Pc, Ending::Status, End::Timeout, &report(&[PANIC])) else {
            panic!("not a crash");
        };
        assert!(why.contains("a.rs:1") && why.contains("oh"), "{why}");
        assert!(matches!(
            judge(Board::Pc, Ending::Status, End::Timeout, &report(&[&summary(true)])),
            Outcome::Crashed(_)
        ));
    }

    #[test]
    fn a_damaged_record_is_no_success() {
        let damaged = report(&[r#"@{"ev":"ru"#, &summary(true)]);
        assert!(matches!(
            judge(Board::Pc, Ending::Status, End::Exit(Some(33)), &damaged),
            Outcome::Failed(_)
        ));
    }

    #[test]
    fn text_is_given_back() {
        assert_eq!(Report::default().add("hello\r\n"), Some("hello".into()));
    }

    #[test]
    fn a_disk_that_powers_off_is_judged_by_its_summary() {
        let judge = |code, report: &Report| judge(Board::Pc, Ending::PowerOff, End::Exit(code), report);
        assert_eq!(judge(Some(0), &report(&[&summary(true)])), Outcome::Ok);
        assert!(matches!(judge(Some(0), &report(&[REFUSED, &summary(false)])), Outcome::Failed(_)));
        assert!(matches!(judge(Some(0), &Report::default()), Outcome::Crashed(_)));
        assert!(matches!(judge(Some(33), &report(&[&summary(true)])), Outcome::Crashed(_)));
    }
}
