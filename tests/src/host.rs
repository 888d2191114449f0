//! Initrds made in a test and booted on the host.

use kernel_core::Outcome;

use crate::archive::{self, File};
use crate::fake_board::{self, HostBoot};
use crate::insn::{Size, Slot, Source, Width, add, call, copy, exit, jump_if, load_imm, return_imm};
use crate::insn::{atomic, mov, store_imm};
use crate::object_file::Draft;
use crate::report::Summary;

/// An object with one program, which returns `value`.
#[must_use]
pub fn returning(program: &str, value: i32) -> Vec<u8> {
    Draft::default().program("syscall", program, &return_imm(value)).build()
}

/// An initrd of these files.
#[must_use]
pub fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let files: Vec<_> = files.iter().map(|&(name, bytes)| File::new(name, bytes)).collect();
    archive::write(&files)
}

/// Boots an initrd of these files.
#[must_use]
pub fn boot_files(files: &[(&str, &[u8])]) -> HostBoot {
    fake_board::boot(packed(files))
}

/// A manifest of these `program` lines, without the word itself, for a run of 100 ms.
#[must_use]
pub fn manifest(lines: &[&str]) -> Vec<u8> {
    manifest_for(100_000_000, lines)
}

/// The same for a run of `run_for_ns`.
#[must_use]
pub fn manifest_for(run_for_ns: u64, lines: &[&str]) -> Vec<u8> {
    let lines: String = lines.iter().map(|line| format!("program {line}\n")).collect();
    format!("skep-manifest 1\nrun_for={run_for_ns}\n{lines}").into()
}

/// The summary of a boot, which must be consistent: the outcome says the same, every record can be read, and a
/// failure has a reason.
///
/// # Panics
/// It is not.
#[track_caller]
#[must_use]
pub fn summary(boot: &HostBoot) -> Summary {
    let summary = boot.report.summary().expect("a summary ends the report");
    assert_eq!(boot.outcome == Outcome::Ok, summary.ok, "outcome and summary agree");
    assert_eq!(boot.report.unreadable, [""; 0]);
    assert!(summary.ok || boot.report.explains_a_failure(), "a failure has a reason: {:?}", boot.report);
    summary
}

/// What the runs of the program of this name returned.
#[must_use]
pub fn results(boot: &HostBoot, program: &str) -> Vec<u64> {
    let results = boot.report.results().into_iter().filter(|(key, _)| key.1 == program);
    results.flat_map(|(_, results)| results).collect()
}

/// A program that adds 5 to the first value of the array `sums` and returns the sum, and where it uses it.
#[must_use]
pub fn counting() -> (Vec<Slot>, [(usize, &'static str); 1]) {
    let [low, high] = load_imm(1, 0);
    let code = vec![
        store_imm(Size::W, 10, -4, 0),
        copy(2, 10),
        add(2, -4),
        low,
        high,
        call(1),
        jump_if(Width::W64, 0x50, 0, Source::Imm(0), 1),
        exit(),
        mov(1, 5),
        atomic(Size::DW, 0x01, 0, 0, 1),
        copy(0, 1),
        add(0, 5),
        exit(),
    ];
    (code, [(3, "sums")])
}
