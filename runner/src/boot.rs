//! `skep boot`, and the demo, which is a boot of the examples on the pc.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::board::Board;
use crate::cli::{Accel, BootArgs, Disk, Firmware, Machine, PayloadArgs, TrustArgs, Via};
use crate::image::{self, Content};
use crate::outcome::{self, Outcome, Report};
use crate::packages::{self, Need, OnMissing};
use crate::qemu::{Door, Hardware, Start, Vm};
use crate::{build, console, interrupt, output, payload, process, qemu, summary, trust};

/// How long an image may take when nothing is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The demo: the examples on the pc.
pub(crate) fn demo(on_missing: OnMissing) -> anyhow::Result<ExitCode> {
    let args = BootArgs {
        board: Board::Pc,
        payload: PayloadArgs::default(),
        trust: TrustArgs::default(),
        via: Via::Pvh,
        disk: None,
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
    let initrd = payload::initrd(&args.payload, on_missing)?;
    let image = build::image(args.board, on_missing)?;
    let content = Content { kernel: trust::kernel(&image, &args.trust)?, initrd };
    let door = door(args, &content, &folder, on_missing)?;
    let start = if args.gdb { Start::WhenGdbSaysSo } else { Start::AtOnce };
    let vm = Vm { hardware, door, append: args.append.clone(), start };
    if args.gdb {
        tell_gdb_command(args.board, &image.symbols);
    }
    boot(args, &vm)
}

/// All that a boot depends on, so that the user hears of everything missing at once.
fn needs(args: &BootArgs) -> Vec<Need> {
    let mut needs = vec![Need::Qemu(args.board), Need::Compiler(args.board)];
    needs.extend(payload::needs(&args.payload));
    match args.via {
        Via::Pvh => {}
        Via::Bios => needs.push(Need::Loader(Firmware::Bios)),
        Via::Uefi => needs.extend([Need::Loader(Firmware::Uefi), Need::Ovmf]),
    }
    needs
}

fn check_door(args: &BootArgs) -> anyhow::Result<()> {
    if args.via == Via::Pvh {
        ensure!(args.disk.is_none(), "--disk needs --via bios or uefi: without them there is no disk");
        return Ok(());
    }
    ensure!(args.board == Board::Pc, "--via is for the pc; the Pi's firmware loads kernel8.img");
    ensure!(args.machine != Some(Machine::Microvm), "--machine microvm has no firmware; leave --via out");
    ensure!(
        args.append.is_none(),
        "--append is for --via pvh: a disk's boot loader passes no command line (`--trust` puts keys into the image)"
    );
    ensure!(
        args.disk != Some(Disk::Ahci) || args.machine != Some(Machine::Pc),
        "--disk ahci needs --machine q35: the older one has no SATA"
    );
    Ok(())
}

/// QEMU hands a raw image a command line by a device tree only, and this tool gives it none.
fn check_command_line(args: &BootArgs) -> anyhow::Result<()> {
    ensure!(
        args.board != Board::Rpi3 || args.append.is_none(),
        "--append is for the pc; a Pi's command line is in the device tree its firmware hands over"
    );
    Ok(())
}

/// Before anything is built: what is to be booted can be read, and the records can be written.
fn check_files(args: &BootArgs) -> anyhow::Result<()> {
    payload::check(&args.payload)?;
    if let Some(report) = &args.report {
        let opened = fs::OpenOptions::new().append(true).create(true).open(report);
        opened.with_context(|| format!("cannot write {}", report.display()))?;
    }
    Ok(())
}

/// What the machine is started from, written to `folder`.
fn door(args: &BootArgs, content: &Content, folder: &TempDir, on_missing: OnMissing) -> anyhow::Result<Door> {
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        Ok::<_, anyhow::Error>(path)
    };
    let firmware = match args.via {
        Via::Pvh => {
            let kernel = put(args.board.image_name(), &content.kernel)?;
            return Ok(Door::Kernel { kernel, initrd: Some(put("initrd", &content.initrd)?) });
        }
        Via::Bios => Firmware::Bios,
        Via::Uefi => Firmware::Uefi,
    };
    let disk = put("disk", &[])?;
    let mut file = File::options().read(true).write(true).open(&disk)?;
    image::write_disk(&mut file, content, firmware, image::DISK_UNIT_BYTES, on_missing)?;
    Ok(Door::Disk { disk, firmware, attached: args.disk.unwrap_or(Disk::Virtio) })
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
    let outcome = outcome::judge(args.board, vm.ending(), end, &report);
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
