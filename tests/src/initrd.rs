//! Initrds packed by the tool.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::given::{self, Given};

/// The folder of the example programs.
#[must_use]
pub fn examples() -> PathBuf {
    given::workspace().join("tests/programs")
}

/// The examples with their manifest, as the demo packs them.
#[must_use]
pub fn demo(given: &Given, out: &Path) -> Vec<u8> {
    pack(given, out, &[&examples()])
}

/// Runs `skep pack` and returns what is in `out` then.
///
/// # Panics
/// It fails.
#[must_use]
pub fn pack(given: &Given, out: &Path, arguments: &[&Path]) -> Vec<u8> {
    let output = Command::new(&given.tool)
        .args(["--no-install", "pack", "-o"])
        .arg(out)
        .args(arguments)
        .output()
        .expect("the tool can be started");
    assert!(output.status.success(), "skep pack: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(out).expect("the tool wrote the initrd")
}
