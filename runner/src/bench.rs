//! `skep bench`: which measurement is meant.

use std::process::ExitCode;

use crate::bench_boot;
#[cfg(feature = "cloud-profile")]
use crate::bench_engines::run as engines;
use crate::bench_verifier;
use crate::cli::{BenchArgs, BenchCommand};
use crate::packages::OnMissing;
#[cfg(feature = "embedded-profile")]
use crate::profile::no_engines as engines;

pub(crate) fn run(args: &BenchArgs, on_missing: OnMissing) -> anyhow::Result<ExitCode> {
    match &args.what {
        Some(BenchCommand::Boot) => bench_boot::run(on_missing),
        Some(BenchCommand::Verifier(args)) => bench_verifier::run(args, on_missing),
        None => engines(args, on_missing),
    }
}
