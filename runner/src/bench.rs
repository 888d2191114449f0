//! `skep bench`: which measurement is meant.

use std::process::ExitCode;

use crate::bench_boot;
use crate::bench_verifier;
use crate::cli::{BenchArgs, BenchCommand};
use crate::packages::OnMissing;

pub(crate) fn run(args: &BenchArgs, on_missing: OnMissing) -> anyhow::Result<ExitCode> {
    match &args.what {
        Some(BenchCommand::Boot) => bench_boot::run(on_missing),
        Some(BenchCommand::Verifier(args)) => bench_verifier::run(args, on_missing),
        None => anyhow::bail!(
            "this version measures boots and the verifier only (`skep bench boot`, `skep bench verifier`); it cannot measure {} yet",
            if args.programs.is_empty() { "the engines" } else { "programs" }
        ),
    }
}
