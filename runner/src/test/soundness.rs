//! `skep test soundness`: tests of package `tests` whose figures matter, and proofs.

use std::process::Command;

use super::steps::{End, Step};
use crate::cli::SoundnessArgs;
use crate::{process, workspace};

/// Tests that say how much they looked at and what they found, by file.
const TESTS: [(&str, &str); 2] =
    [("operators on small numbers", "operators"), ("random programs", "soundness")];

pub(super) fn steps(args: &SoundnessArgs) -> Vec<Step> {
    let long = args.long;
    let tests = TESTS.into_iter().map(|(name, file)| step(name, move || test(file, long)));
    let proofs = long.then(|| step("operators at 64 bits, proved by z3", prove));
    tests.chain(proofs).collect()
}

fn step(name: &str, work: impl FnOnce() -> anyhow::Result<End> + 'static) -> Step {
    Step { name: name.into(), work: Box::new(work) }
}

fn test(file: &str, long: bool) -> anyhow::Result<End> {
    let mut cargo = process::host_cargo();
    cargo.args(["test", "--quiet", "--package", "tests", "--test", file]);
    // One after the other: each uses all processors, and their figures would mix.
    cargo.args(["--", "--nocapture", "--test-threads=1"]);
    if long {
        cargo.env("SKEP_SOUNDNESS_LONG", "1");
    }
    watched(&mut cargo)
}

fn prove() -> anyhow::Result<End> {
    let Some(python) = process::find("python3") else {
        return Ok(End::Skipped("there is no python3; then `python3 -m pip install z3-solver`".into()));
    };
    if !process::output(Command::new(&python).args(["-c", "import z3"]))?.status.success() {
        return Ok(End::Skipped("python3 has no z3: `python3 -m pip install z3-solver`".into()));
    }
    let mut prove = process::clean(&python);
    prove.arg(workspace::root().join("tests/soundness/prove.py"));
    watched(&mut prove)
}

/// Shows what a command prints as it comes.
fn watched(command: &mut Command) -> anyhow::Result<End> {
    crate::output::line(format_args!(""));
    let (succeeded, text) = process::watch(command)?;
    Ok(if succeeded { End::Passed(text) } else { End::Failed("see above".into()) })
}
