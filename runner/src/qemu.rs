//! QEMU command lines.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use crate::board::Board;
use crate::cli::{Accel, Disk, Firmware, Machine};
use crate::packages;

/// Memory of the virtual pc when nothing is said.
const DEFAULT_MEMORY_MIB: u32 = 256;

/// A virtual machine with an image in it.
pub(crate) struct Vm {
    pub(crate) hardware: Hardware,
    pub(crate) door: Door,
    /// More kernel command line.
    pub(crate) append: Option<String>,
    /// Whether the machine waits for gdb.
    pub(crate) start: Start,
}

/// The machine around an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hardware {
    Pc { machine: Machine, accel: Accel, memory_mib: u32 },
    Rpi3,
}

/// What a machine is started from.
pub(crate) enum Door {
    /// The image itself, put into memory by QEMU.
    Kernel { kernel: PathBuf, initrd: Option<PathBuf> },
    /// A disk with the image on it, for a pc.
    Disk { disk: PathBuf, firmware: Firmware, attached: Disk },
}

/// What a machine's exit status tells of how the image in it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Whether it was ok: the image was told of a device for that, or has one.
    Status,
    /// That it powered off: a disk's boot loader passes no command line that could name a device.
    PowerOff,
}

/// When the first instruction is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    AtOnce,
    WhenGdbSaysSo,
}

impl Hardware {
    /// # Errors
    /// Something was asked for that the board's machine does not have.
    pub(crate) fn new(
        board: Board,
        machine: Option<Machine>,
        memory_mib: Option<u32>,
        accel: Accel,
    ) -> anyhow::Result<Self> {
        match board {
            Board::Pc => {
                check(accel)?;
                let machine = machine.unwrap_or(Machine::Q35);
                Ok(Self::Pc { machine, accel, memory_mib: memory_mib.unwrap_or(DEFAULT_MEMORY_MIB) })
            }
            Board::Rpi3 => {
                ensure!(
                    machine.is_none(),
                    "--machine chooses among the pc's machines; rpi3 is always raspi3b"
                );
                ensure!(memory_mib.is_none(), "--memory is for the pc; a Raspberry Pi 3 has 1024 MiB");
                ensure!(
                    accel == Accel::Tcg,
                    "--accel kvm is for the pc; rpi3 runs under -icount, which needs tcg"
                );
                Ok(Self::Rpi3)
            }
        }
    }

    pub(crate) const fn board(self) -> Board {
        match self {
            Self::Pc { .. } => Board::Pc,
            Self::Rpi3 => Board::Rpi3,
        }
    }

    fn args(self) -> Vec<String> {
        let words = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
        match self {
            Self::Pc { machine, accel, memory_mib } => {
                let machine = match machine {
                    Machine::Q35 => "q35",
                    Machine::Pc => "pc",
                    Machine::Microvm => "microvm,isa-serial=on,rtc=off,pit=off,pic=off",
                };
                let accel = match accel {
                    Accel::Tcg => "tcg",
                    Accel::Kvm => "kvm -cpu host",
                };
                words(&format!(
                    "-M {machine} -accel {accel} -m {memory_mib} -device isa-debug-exit,iobase=0xf4,iosize=4"
                ))
            }
            // One instruction takes one nanosecond, and waiting takes no real time: timing is exact.
            Self::Rpi3 => words("-M raspi3b -accel tcg -icount shift=0,sleep=off -semihosting"),
        }
    }
}

/// # Errors
/// The accelerator cannot be used here.
fn check(accel: Accel) -> anyhow::Result<()> {
    let is_there = |path: &str| std::path::Path::new(path).exists();
    if accel == Accel::Tcg {
        return Ok(());
    }
    if is_there("/sys/module/kvm_pvm") {
        bail!(
            "--accel kvm: this host's KVM is kvm_pvm, where a guest kernel runs a thousand times slower than under tcg"
        );
    }
    ensure!(is_there("/dev/kvm"), "--accel kvm: there is no /dev/kvm here; leave it out to use tcg");
    Ok(())
}

impl Vm {
    /// What its exit status will tell.
    pub(crate) const fn ending(&self) -> Ending {
        match self.door {
            Door::Kernel { .. } => Ending::Status,
            Door::Disk { .. } => Ending::PowerOff,
        }
    }

    /// The command that runs it, with the serial line on standard output.
    pub(crate) fn command(&self) -> Command {
        let board = self.hardware.board();
        let mut qemu = Command::new(packages::emulator(board));
        qemu.args(self.hardware.args());
        qemu.args(["-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio"]);
        match &self.door {
            Door::Kernel { kernel, initrd } => {
                qemu.arg("-kernel").arg(kernel);
                if let Some(initrd) = initrd {
                    qemu.arg("-initrd").arg(initrd);
                }
            }
            Door::Disk { disk, firmware, attached } => {
                qemu.args(firmware_args(*firmware)).args(["-device", attached_as(*attached)]);
                let mut drive = OsString::from("if=none,id=disk,format=raw,file=");
                // A comma in a name is doubled (qemu(1), -drive).
                drive.push(disk.to_string_lossy().replace(',', ",,"));
                qemu.arg("-drive").arg(drive);
            }
        }
        if let Some(append) = self.kernel_command_line() {
            qemu.arg("-append").arg(append);
        }
        if self.start == Start::WhenGdbSaysSo {
            qemu.args(["-s", "-S"]);
        }
        qemu.stdin(Stdio::null()).stdout(Stdio::piped());
        // A terminal's Ctrl-C goes to this tool alone, which ends QEMU and still tells what it saw.
        qemu.process_group(0);
        qemu
    }

    /// The pc's image ends with an exit status only when told to, as the device for it is QEMU's alone.
    fn kernel_command_line(&self) -> Option<String> {
        let own = match (self.hardware.board(), &self.door) {
            (Board::Pc, Door::Kernel { .. }) => Some("exit=isa-debug"),
            _ => None,
        };
        let words: Vec<_> = own.into_iter().chain(self.append.as_deref()).collect();
        (!words.is_empty()).then(|| words.join(" "))
    }
}

/// The BIOS loader asks the VGA BIOS for its screen; UEFI does without one.
fn firmware_args(firmware: Firmware) -> &'static [&'static str] {
    match firmware {
        Firmware::Bios => &["-vga", "std"],
        Firmware::Uefi => &["-bios", packages::OVMF],
    }
}

fn attached_as(disk: Disk) -> &'static str {
    match disk {
        Disk::Virtio => "virtio-blk-pci,drive=disk",
        Disk::Nvme => "nvme,drive=disk,serial=skep",
        Disk::Ahci => "ide-hd,drive=disk",
    }
}

/// Starts a machine.
///
/// # Errors
/// QEMU cannot be started.
pub(crate) fn spawn(vm: &Vm) -> anyhow::Result<std::process::Child> {
    let mut command = vm.command();
    command.spawn().with_context(|| format!("cannot start `{}`", crate::process::line(&command)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process;

    fn line(hardware: Hardware, append: Option<&str>) -> String {
        let vm = Vm {
            hardware,
            door: Door::Kernel { kernel: "image".into(), initrd: Some("initrd".into()) },
            append: append.map(String::from),
            start: Start::AtOnce,
        };
        process::line(&vm.command())
    }

    #[test]
    fn the_pc_is_told_how_to_exit() {
        let hardware = Hardware::new(Board::Pc, None, None, Accel::Tcg).unwrap();
        let line = line(hardware, Some("more"));
        assert!(line.contains("-M q35 -accel tcg -m 256"), "{line}");
        assert!(line.contains("-append 'exit=isa-debug more'") && line.contains("isa-debug-exit"), "{line}");
    }

    #[test]
    fn a_pc_with_a_disk_gets_firmware_and_no_command_line() {
        let hardware = Hardware::new(Board::Pc, None, None, Accel::Tcg).unwrap();
        let door = Door::Disk { disk: "a,b".into(), firmware: Firmware::Uefi, attached: Disk::Nvme };
        let line = process::line(&Vm { hardware, door, append: None, start: Start::AtOnce }.command());
        assert!(line.contains("-bios ") && line.contains("nvme,") && line.contains("file=a,,b"), "{line}");
        assert!(!line.contains("-append") && !line.contains("-kernel"), "{line}");
    }

    #[test]
    fn the_pi_runs_with_exact_time_and_without_a_command_line() {
        let line = line(Hardware::Rpi3, None);
        assert!(line.contains("-icount shift=0,sleep=off -semihosting"), "{line}");
        assert!(!line.contains("-append"), "{line}");
    }

    #[test]
    fn the_pi_has_no_machine_memory_or_accelerator_to_choose() {
        for (machine, memory, accel) in
            [(Some(Machine::Q35), None, Accel::Tcg), (None, Some(64), Accel::Tcg), (None, None, Accel::Kvm)]
        {
            assert!(Hardware::new(Board::Rpi3, machine, memory, accel).is_err());
        }
    }
}
