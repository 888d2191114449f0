//! A report, read back from a serial line.

use std::collections::BTreeMap;

use kernel_report::{Event, Record};

/// What an image said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The records, in order.
    pub records: Vec<Record<String>>,
    /// The lines for people, a firmware's among them.
    pub texts: Vec<String>,
    /// Lines that start like a record and are none, with the reason.
    pub unreadable: Vec<String>,
}

/// A program: its object file and its name in it.
pub type ProgramKey = (String, String);

/// The numbers of the last record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Programs accepted.
    pub loaded: u32,
    /// Programs rejected.
    pub rejected: u32,
    /// Completed runs.
    pub runs: u64,
    /// Lines that were lost.
    pub lost_lines: u64,
    /// Whether all went as the manifest expects.
    pub ok: bool,
}

impl Report {
    /// Reads what came over a serial line.
    #[must_use]
    pub fn read(log: &[u8]) -> Self {
        let mut report = Self::default();
        for line in String::from_utf8_lossy(log).lines() {
            match kernel_report::read(line) {
                Event::Record(record) => report.records.push(record),
                Event::Text(text) => report.texts.push(text),
                Event::Unreadable { line, reason } => report.unreadable.push(format!("{line} ({reason})")),
            }
        }
        report
    }

    /// Why a program was rejected, if it was.
    #[must_use]
    pub fn rejection(&self, program: &str) -> Option<&str> {
        self.records.iter().find_map(|record| match record {
            Record::Program { name, reason, .. } if name == program => reason.as_deref(),
            _ => None,
        })
    }

    /// The summary, if it is the last record and the only one.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        let is_summary = |record: &Record<String>| matches!(record, Record::Summary { .. });
        let (last, others) = self.records.split_last()?;
        match *last {
            Record::Summary { loaded, rejected, runs, lost_lines, ok, .. }
                if !others.iter().any(is_summary) =>
            {
                Some(Summary { loaded, rejected, runs, lost_lines, ok })
            }
            _ => None,
        }
    }

    /// What each program returned, run by run.
    #[must_use]
    pub fn results(&self) -> BTreeMap<ProgramKey, Vec<u64>> {
        let mut results = BTreeMap::<_, Vec<_>>::new();
        for record in &self.records {
            if let Record::Run { name, object, r0, .. } = record {
                results.entry((object.clone(), name.clone())).or_default().push(*r0);
            }
        }
        results
    }

    /// The verifier's decision on each program, with what it found out; without what depends on the engine.
    #[must_use]
    pub fn verdicts(&self) -> Vec<Record<String>> {
        let programs = self.records.iter().filter(|record| matches!(record, Record::Program { .. }));
        let without_engine = programs.cloned().map(|mut record| {
            if let Record::Program { engine, jited_bytes, .. } = &mut record {
                (*engine, *jited_bytes) = (None, None);
            }
            record
        });
        without_engine.collect()
    }

    /// The names of the programs that ran, in order.
    #[must_use]
    pub fn order(&self) -> Vec<&str> {
        let runs = self.records.iter().filter_map(|record| match record {
            Record::Run { name, .. } => Some(name.as_str()),
            _ => None,
        });
        runs.collect()
    }

    /// Files that were refused, with the reasons.
    #[must_use]
    pub fn refusals(&self) -> Vec<(&str, u64, &str)> {
        let refusals = self.records.iter().filter_map(|record| match record {
            Record::Refused { file, offset, reason } => Some((file.as_str(), *offset, reason.as_str())),
            _ => None,
        });
        refusals.collect()
    }

    /// Whether the image broke down: a panic or an exception.
    #[must_use]
    pub fn crashed(&self) -> bool {
        self.records.iter().any(|record| matches!(record, Record::Panic { .. } | Record::Exception { .. }))
    }

    /// Whether a record says why a summary is not ok.
    #[must_use]
    pub fn explains_a_failure(&self) -> bool {
        self.records.iter().any(|record| {
            matches!(
                record,
                Record::Refused { .. }
                    | Record::Program { expected: false, .. }
                    | Record::Run { expected: false, .. }
                    | Record::Recovery { .. }
            )
        })
    }

    /// Pages both writable and executable, as the image counted them at its end.
    #[must_use]
    pub fn writable_executable_pages(&self) -> Option<u64> {
        self.records.iter().find_map(|record| match record {
            Record::Memory { wx_pages, .. } => Some(*wx_pages),
            _ => None,
        })
    }

    /// The rest of the first line for people that has `key` in it.
    #[must_use]
    pub fn text_after(&self, key: &str) -> Option<&str> {
        self.texts.iter().find_map(|line| line.split_once(key)).map(|(_, rest)| rest)
    }
}
