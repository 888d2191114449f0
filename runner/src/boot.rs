//! `skep boot`, and the demo, which is a boot of the examples on the pc.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::board::Board;
use crate::cli::{Accel, BootArgs, Via};
use crate::compile::Kind;
use crate::outcome::{self, Outcome, Report};
use crate::packages::{self, Need, OnMissing};
use crate::qemu::{Hardware, Start, Vm};
use crate::{build, console, interrupt, output, pack, process, qemu, summary, workspace};

/// How long an image may take when nothing is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The demo: the examples on the pc.
pub(crate) fn demo(on_missing: OnMissing) -> anyhow::Result<ExitCode> {
    let args = BootArgs {
        board: Board::Pc,
        programs: Vec::new(),
        manifest: None,
        initrd: None,
        via: Via::Pvh,
        machine: None,
        report: None,
        memory: None,
        timeout: None,
        gdb: false,
        accel: Accel::Tcg,
        append: None,
        raw: false,
    };
    run(&args, on_missing)
}

pub(crate) fn run(args: &BootArgs, on_missing: OnMissing) -> anyhow::Result<ExitCode> {
    check_door(args)?;
    check_command_line(args)?;
    check_files(args)?;
    let hardware = Hardware::new(args.board, args.machine, args.memory, args.accel)?;
    packages::require(&needs(args), on_missing)?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let initrd = initrd(args, &folder, on_missing)?;
    let image = build::image(args.board, on_missing)?;
    let start = if args.gdb { Start::WhenGdbSaysSo } else { Start::AtOnce };
    let vm = Vm { hardware, image: image.boot, initrd: Some(initrd), append: args.append.clone(), start };
    if args.gdb {
        tell_gdb_command(args.board, &image.symbols);
    }
    boot(args, &vm)
}

/// All that a boot depends on, so that the user hears of everything missing at once.
fn needs(args: &BootArgs) -> Vec<Need> {
    let mut needs = vec![Need::Qemu(args.board), Need::Compiler(args.board)];
    let only_objects =
        !args.programs.is_empty() && args.programs.iter().all(|path| Kind::of(path) == Kind::Object);
    if args.initrd.is_none() && !only_objects {
        needs.extend([Need::Clang, Need::BpfHeaders]);
    }
    needs
}

fn check_door(args: &BootArgs) -> anyhow::Result<()> {
    match (args.board, args.via) {
        (_, Via::Pvh) => Ok(()),
        (Board::Rpi3, _) => bail!("--via is for the pc; the Pi's firmware loads kernel8.img"),
        (Board::Pc, _) => bail!(
            "--via bios and --via uefi need disk images, which this version does not make yet; leave --via out"
        ),
    }
}

/// QEMU hands a raw image a command line by a device tree only, and this tool gives it none.
fn check_command_line(args: &BootArgs) -> anyhow::Result<()> {
    if args.board == Board::Rpi3 && args.append.is_some() {
        bail!("--append is for the pc; a Pi's command line is in the device tree its firmware hands over");
    }
    Ok(())
}

/// Before anything is built: what is to be booted can be read, and the records can be written.
fn check_files(args: &BootArgs) -> anyhow::Result<()> {
    if let Some(initrd) = &args.initrd {
        let metadata = fs::File::open(initrd).and_then(|file| file.metadata());
        let metadata = metadata.with_context(|| format!("cannot read the initrd {}", initrd.display()))?;
        anyhow::ensure!(metadata.is_file(), "the initrd {} is no file", initrd.display());
    }
    if let Some(report) = &args.report {
        let opened = fs::OpenOptions::new().append(true).create(true).open(report);
        opened.with_context(|| format!("cannot write {}", report.display()))?;
    }
    Ok(())
}

/// The initrd to boot with: as given, or packed from the programs, the manifest's folder, or the examples.
fn initrd(args: &BootArgs, folder: &TempDir, on_missing: OnMissing) -> anyhow::Result<PathBuf> {
    if let Some(initrd) = &args.initrd {
        return Ok(initrd.clone());
    }
    let inputs = match (&args.programs[..], &args.manifest) {
        ([], None) => vec![workspace::examples()],
        ([], Some(manifest)) => vec![folder_of(manifest)],
        (programs, _) => programs.to_vec(),
    };
    let archive = pack::archive(&inputs, args.manifest.as_deref(), on_missing)?;
    let path = folder.path().join("initrd.cpio");
    fs::write(&path, archive).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder.into(),
        _ => ".".into(),
    }
}

fn boot(args: &BootArgs, vm: &Vm) -> anyhow::Result<ExitCode> {
    interrupt::watch()?;
    let seconds = args.timeout.map(Duration::from_secs);
    let limit = if args.gdb { seconds } else { Some(seconds.unwrap_or(DEFAULT_TIMEOUT)) };
    let mut report = Report::default();
    let end = console::follow(qemu::spawn(vm)?, limit, |line, _| {
        let text = report.add(line);
        if let Some(line) = text.as_deref().or(args.raw.then_some(line)) {
            output::line(format_args!("{line}"));
        }
    })?;
    output::line(format_args!("\n{}", summary::text(&report)));
    let outcome = outcome::judge(args.board, end, &report);
    tell(&outcome, &report);
    if let Some(path) = &args.report {
        fs::write(path, json_lines(&report)?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(outcome.exit_code())
}

fn json_lines(report: &Report) -> anyhow::Result<String> {
    let mut text = String::new();
    for record in &report.records {
        writeln!(text, "{}", serde_json::to_string(record)?)?;
    }
    Ok(text)
}

fn tell(outcome: &Outcome, report: &Report) {
    // The last line of a machine that was stopped is often half a line.
    let unreadable = report.unreadable.iter().filter(|_| *outcome != Outcome::Interrupted);
    for (line, reason) in unreadable {
        output::note(format_args!("skep: not a readable record ({reason}): {line}"));
    }
    match outcome {
        Outcome::Ok => output::line(format_args!("ok: all went as expected")),
        Outcome::Failed(why) => output::line(format_args!("FAILED: {why}")),
        Outcome::Crashed(why) => output::line(format_args!("CRASHED: {why}")),
        Outcome::Interrupted => output::line(format_args!("interrupted")),
    }
}

fn tell_gdb_command(board: Board, symbols: &Path) {
    let (debugger, entry) = match board {
        Board::Pc => ("gdb", "hbreak kmain"),
        Board::Rpi3 => ("gdb-multiarch", "hbreak main"),
    };
    let mut command = std::process::Command::new(debugger);
    command.arg(symbols).args(["-ex", "target remote :1234", "-ex", entry, "-ex", "continue"]);
    output::note(format_args!(
        "skep: the machine waits for gdb; in another terminal:\n  {}",
        process::line(&command)
    ));
}
