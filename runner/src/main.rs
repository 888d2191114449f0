//! `skep`: builds, packs, boots and tests Skep from a development machine.
//!
//! Exit codes of every command: 0 all went well, 1 the image, a program or a test failed, 2 the tool could not do
//! its work (wrong arguments, something missing, a build error), 3 an image crashed or did not end in time,
//! 130 the user pressed Ctrl-C while an image ran.
#![deny(unsafe_code)]
// `println!` panics when its reader goes away; `output` does not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod bench_boot;
#[cfg(feature = "cloud-profile")]
mod bench_engines;
mod bench_verifier;
mod board;
mod boot;
mod build;
mod cli;
mod compile;
#[cfg(feature = "cloud-profile")]
mod compiled;
mod console;
mod elf;
mod exec;
mod flash;
mod floor;
mod image;
mod interrupt;
mod key;
mod outcome;
mod output;
mod pack;
mod packages;
mod payload;
mod process;
mod profile;
mod progress;
mod qemu;
mod setup;
mod skep_toml;
mod summary;
mod table;
mod test;
mod toolchain;
mod trust;
mod unchecked;
mod verify;
mod workspace;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};
use packages::OnMissing;

fn main() -> ExitCode {
    let cli = Cli::parse();
    run(&cli).unwrap_or_else(|error| {
        output::note(format_args!("error: {error:#}"));
        ExitCode::from(2)
    })
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    let on_missing = if cli.no_install { OnMissing::Print } else { OnMissing::Install };
    match &cli.command {
        None => boot::demo(on_missing),
        Some(Command::Setup(args)) => setup::run(args, on_missing),
        Some(Command::Pack(args)) => pack::run(args, on_missing),
        Some(Command::Boot(args)) => boot::run(args, on_missing),
        Some(Command::Image(args)) => image::run(args, on_missing),
        Some(Command::Flash(args)) => flash::run(args),
        Some(Command::Key(args)) => key::run(&args.command),
        Some(Command::Verify(args)) => verify::run(args, on_missing),
        Some(Command::Exec(args)) => exec::run(args),
        Some(Command::Bench(args)) => bench::run(args, on_missing),
        Some(Command::Test(args)) => test::run(args, on_missing),
    }
}
