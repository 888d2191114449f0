//! `skep test`: every check and test, in order, a line each.
//!
//! The integration tests (package `tests`) get what they work on by environment variables, with absolute paths:
//!
//! | variable | is |
//! |---|---|
//! | `SKEP_BIN` | this tool |
//! | `SKEP_PC_ELF` | the pc image as it is booted: stripped |
//! | `SKEP_PC_SYMBOLS` | the same with symbols |
//! | `SKEP_RPI3_IMG` | the Pi's kernel8.img |
//! | `SKEP_RPI3_SYMBOLS` | its ELF, with symbols |
//! | `SKEP_LOADER_UEFI`, `SKEP_LOADER_BIOS` | the boot loaders of disks; not set where they cannot be built |
//! | `SKEP_SOUNDNESS_LONG` | set by `skep test soundness --long`: tests look at all cases, not at a share |
//!
//! A plain `cargo test` sets none of them.

mod count;
mod soundness;
mod steps;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use count::Count;
use steps::{End, Step};

use crate::cli::{TestArgs, TestCommand};
use crate::output;
use crate::packages::{self, OnMissing};

pub(crate) fn run(args: &TestArgs, on_missing: OnMissing) -> anyhow::Result<ExitCode> {
    let steps = match &args.what {
        Some(TestCommand::Soundness(soundness)) => soundness::steps(soundness),
        None if args.quick => steps::host(),
        None => {
            packages::require(&packages::ALL, on_missing)?;
            packages::wish(&packages::OPTIONAL, on_missing)?;
            steps::host().into_iter().chain(steps::images()?).collect()
        }
    };
    let mut total = Count::default();
    for step in steps {
        total.add(run_step(step));
    }
    output::line(format_args!("{total}"));
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a step and tells of it on one line; what a failed one printed follows.
fn run_step(step: Step) -> Count {
    output::begin(format_args!("{} … ", step.name));
    // The name is shown while the step runs; a closed output shows up at the next line.
    let _ = std::io::stdout().flush();
    let begin = Instant::now();
    let end = (step.work)().unwrap_or_else(|error| End::Failed(format!("{error:#}")));
    let seconds = begin.elapsed().as_secs_f64();
    match end {
        End::Skipped(why) => {
            output::line(format_args!("skipped: {why}"));
            Count::default()
        }
        End::Passed(output) => {
            let count = Count::of(&output);
            let tests = if count.passed > 0 { format!(", {} tests", count.passed) } else { String::new() };
            output::line(format_args!("ok{tests} ({seconds:.1} s)"));
            count
        }
        End::Made(size) => {
            output::line(format_args!("ok, {size} ({seconds:.1} s)"));
            Count::default()
        }
        End::Failed(output) => {
            output::line(format_args!("FAILED ({seconds:.1} s)\n{}\n", output.trim_end()));
            Count::of(&output).at_least_one_failure()
        }
    }
}
