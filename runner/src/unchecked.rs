//! Machine code that no verifier has vouched for runs in a process of its own: whatever it does to that one, this one
//! says what happened.

use std::process::{Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::cli::ExecArgs;

/// Machine code counts no instructions, so a program that does not end is stopped by the clock.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs this tool again with the same arguments; its stdin and stdout are ours.
pub(crate) fn run_in_child(args: &ExecArgs) -> anyhow::Result<ExitCode> {
    let tool = std::env::current_exe().context("cannot tell where this tool is")?;
    let mut child = Command::new(tool);
    child.args(["exec", "--engine", "jit", "--trusted", "--in-child"]).args(args.memory.iter());
    let mut child = child.spawn().context("cannot start a process for the program")?;
    let start = Instant::now();
    loop {
        match child.try_wait().context("cannot wait for the program")? {
            Some(status) => return ended(status),
            None if start.elapsed() > PATIENCE => {
                child.kill().context("cannot stop the program")?;
                child.wait().context("cannot wait for the program")?;
                bail!("the program did not end within {} s and was stopped", PATIENCE.as_secs());
            }
            None => std::thread::sleep(Duration::from_micros(200)),
        }
    }
}

fn ended(status: ExitStatus) -> anyhow::Result<ExitCode> {
    match status.code() {
        Some(0) => Ok(ExitCode::SUCCESS),
        // It has said why.
        Some(code) => Ok(ExitCode::from(u8::try_from(code).unwrap_or(2))),
        None => bail!(
            "the program crashed ({status}): with --trusted machine code runs unchecked; \
             --engine interpreter checks every access and says which one is wrong"
        ),
    }
}
