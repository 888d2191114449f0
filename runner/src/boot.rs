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
use crate::{build, console, interrupt, pack, process, qemu, summary, workspace};

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

/// The initrd to boot with: as given, or packed from the programs, the manifest's folder, or the examples.
fn initrd(args: &BootArgs, folder: &TempDir, on_missing: OnMissing) -> anyhow::Result<PathBuf> {
    if let Some(initrd) = &args.initrd {
        anyhow::ensure!(initrd.is_file(), "there is no initrd {}", initrd.display());
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
            println!("{line}");
        }
    })?;
    if let Some(path) = &args.report {
        fs::write(path, json_lines(&report)?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("\n{}", summary::text(&report));
    let outcome = outcome::judge(args.board, end, &report);
    tell(&outcome, &report);
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
    for (line, reason) in &report.unreadable {
        eprintln!("skep: not a readable record ({reason}): {line}");
    }
    match outcome {
        Outcome::Ok => println!("ok: all went as expected"),
        Outcome::Failed(why) => println!("FAILED: {why}"),
        Outcome::Crashed(why) => println!("CRASHED: {why}"),
        Outcome::Interrupted => println!("interrupted"),
    }
}

fn tell_gdb_command(board: Board, symbols: &Path) {
    let (debugger, entry) = match board {
        Board::Pc => ("gdb", "hbreak kmain"),
        Board::Rpi3 => ("gdb-multiarch", "hbreak rpi3::main"),
    };
    let mut command = std::process::Command::new(debugger);
    command.arg(symbols).args(["-ex", "target remote :1234", "-ex", entry, "-ex", "continue"]);
    eprintln!("skep: the machine waits for gdb; in another terminal:\n  {}", process::line(&command));
}
