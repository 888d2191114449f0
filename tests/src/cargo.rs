//! Compilations that tests look at: what cargo and the compiler say about sources that must, or must not,
//! compile.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A compilation that is over.
#[derive(Debug)]
pub struct Check {
    /// Whether everything compiled.
    pub succeeded: bool,
    /// What did not.
    pub errors: Vec<CompileError>,
    /// What cargo itself said.
    pub said: String,
}

/// One error of the compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// The target that does not compile, by its name.
    pub target: String,
    /// Its number, `E0308`; lints and `compile_error!` have none.
    pub code: Option<String>,
    /// Its first line.
    pub message: String,
    /// The file and line it points at.
    pub place: Option<(PathBuf, u64)>,
}

/// `cargo check` in `folder`, by the cargo that built this test, into a target folder of its own.
///
/// # Panics
/// Cargo cannot be started.
#[must_use]
pub fn check(folder: &Path, target: &Path, arguments: &[&str]) -> Check {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // What is not there was not needed to build this test, so nothing is to be fetched.
    command.args(["check", "--offline", "--message-format=json"]).args(arguments);
    command.arg("--target-dir").arg(target).current_dir(folder);
    let output = command.output().expect("cargo can be started");
    let messages = String::from_utf8_lossy(&output.stdout).into_owned();
    Check {
        succeeded: output.status.success(),
        errors: messages.lines().filter_map(error).collect(),
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The error in a line of cargo's output, if it is one. What counts errors at the end points nowhere.
fn error(line: &str) -> Option<CompileError> {
    let message: Value = serde_json::from_str(line).ok()?;
    let diagnostic = message.get("message").filter(|_| message["reason"] == "compiler-message")?;
    let spans = diagnostic["spans"].as_array().filter(|_| diagnostic["level"] == "error")?;
    let span = spans.iter().find(|span| span["is_primary"] == true)?;
    let text = |value: &Value| value.as_str().map(String::from);
    Some(CompileError {
        target: text(&message["target"]["name"])?,
        code: text(&diagnostic["code"]["code"]),
        message: text(&diagnostic["message"])?,
        place: text(&span["file_name"]).map(PathBuf::from).zip(span["line_start"].as_u64()),
    })
}
