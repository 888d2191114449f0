//! What is checked, in which order.

use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::board::Board;
use crate::cli::Firmware;
use crate::packages::{Need, OnMissing};
use crate::{build, image, process, toolchain, workspace};

/// One thing to check.
pub(super) struct Step {
    pub(super) name: String,
    pub(super) work: Box<dyn FnOnce() -> anyhow::Result<End>>,
}

/// How a step ended, with what it printed.
pub(super) enum End {
    Passed(String),
    /// It made something of this size.
    Made(String),
    Failed(String),
    Skipped(String),
}

const CLOUD: [&str; 5] = ["kernel_bpf", "kernel_core", "kernel_report", "kernel_drivers", "runner"];
const EMBEDDED: [&str; 2] = ["kernel_bpf", "kernel_core"];
/// Integration tests of the kernel's crates on the host, which depend on their profile.
const PROFILE_TESTS: [&str; 9] = [
    "bounds",
    "conformance",
    "guide",
    "history",
    "host_refusals",
    "host_supervisor",
    "membership",
    "soundness",
    "unverified",
];

/// What needs nothing but the host's compiler.
pub(super) fn host() -> Vec<Step> {
    vec![
        step("format", tool("fmt", |cargo| cargo.args(["--all", "--check"]))),
        step("lints, cloud", tool("clippy", |cargo| cargo.args(["--all-targets", "--", "-D", "warnings"]))),
        step("lints, embedded", embedded_lints()),
        step("documentation", documentation()),
        step("host tests, cloud", tool("test", |cargo| cargo.arg("--no-fail-fast").args(packages(&CLOUD)))),
        step("host tests, embedded", tool("test", |cargo| embedded(cargo.arg("--no-fail-fast"), &EMBEDDED))),
    ]
}

/// What needs the boards' compiler, or the images it makes.
pub(super) fn images() -> anyhow::Result<Vec<Step>> {
    let mut steps = Vec::new();
    for board in [Board::Pc, Board::Rpi3] {
        steps.push(step(&format!("lints, {}", board.name()), Box::new(move || board_lints(board))));
        let documentation = move || board_documentation(board);
        steps.push(step(&format!("documentation, {}", board.name()), Box::new(documentation)));
    }
    for board in [Board::Pc, Board::Rpi3] {
        let make = move || build::make(board).map(End::Made);
        steps.push(step(&format!("image, {}", board.name()), Box::new(make)));
    }
    for firmware in [Firmware::Uefi, Firmware::Bios] {
        steps.push(step(&format!("boot loader, {}", firmware.name()), Box::new(move || loader(firmware))));
    }
    // Found now: building the tests may put another file in this one's place.
    let this_tool = std::env::current_exe().context("cannot find this tool's own file")?;
    let tool = this_tool.clone();
    steps.push(step("boots and integration tests", Box::new(move || integration(&tool))));
    steps.push(step("integration tests, embedded", Box::new(move || embedded_integration(&this_tool))));
    Ok(steps)
}

type Work = Box<dyn FnOnce() -> anyhow::Result<End>>;

fn step(name: &str, work: Work) -> Step {
    Step { name: name.into(), work }
}

/// `cargo SUBCOMMAND`, of the active toolchain if that has it, else of Debian's.
fn tool(subcommand: &'static str, arguments: impl FnOnce(&mut Command) -> &mut Command + 'static) -> Work {
    Box::new(move || match host_cargo(subcommand) {
        Some(mut cargo) => end(arguments(&mut cargo)),
        None => {
            Ok(End::Skipped(format!("neither the active toolchain nor Debian's has `cargo {subcommand}`")))
        }
    })
}

fn host_cargo(subcommand: &str) -> Option<Command> {
    let answers = |mut cargo: Command| process::capture(cargo.args([subcommand, "--version"])).is_ok();
    let mut cargo = process::host_cargo();
    if !matches!(subcommand, "fmt" | "clippy") || answers(process::host_cargo()) {
        cargo.arg(subcommand);
        return Some(cargo);
    }
    let debians = format!("/usr/bin/cargo-{subcommand}");
    let mut cargo = process::clean(Path::new(&debians));
    cargo.env("CARGO", "/usr/bin/cargo").env("RUSTC", "/usr/bin/rustc").env("RUSTFMT", "/usr/bin/rustfmt");
    cargo.env("CARGO_TARGET_DIR", workspace::target().join("debian")).arg(subcommand);
    Path::new(&debians).is_file().then_some(cargo)
}

fn packages(names: &[&'static str]) -> impl Iterator<Item = &'static str> + use<> {
    names.iter().flat_map(|name| ["--package", name]).collect::<Vec<_>>().into_iter()
}

/// The embedded profile in a target folder of its own: two profiles in one would rebuild each other's crates.
fn embedded<'a>(cargo: &'a mut Command, names: &[&'static str]) -> &'a mut Command {
    let features = names.iter().map(|name| format!("{name}/embedded-profile")).collect::<Vec<_>>();
    cargo.args(packages(names)).args(["--no-default-features", "--features", &features.join(",")]);
    cargo.arg("--target-dir").arg(workspace::target().join("embedded"))
}

fn embedded_lints() -> Work {
    tool("clippy", |cargo| {
        embedded(cargo, &["kernel_bpf", "kernel_core", "runner", "tests"]);
        cargo.args(["--all-targets", "--", "-D", "warnings"])
    })
}

fn documentation() -> Work {
    tool("doc", |cargo| cargo.arg("--no-deps").env("RUSTDOCFLAGS", "-D warnings"))
}

fn board_lints(board: Board) -> anyhow::Result<End> {
    match toolchain::pick(board)?.clippy() {
        Some(mut clippy) => end(clippy.args(["--", "-D", "warnings"])),
        None => Ok(End::Skipped("the compiler for bare metal comes without clippy".into())),
    }
}

fn board_documentation(board: Board) -> anyhow::Result<End> {
    let mut cargo = toolchain::pick(board)?.cargo("doc");
    end(cargo.args(["--no-deps", "--package", board.architecture_crate()]).env("RUSTDOCFLAGS", "-D warnings"))
}

/// Built here once, so that no test pays for it.
fn loader(firmware: Firmware) -> anyhow::Result<End> {
    if !Need::Loader(firmware).is_met() {
        return Ok(End::Skipped(format!("this machine lacks {}", Need::Loader(firmware).describe())));
    }
    image::prepare_loader(firmware, OnMissing::Print)?;
    Ok(End::Passed(String::new()))
}

fn integration(this_tool: &Path) -> anyhow::Result<End> {
    let mut cargo = process::host_cargo();
    cargo.args(["test", "--no-fail-fast", "--package", "tests"]);
    given(&mut cargo, this_tool);
    end(&mut cargo)
}

/// Those that boot nothing: the images are the same.
fn embedded_integration(this_tool: &Path) -> anyhow::Result<End> {
    let mut cargo = process::host_cargo();
    cargo.args(["test", "--no-fail-fast"]).args(PROFILE_TESTS.map(|name| ["--test", name]).as_flattened());
    given(embedded(&mut cargo, &["tests"]), this_tool);
    end(&mut cargo)
}

/// What the integration tests are told of.
fn given(cargo: &mut Command, this_tool: &Path) {
    let (pc, rpi3) = (build::paths(Board::Pc), build::paths(Board::Rpi3));
    cargo.env("SKEP_BIN", this_tool);
    cargo.env("SKEP_PC_ELF", pc.boot).env("SKEP_PC_SYMBOLS", pc.symbols);
    cargo.env("SKEP_RPI3_IMG", rpi3.boot).env("SKEP_RPI3_SYMBOLS", rpi3.symbols);
    for firmware in [Firmware::Uefi, Firmware::Bios] {
        if let Some(loader) = image::kept_loader(firmware) {
            cargo.env(format!("SKEP_LOADER_{}", firmware.name().to_uppercase()), loader);
        }
    }
}

fn end(command: &mut Command) -> anyhow::Result<End> {
    let output = process::output(command)?;
    let text = process::text(&output);
    Ok(if output.status.success() { End::Passed(text) } else { End::Failed(text) })
}
