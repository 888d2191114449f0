//! The table at the end of a boot.

use kernel_report::{Record, Verdict};

use crate::outcome::Report;
use crate::table;

/// The runs of one program, added up.
#[derive(Default)]
struct Runs {
    count: u64,
    last_r0: Option<u64>,
    longest_ns: u64,
    unexpected: u64,
}

impl Runs {
    fn of(program: (&str, &str), report: &Report) -> Self {
        let mut runs = Self::default();
        for record in &report.records {
            if let Record::Run { name, object, start_ns, end_ns, r0, expected, .. } = record
                && (name.as_str(), object.as_str()) == program
            {
                runs.count += 1;
                runs.last_r0 = Some(*r0);
                runs.longest_ns = runs.longest_ns.max(end_ns.saturating_sub(*start_ns));
                runs.unexpected += u64::from(!expected);
            }
        }
        runs
    }
}

/// One row a program; below the table, why programs were rejected and files refused.
pub(crate) fn text(report: &Report) -> String {
    let mut table = table::new(["program", "type", "verdict", "insns", "bound", "r0", "runs", "longest"], 3);
    for record in &report.records {
        if let Some(row) = row(record, report) {
            table.add_row(row);
        }
    }
    let mut text = if table.is_empty() { String::new() } else { format!("{table}\n") };
    for note in report.records.iter().filter_map(note) {
        text += &note;
        text += "\n";
    }
    text + &totals(report)
}

fn row(record: &Record<String>, report: &Report) -> Option<[String; 8]> {
    let Record::Program { name, object, kind, verdict, insns, wcet_insns, expected, .. } = record else {
        return None;
    };
    let runs = Runs::of((name, object), report);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    Some([
        name.clone(),
        kind.clone(),
        verdict_text(*verdict, *expected).into(),
        insns.to_string(),
        or_dash(wcet_insns.map(|bound| bound.to_string())),
        or_dash(runs.last_r0.map(|r0| r0_text(r0, runs.unexpected))),
        runs.count.to_string(),
        or_dash((runs.count > 0).then(|| time_text(runs.longest_ns))),
    ])
}

const fn verdict_text(verdict: Verdict, expected: bool) -> &'static str {
    match (verdict, expected) {
        (Verdict::Accept, true) => "accepted",
        (Verdict::Accept, false) => "ACCEPTED, expected a rejection",
        (Verdict::Reject, true) => "rejected, as expected",
        (Verdict::Reject, false) => "REJECTED",
    }
}

/// Small numbers in decimal, addresses and all-ones in hex.
fn r0_text(r0: u64, unexpected: u64) -> String {
    let number = if r0 < 1 << 32 { r0.to_string() } else { format!("{r0:#x}") };
    if unexpected == 0 { number } else { format!("{number} UNEXPECTED") }
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn time_text(ns: u64) -> String {
    match ns {
        0..10_000 => format!("{ns} ns"),
        10_000..10_000_000 => format!("{:.1} µs", ns as f64 / 1e3),
        _ => format!("{:.1} ms", ns as f64 / 1e6),
    }
}

fn note(record: &Record<String>) -> Option<String> {
    match record {
        Record::Program { verdict: Verdict::Reject, name, object, insn, line, reason, .. } => {
            let place = line.clone().unwrap_or_else(|| object.clone());
            let insn = insn.map(|insn| format!(" (instruction {insn})")).unwrap_or_default();
            Some(format!(
                "{name} rejected: {place}: {}{insn}",
                reason.as_deref().unwrap_or("no reason given")
            ))
        }
        Record::Refused { file, offset, reason } => {
            Some(format!("{file} refused at offset {offset}: {reason}"))
        }
        Record::Miss { name, deadline_ns, .. } => {
            Some(format!("{name} missed its deadline at {}", time_text(*deadline_ns)))
        }
        Record::Recovery { name, error, action, .. } => Some(format!("{name} failed: {error}; {action:?}")),
        _ => None,
    }
}

fn totals(report: &Report) -> String {
    let found = report.records.iter().rev().find_map(|record| match record {
        Record::Summary { loaded, rejected, runs, misses, restarts, lost_lines, .. } => Some(format!(
            "{loaded} accepted, {rejected} rejected, {runs} runs, {misses} deadlines missed, {restarts} restarts, \
             {lost_lines} lines lost"
        )),
        _ => None,
    });
    found.unwrap_or_else(|| "the image reported no summary".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table_of(lines: &[&str]) -> String {
        let mut report = Report::default();
        for line in lines {
            assert_eq!(report.add(line), None);
        }
        text(&report)
    }

    const FIB: &str = r#"@{"ev":"program","name":"fib","object":"fib.o","type":"syscall","verdict":"accept","insns":12,"stack":0,"wcet_insns":139,"engine":"jit","expected":true}"#;
    const OOPS: &str = r#"@{"ev":"program","name":"oops","object":"oops.o","type":"xdp","verdict":"reject","insns":9,"insn":7,"line":"oops.bpf.c:12","reason":"r3 may be null","expected":true}"#;

    #[test]
    fn a_row_joins_a_program_with_its_runs() {
        let run = |start: u32, end: u32, r0: &str| {
            format!(
                r#"@{{"ev":"run","name":"fib","object":"fib.o","release_ns":0,"start_ns":{start},"end_ns":{end},"r0":{r0},"insns":5,"expected":true}}"#
            )
        };
        let text = table_of(&[FIB, &run(100, 200, "54"), &run(300, 950, "55")]);
        let row = text.lines().find(|line| line.contains("fib")).unwrap();
        let cells: Vec<_> = row.split_whitespace().collect();
        assert_eq!(cells, ["fib", "syscall", "accepted", "12", "139", "55", "2", "650", "ns"]);
    }

    #[test]
    fn a_rejection_is_explained_with_its_source_line() {
        let text = table_of(&[OOPS]);
        assert!(text.contains("oops rejected: oops.bpf.c:12: r3 may be null (instruction 7)"), "{text}");
        assert!(text.contains("rejected, as expected"), "{text}");
    }

    #[test]
    fn an_empty_report_says_so() {
        assert_eq!(table_of(&[]), "the image reported no summary");
    }

    #[test]
    fn times_and_values_are_readable() {
        assert_eq!((time_text(9_999).as_str(), time_text(12_345).as_str()), ("9999 ns", "12.3 µs"));
        assert_eq!(time_text(12_345_678), "12.3 ms");
        assert_eq!(r0_text(u64::MAX, 0), "0xffffffffffffffff");
        assert_eq!(r0_text(7, 1), "7 UNEXPECTED");
    }
}
