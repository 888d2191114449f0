//! Reading a report back, on the host.

use std::string::{String, ToString};

use crate::Record;

/// What one line of a serial log turned out to be.
#[derive(Debug)]
pub enum Event {
    /// A record of ours.
    Record(Record<String>),
    /// A line for people: ours, a firmware's, or anything else.
    Text(String),
    /// A line that starts like a record and is none: a transmission error, or a newer image.
    Unreadable {
        /// The line as it came.
        line: String,
        /// What the JSON reader says.
        reason: String,
    },
}

/// Reads one line, with or without its line end.
#[must_use]
pub fn read(line: &str) -> Event {
    let line = line.trim_end_matches(['\r', '\n']);
    let Some(json) = line.strip_prefix('@') else {
        return Event::Text(line.into());
    };
    match serde_json::from_str(json) {
        Ok(record) => Event::Record(record),
        Err(error) => Event::Unreadable { line: line.into(), reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Line, Verdict};

    #[test]
    fn what_an_image_writes_is_what_the_host_reads() {
        let written = Record::Program {
            name: "oops",
            object: "oops.o",
            kind: "xdp",
            verdict: Verdict::Reject,
            insns: 12,
            stack: None,
            wcet_insns: None,
            engine: None,
            jited_bytes: None,
            insn: Some(7),
            line: Some("oops.bpf.c:12"),
            reason: Some("r3 \"may\" be null\n"),
            expected: true,
        };
        let line = Line::record(&written).unwrap();
        let read = read(core::str::from_utf8(line.as_bytes()).unwrap());
        let Event::Record(Record::Program { name, insn, line, reason, stack, expected, .. }) = read else {
            panic!("read as {read:?}");
        };
        assert_eq!((name.as_str(), insn, stack, expected), ("oops", Some(7), None, true));
        assert_eq!(
            (line.as_deref(), reason.as_deref()),
            (Some("oops.bpf.c:12"), Some("r3 \"may\" be null\n"))
        );
    }

    #[test]
    fn a_broken_record_is_told_from_text() {
        assert!(matches!(read("@{\"ev\":"), Event::Unreadable { .. }));
        assert!(matches!(read("hello"), Event::Text(_)));
    }
}
