//! The profile this tool was built for, and the way to the same tool built for the other.

use std::process::{Command, ExitCode};

use anyhow::Context;
use clap::ValueEnum;

use crate::{process, progress, workspace};

/// A physical profile of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// x86_64 servers
    Cloud,
    /// aarch64 boards
    Embedded,
}

/// The profile of the kernel crates inside this binary.
#[cfg(feature = "cloud-profile")]
pub(crate) use Profile::Cloud as BUILT_FOR;
#[cfg(feature = "embedded-profile")]
pub(crate) use Profile::Embedded as BUILT_FOR;

impl Profile {
    /// As profiles are called in reports and on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cloud => "cloud",
            Self::Embedded => "embedded",
        }
    }
}

/// What a tool built for the embedded profile answers: there is nothing to compare.
#[cfg(feature = "embedded-profile")]
pub(crate) fn no_engines(
    _: &crate::cli::BenchArgs,
    _: crate::packages::OnMissing,
) -> anyhow::Result<ExitCode> {
    anyhow::bail!("the embedded profile has no JIT: build this tool for the cloud profile, its default")
}

/// The same for `skep exec --engine jit`.
#[cfg(feature = "embedded-profile")]
pub(crate) fn machine_code(
    _: kernel_bpf::Executable<'_, kernel_bpf::profile::ActiveProfile>,
) -> anyhow::Result<kernel_bpf::Executable<'_, kernel_bpf::profile::ActiveProfile>> {
    anyhow::bail!("the embedded profile has no JIT: use --engine interpreter")
}

/// Builds this tool for `profile` and runs it with the arguments this one was started with.
pub(crate) fn run_again_for(profile: Profile) -> anyhow::Result<ExitCode> {
    let name = profile.name();
    let target = workspace::target().join(name);
    let mut build = process::host_cargo();
    build.args(["build", "--package", "runner", "--no-default-features", "--features"]);
    build.arg(format!("{name}-profile")).arg("--target-dir").arg(&target);
    progress::step(&format!("building skep for the {name} profile"), || process::capture(&mut build))?;
    let tool = target.join("debug/skep");
    let status = Command::new(&tool).args(std::env::args_os().skip(1)).status();
    let status = status.with_context(|| format!("cannot run {}", tool.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map(ExitCode::from).with_context(|| format!("{} ended with {status}", tool.display()))
}
