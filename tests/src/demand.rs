//! What a manifest demands of a report, worked out on the host: the image's own `expected` is not believed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use kernel_core::manifest::{self, Entry, Expect, Manifest, Trigger};
use kernel_core::pcap::Packets;
use kernel_report::{Record, Verdict};

use crate::archive;
use crate::report::{ProgramKey, Report};

/// Asserts that a boot of `initrd` went as its manifest says: the verdicts, how often each program ran, and
/// what every run returned. The manifest must name every program.
///
/// # Panics
/// It went otherwise, or the initrd has no manifest.
#[track_caller]
pub fn assert_as_manifest_says(report: &Report, initrd: &[u8]) {
    let text = archive::file(initrd, manifest::FILE_NAME).expect("the initrd has a manifest");
    let manifest = Manifest::parse(text).expect("the manifest is well-formed");
    let entries: Vec<_> = manifest.entries().collect();
    assert_verdicts(report, &entries);
    assert_runs(report, &entries, manifest.run_for_ns(), initrd);
    let summary = report.summary().expect("a summary ends the report");
    let rejected = entries.iter().filter(|entry| entry.expect == Expect::Rejected).count();
    assert_eq!((summary.loaded as usize, summary.rejected as usize), (entries.len() - rejected, rejected));
    assert_eq!(summary.runs as usize, report.order().len());
    assert_eq!((summary.ok, summary.lost_lines), (true, 0));
    assert_eq!(report.unreadable, [""; 0]);
}

fn key(entry: &Entry<'_>) -> ProgramKey {
    (entry.object.into(), entry.program.into())
}

#[track_caller]
fn assert_verdicts(report: &Report, entries: &[Entry<'_>]) {
    let mut found = BTreeMap::new();
    for record in &report.records {
        if let Record::Program { name, object, verdict, insn, line, reason, .. } = record {
            let explained = insn.is_some() && line.is_some() && reason.is_some();
            assert_eq!(*verdict == Verdict::Reject, explained, "{name}: a rejection has place and reason");
            assert_eq!(found.insert((object.clone(), name.clone()), *verdict), None, "{name} twice");
        }
    }
    let expected = |entry: &Entry<'_>| match entry.expect {
        Expect::Rejected => Verdict::Reject,
        Expect::Any | Expect::R0(_) => Verdict::Accept,
    };
    let demanded: BTreeMap<_, _> = entries.iter().map(|entry| (key(entry), expected(entry))).collect();
    assert_eq!(found, demanded);
}

#[track_caller]
fn assert_runs(report: &Report, entries: &[Entry<'_>], run_for_ns: u64, initrd: &[u8]) {
    let results = report.results();
    let running = entries.iter().filter(|entry| entry.expect != Expect::Rejected);
    let demanded: BTreeSet<_> = running.clone().map(key).collect();
    assert_eq!(results.keys().cloned().collect::<BTreeSet<_>>(), demanded);
    for entry in running {
        let found = &results[&key(entry)];
        let demanded = run_counts(entry, run_for_ns, initrd);
        assert!(
            demanded.contains(&found.len()),
            "{} runs of {}, not {demanded:?}",
            found.len(),
            entry.program
        );
        if let Expect::R0(r0) = entry.expect {
            assert_eq!(*found, vec![r0; found.len()], "results of {}", entry.program);
        }
    }
}

/// How often a program may have run. A machine whose host is busy may be too late for some periods.
fn run_counts(entry: &Entry<'_>, run_for_ns: u64, initrd: &[u8]) -> RangeInclusive<usize> {
    match (entry.trigger, entry.packets) {
        (Trigger::Every { period_ns }, _) => 1..=run_for_ns.div_ceil(period_ns) as usize,
        (Trigger::Xdp, Some(capture)) => {
            let file = archive::file(initrd, capture).expect("the capture is in the initrd");
            let count = Packets::new(file).expect("the capture is well-formed").count();
            count..=count
        }
        _ => 1..=1,
    }
}
