//! `skep bench`: which measurement is meant.

use std::process::ExitCode;

use crate::bench_boot;
use crate::cli::{BenchArgs, BenchCommand};
use crate::packages::OnMissing;

pub(crate) fn run(args: &BenchArgs, on_missing: OnMissing) -> anyhow::Result<ExitCode> {
    match args.what {
        Some(BenchCommand::Boot) => bench_boot::run(on_missing),
        None => anyhow::bail!(
            "this version measures boots only (`skep bench boot`); it cannot measure {} yet",
            if args.programs.is_empty() { "the engines" } else { "programs" }
        ),
    }
}
