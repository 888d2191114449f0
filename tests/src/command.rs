//! Other people's tools, and ours, run to their end.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

use crate::given::{Given, say};

/// Whether `test` can go on: all of `programs` are installed. If not, it is said to be skipped.
#[must_use]
pub fn have_or_skip(test: &str, programs: &[&str]) -> bool {
    let missing: Vec<_> = programs.iter().filter(|program| !is_installed(program)).collect();
    if !missing.is_empty() {
        say(format_args!("{test} skips: {missing:?} are not installed; `cargo run -- setup` installs them"));
    }
    missing.is_empty()
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    Path::new(program).is_file() || std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Runs a program that must succeed and returns what it printed.
///
/// # Panics
/// It fails, or cannot be started.
#[track_caller]
pub fn run(program: impl AsRef<OsStr>, arguments: &[&dyn AsRef<OsStr>]) -> String {
    let output = output(program.as_ref(), arguments);
    let text = text(&output);
    assert!(output.status.success(), "{} failed:\n{text}", program.as_ref().display());
    text
}

/// Runs a program to its end.
///
/// # Panics
/// It cannot be started.
#[must_use]
pub fn output(program: impl AsRef<OsStr>, arguments: &[&dyn AsRef<OsStr>]) -> Output {
    let mut command = Command::new(program.as_ref());
    command.args(arguments.iter().map(|argument| argument.as_ref()));
    command.output().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"))
}

/// Runs `skep`, which must succeed and may install nothing, and returns what it printed.
#[track_caller]
pub fn skep(given: &Given, arguments: &[&dyn AsRef<OsStr>]) -> String {
    let no_install: &dyn AsRef<OsStr> = &"--no-install";
    run(&given.tool, &[&[no_install], arguments].concat())
}

/// All that was printed.
#[must_use]
pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
