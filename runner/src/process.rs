//! Starting other programs.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, bail};

use crate::workspace;

/// The executable of this name on `PATH`.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// The host's `cargo`, in the root of the source tree.
pub(crate) fn host_cargo() -> Command {
    let mut cargo = clean(Path::new("cargo"));
    cargo.env("CARGO_TARGET_DIR", workspace::target());
    cargo
}

/// A compiler, a cargo or a tool of theirs, in the root of the source tree and untouched by the cargo that may have
/// started this tool.
pub(crate) fn clean(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if !is_inherited(&name) {
            command.env_remove(name);
        }
    }
    // rustup must use what is installed, never fetch the rest of rust-toolchain.toml behind the user's back.
    command.env("RUSTUP_AUTO_INSTALL", "0").current_dir(workspace::root());
    command
}

/// Whether a variable is the user's, rather than one that the outer cargo or rustup sets for its children.
fn is_inherited(name: &OsStr) -> bool {
    const CARGO_SETTINGS: [&str; 6] =
        ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_TERM_", "CARGO_BUILD_JOBS"];
    const COMPILER: [&str; 8] = [
        "RUSTUP_TOOLCHAIN",
        "RUST_RECURSION_COUNT",
        "RUSTFLAGS",
        "RUSTDOC",
        "RUSTC",
        "LD_LIBRARY_PATH",
        "OUT_DIR",
        "CARGO",
    ];
    let Some(name) = name.to_str() else { return true };
    let begins_with_one_of = |list: &[&str]| list.iter().any(|prefix| name.starts_with(prefix));
    begins_with_one_of(&CARGO_SETTINGS) || !begins_with_one_of(&COMPILER)
}

/// Runs a command to its end and keeps what it prints.
///
/// # Errors
/// It cannot be started, or fails; the message holds the command line and all it printed.
pub(crate) fn capture(command: &mut Command) -> anyhow::Result<String> {
    let output = output(command)?;
    let text = text(&output);
    if !output.status.success() {
        bail!("`{}` failed ({}):\n{}", line(command), output.status, text.trim_end());
    }
    Ok(text)
}

/// Runs a command to its end, whatever comes of it.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<Output> {
    command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{}`", line(command)))
}

/// Runs a command to its end and prints each line of its standard output as it comes; whether it succeeded, and those
/// lines. Its standard error is this tool's.
pub(crate) fn watch(command: &mut Command) -> anyhow::Result<(bool, String)> {
    let piped = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = piped.spawn().with_context(|| format!("cannot start `{}`", line(command)))?;
    let mut text = String::new();
    for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
        let line = line.context("cannot read what a command prints")?;
        crate::output::line(format_args!("{line}"));
        text += &line;
        text.push('\n');
    }
    Ok((child.wait()?.success(), text))
}

/// All a command printed: its standard output, then its standard error.
pub(crate) fn text(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}{err}")
}

/// A command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

/// A word as a shell reads it as one.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || "-_./=:,+@".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_outer_cargo_sets_is_not_inherited() {
        for name in
            ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER"]
        {
            assert!(!is_inherited(OsStr::new(name)), "{name}");
        }
        for name in ["CARGO_PKG_NAME", "CARGO_TARGET_DIR", "CARGO_MANIFEST_DIR", "LD_LIBRARY_PATH"] {
            assert!(!is_inherited(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn what_the_user_sets_is_inherited() {
        for name in ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "CARGO_NET_OFFLINE", "RUST_BACKTRACE"] {
            assert!(is_inherited(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn a_command_line_can_be_pasted_into_a_shell() {
        let mut command = Command::new("gdb");
        command.args(["-ex", "target remote :1234", "it's", ""]);
        assert_eq!(line(&command), r"gdb -ex 'target remote :1234' 'it'\''s' ''");
    }

    #[test]
    fn what_a_watched_command_prints_is_kept() {
        let watched = watch(Command::new("sh").args(["-c", "echo one; echo two; exit 1"])).unwrap();
        assert_eq!(watched, (false, "one\ntwo\n".to_owned()));
    }

    #[test]
    fn a_failing_command_is_named_with_what_it_printed() {
        let error =
            capture(Command::new("sh").args(["-c", "echo reason >&2; exit 7"])).unwrap_err().to_string();
        assert!(error.contains("sh -c") && error.contains("reason") && error.contains('7'), "{error}");
    }
}
