//! What the tool tells gdb to stop at is there, in the source it should be in. Skipped, and said so, without gdb.

use std::path::Path;
use std::process::Command;

use tests::given::{Given, say};

/// What gdb says about the first line of `function`; `None` without a gdb of this name.
fn line_of(gdb: &str, symbols: &Path, function: &str) -> Option<String> {
    let mut command = Command::new(gdb);
    command.args(["-nx", "-batch", "-ex"]).arg(format!("info line {function}")).arg(symbols);
    let output = command.output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

#[test]
fn gdb_finds_the_breakpoints_that_the_tool_names() {
    let test = "gdb_finds_the_breakpoints_that_the_tool_names";
    let Some(given) = Given::or_skip(test) else { return };
    // As `skep boot --gdb` prints them.
    for (gdb, symbols, function, file) in [
        ("gdb", &given.pc_symbols, "kmain", "boards/pc/src/main.rs"),
        ("gdb-multiarch", &given.rpi3_symbols, "main", "boards/rpi3/src/main.rs"),
    ] {
        match line_of(gdb, symbols, function) {
            None => say(format_args!("{test} skips {file}: there is no {gdb}")),
            Some(said) => assert!(said.contains(file) && said.contains("starts at address"), "{gdb}: {said}"),
        }
    }
}
