//! Booting an image in QEMU, with nothing between the test and the machine.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::el1;
use crate::report::Report;

/// A boot takes well under a second. This is for a machine that does ten other things.
const LIMIT: Duration = Duration::from_secs(60);

/// QEMU's exit status for the pc image's endings, by `isa-debug-exit`: twice the image's number, plus one.
pub mod pc_status {
    /// All went as the manifest expects.
    pub const OK: i32 = 33;
    /// Something was refused, or went otherwise than expected.
    pub const FAILED: i32 = 35;
    /// A panic or an exception.
    pub const CRASHED: i32 = 37;
}

/// QEMU's exit status for the Pi image's endings, by semihosting.
pub mod rpi3_status {
    /// All went as the manifest expects.
    pub const OK: i32 = 0;
    /// Something was refused, or went otherwise than expected.
    pub const FAILED: i32 = 1;
    /// A panic or an exception.
    pub const CRASHED: i32 = 3;
}

/// A pc that QEMU knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pc {
    /// PCI Express, ACPI.
    Q35,
    /// PCI, ACPI.
    I440fx,
    /// Neither firmware nor PCI, nor any of the old timers.
    Microvm,
}

impl Pc {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Q35, Self::I440fx, Self::Microvm];

    const fn machine(self) -> &'static str {
        match self {
            Self::Q35 => "q35",
            Self::I440fx => "pc",
            Self::Microvm => "microvm,isa-serial=on,rtc=off,pit=off,pic=off",
        }
    }
}

/// A pc's disk, and what the pc makes of it.
#[derive(Clone, Copy, Debug)]
pub struct Disk<'a> {
    /// The file.
    pub file: &'a Path,
    /// Its format, by QEMU's name: `raw`, `qcow2`, `vpc`.
    pub format: &'a str,
    /// What starts the loader on it.
    pub firmware: Firmware,
    /// The device, by QEMU's name, with `drive=disk` to come.
    pub device: &'a str,
}

/// A pc's firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// `SeaBIOS`, with a VGA BIOS.
    Bios,
    /// OVMF, without any screen.
    Uefi,
}

/// How a machine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with QEMU's exit status.
    Exit(i32),
    /// A signal ended QEMU.
    Signal,
    /// Not in time; it was stopped.
    Hang,
}

/// A boot that is over.
#[derive(Debug)]
pub struct Boot {
    /// How it ended.
    pub end: End,
    /// Everything that came over the serial line.
    pub log: Vec<u8>,
    /// The same, read.
    pub report: Report,
}

impl Boot {
    /// The serial line as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.log).into_owned()
    }

    /// Asserts how it ended, and shows the serial line if it ended otherwise.
    ///
    /// # Panics
    /// It ended otherwise.
    #[track_caller]
    pub fn assert_exit(&self, status: i32) {
        assert_eq!(self.end, End::Exit(status), "serial line:\n{}", self.text());
    }
}

/// A machine about to be started.
#[derive(Debug)]
pub struct Vm {
    command: Command,
    append: Vec<String>,
    limit: Duration,
}

impl Vm {
    /// A pc with `image` as its kernel, told to end with an exit status.
    #[must_use]
    pub fn pc(machine: Pc, memory_mib: u32, image: &Path) -> Self {
        Self::pc_without_exit_status(machine, memory_mib, image)
            .args(&["-device", "isa-debug-exit,iobase=0xf4,iosize=4"])
            .append("exit=isa-debug")
    }

    /// A pc that can only be powered off.
    #[must_use]
    pub fn pc_without_exit_status(machine: Pc, memory_mib: u32, image: &Path) -> Self {
        let memory = memory_mib.to_string();
        Self::new("qemu-system-x86_64", machine.machine()).args(&["-m", &memory]).file("-kernel", image)
    }

    /// A pc that boots from a disk, and powers off at its end.
    #[must_use]
    pub fn pc_disk(machine: Pc, memory_mib: u32, disk: Disk<'_>) -> Self {
        let Disk { file, format, firmware, device } = disk;
        let memory = memory_mib.to_string();
        let drive = format!("if=none,id=disk,format={format},file={}", file.display());
        let device = format!("{device},drive=disk");
        let firmware: &[&str] = match firmware {
            Firmware::Bios => &["-vga", "std"],
            Firmware::Uefi => &["-bios", "/usr/share/ovmf/OVMF.fd"],
        };
        let vm = Self::new("qemu-system-x86_64", machine.machine()).args(&["-m", &memory]);
        vm.args(firmware).args(&["-drive", &drive, "-device", &device])
    }

    /// A Raspberry Pi 3 with `image` as its kernel, on which an instruction takes one nanosecond.
    #[must_use]
    pub fn rpi3(image: &Path) -> Self {
        Self::rpi3_in_real_time(image).args(&["-icount", "shift=0,sleep=off"])
    }

    /// A Raspberry Pi 3 whose clock is the host's.
    #[must_use]
    pub fn rpi3_in_real_time(image: &Path) -> Self {
        Self::new("qemu-system-aarch64", "raspi3b").args(&["-semihosting"]).file("-kernel", image)
    }

    /// A Raspberry Pi 3 without anybody to tell an exit status to, like a board: it goes on until it is stopped.
    #[must_use]
    pub fn rpi3_alone(image: &Path) -> Self {
        Self::new("qemu-system-aarch64", "raspi3b")
            .args(&["-icount", "shift=0,sleep=off"])
            .file("-kernel", image)
    }

    /// A Raspberry Pi 3 with `image` and `initrd` in its memory, entered at EL1 by a loader written to `stub`.
    ///
    /// # Panics
    /// `stub` cannot be written.
    #[must_use]
    pub fn rpi3_at_el1(image: &Path, initrd: &Path, stub: &Path) -> Self {
        std::fs::write(stub, el1::stub()).expect("the scratch folder can be written to");
        let mut vm = Self::new("qemu-system-aarch64", "raspi3b");
        vm.command.args(["-semihosting", "-icount", "shift=0,sleep=off"]);
        vm.command.args(el1::loaders(stub, image, initrd));
        vm
    }

    fn new(program: &str, machine: &str) -> Self {
        let mut command = Command::new(program);
        command.args(["-M", machine, "-accel", "tcg", "-nodefaults", "-no-reboot", "-display", "none"]);
        command.args(["-serial", "stdio"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        Self { command, append: Vec::new(), limit: LIMIT }
    }

    /// Stops it after this time.
    #[must_use]
    pub fn limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Gives it an initrd.
    #[must_use]
    pub fn initrd(self, file: &Path) -> Self {
        self.file("-initrd", file)
    }

    /// Gives it a device tree.
    #[must_use]
    pub fn dtb(self, file: &Path) -> Self {
        self.file("-dtb", file)
    }

    fn file(mut self, option: &str, file: &Path) -> Self {
        self.command.arg(option).arg(file);
        self
    }

    /// More of QEMU's own arguments.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    /// A word on the kernel's command line.
    #[must_use]
    pub fn append(mut self, word: &str) -> Self {
        self.append.push(word.into());
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// QEMU cannot be started.
    #[must_use]
    pub fn boot(mut self) -> Boot {
        if !self.append.is_empty() {
            self.command.arg("-append").arg(self.append.join(" "));
        }
        let program = PathBuf::from(self.command.get_program());
        let machine = self.command.spawn();
        let machine = machine.unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        let (end, log) = follow(machine, self.limit);
        let report = Report::read(&log);
        Boot { end, log, report }
    }
}

fn follow(mut machine: Child, limit: Duration) -> (End, Vec<u8>) {
    let begin = Instant::now();
    let mut serial = machine.stdout.take().expect("the serial line is a pipe");
    let (sender, receiver) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut log = Vec::new();
        // An error ends the log like an end does; what is missing then shows.
        let _ = serial.read_to_end(&mut log);
        // Nobody listens any more if the machine hung.
        let _ = sender.send(());
        log
    });
    let hung = receiver.recv_timeout(limit.saturating_sub(begin.elapsed())).is_err();
    if hung {
        machine.kill().expect("QEMU can be stopped");
    }
    let status = machine.wait().expect("QEMU can be waited for");
    let log = reader.join().expect("the reader does not panic");
    let end = match (hung, status.code()) {
        (true, _) => End::Hang,
        (false, Some(code)) => End::Exit(code),
        (false, None) => End::Signal,
    };
    (end, log)
}
