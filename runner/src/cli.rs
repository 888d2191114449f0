//! The command line: names, flags and help texts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::board::Board;
use crate::profile::Profile;

/// Builds, packs, boots and tests Skep: a bare-metal unikernel whose applications are eBPF programs.
///
/// Without a command it runs the demo: builds the cloud image and the example programs, boots them in QEMU, streams
/// the report and prints a summary. What the machine lacks is installed by apt-get.
///
/// Exit codes: 0 all went well; 1 the image, a program or a test failed; 2 the tool could not do its work; 3 the image
/// crashed or did not end in time.
#[derive(Parser)]
#[command(name = "skep", version)]
pub(crate) struct Cli {
    /// Install nothing: print the command that would and stop with exit code 2
    #[arg(long, global = true)]
    pub(crate) no_install: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Install what this machine lacks to build and boot both images
    Setup(SetupArgs),
    /// Build an initrd from eBPF objects and C sources
    Pack(PackArgs),
    /// Build an image, boot it in QEMU with programs and judge its report
    Boot(BootArgs),
    /// Make what is deployed or flashed: a disk, a kernel for a microVM, a container disk, an SD card
    Image(ImageArgs),
    /// Write an SD card image to a card, and read it back
    Flash(FlashArgs),
    /// Make and show the keys that sign initrds
    Key(KeyArgs),
    /// Run the kernel's own verifier on this machine
    Verify(VerifyArgs),
    /// Run one program given as hex on stdin and print r0 as hex (the plugin interface of bpf_conformance)
    Exec(ExecArgs),
    /// Measure
    Bench(BenchArgs),
    /// Run every check and test; the last line is `N passed, M failed`
    Test(TestArgs),
}

#[derive(Args)]
pub(crate) struct SetupArgs {
    /// Print the command that would install it, and stop
    #[arg(long)]
    pub(crate) print: bool,
}

#[derive(Args)]
pub(crate) struct PackArgs {
    /// Where to write the initrd
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: PathBuf,
    /// The manifest; without it, the skep.toml of a DIR, or none: then every program runs once
    #[arg(short, long, value_name = "skep.toml")]
    pub(crate) manifest: Option<PathBuf>,
    /// Sign it with this key, a file that `skep key new` makes
    #[arg(long, value_name = "KEY")]
    pub(crate) sign: Option<PathBuf>,
    /// Objects (.o), C sources (.bpf.c), or folders of them
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) inputs: Vec<PathBuf>,
}

/// What an image is given to run.
#[derive(Args, Default)]
pub(crate) struct PayloadArgs {
    /// Objects (.o), C sources (.bpf.c), or folders of them; without any, the manifest's folder or the examples
    #[arg(value_name = "PROGRAM")]
    pub(crate) programs: Vec<PathBuf>,
    /// The manifest
    #[arg(short, long, value_name = "skep.toml")]
    pub(crate) manifest: Option<PathBuf>,
    /// Use this initrd as it is
    #[arg(long, value_name = "FILE", conflicts_with_all = ["programs", "manifest"])]
    pub(crate) initrd: Option<PathBuf>,
    /// Sign the initrd with this key, a file that `skep key new` makes
    #[arg(long, value_name = "KEY")]
    pub(crate) sign: Option<PathBuf>,
}

/// What an image believes.
#[derive(Args, Default)]
pub(crate) struct TrustArgs {
    /// Take only initrds that this key has signed: a file of `skep key new`, or 64 hexadecimal digits. Up to four times
    #[arg(long, value_name = "KEY")]
    pub(crate) trust: Vec<String>,
    /// Take no initrd whose manifest has a lower sequence number
    #[arg(long, value_name = "NUMBER")]
    pub(crate) oldest: Option<u64>,
}

#[derive(Args)]
pub(crate) struct ImageArgs {
    /// The board: pc for virtual machines on x86_64, rpi3 for a Raspberry Pi 3
    #[arg(value_enum)]
    pub(crate) board: Board,
    /// What to make
    #[arg(long, value_enum)]
    pub(crate) format: Format,
    /// Where to write it; SHA256SUMS beside it gets its sum
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) payload: PayloadArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// The firmware that boots the disk in raw, qcow2, gcp, vhd and containerdisk [default: uefi]
    #[arg(long, value_enum)]
    pub(crate) firmware: Option<Firmware>,
    /// A folder with the Raspberry Pi's own firmware: bootcode.bin, start.elf, fixup.dat
    #[arg(long, value_name = "FOLDER")]
    pub(crate) pi_firmware: Option<PathBuf>,
}

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// pc: the kernel and an initrd for Firecracker, Cloud Hypervisor and QEMU, with their configurations
    Elf,
    /// pc: a disk for UEFI, with GPT
    Uefi,
    /// pc: a disk for BIOS, with MBR
    Bios,
    /// pc: the disk as AWS imports it
    Raw,
    /// pc: the disk for QEMU, OpenStack, Proxmox
    Qcow2,
    /// pc: the disk as Google Cloud imports it, disk.raw in a .tar.gz
    Gcp,
    /// pc: the disk as Azure imports it, a fixed VHD
    Vhd,
    /// pc: the disk in an OCI image layout, for KubeVirt, with a VirtualMachine beside it
    Containerdisk,
    /// rpi3: an SD card
    Sd,
}

/// A pc's firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Firmware {
    /// UEFI: every cloud's newer machines
    Uefi,
    /// BIOS: older machines; needs a VGA BIOS
    Bios,
}

impl Firmware {
    /// As it is called on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Uefi => "uefi",
            Self::Bios => "bios",
        }
    }
}

#[derive(Args)]
pub(crate) struct FlashArgs {
    /// The image, from `skep image rpi3 --format sd`
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,
    /// The card; without it the removable disks are listed to choose from
    #[arg(long, value_name = "/dev/…")]
    pub(crate) device: Option<PathBuf>,
    /// Do not ask before all on the card is lost
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    pub(crate) command: KeyCommand,
}

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a pair: NAME.key signs, NAME.pub is for images to trust
    New {
        /// The files' name, without ending
        #[arg(value_name = "NAME")]
        name: PathBuf,
    },
    /// Show a key's name and the words that make an image trust it, for the kernel command line
    Show {
        /// Either file of a pair
        #[arg(value_name = "FILE")]
        key: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct BootArgs {
    /// The board, and with it the profile: pc is cloud on x86_64, rpi3 is embedded on aarch64
    #[arg(value_enum)]
    pub(crate) board: Board,
    #[command(flatten)]
    pub(crate) payload: PayloadArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// How the pc image is entered
    #[arg(long, value_enum, default_value_t = Via::Pvh)]
    pub(crate) via: Via,
    /// What the pc's disk is attached to, with --via bios or uefi [default: virtio]
    #[arg(long, value_enum)]
    pub(crate) disk: Option<Disk>,
    /// QEMU's machine for the pc image; q35 is what most clouds' virtual machines look like
    #[arg(long, value_enum)]
    pub(crate) machine: Option<Machine>,
    /// Write the records, one JSON object a line
    #[arg(long, value_name = "FILE.jsonl")]
    pub(crate) report: Option<PathBuf>,
    /// Memory of the virtual pc, in MiB [default: 256]
    #[arg(long, value_name = "MiB", value_parser = clap::value_parser!(u32).range(16..))]
    pub(crate) memory: Option<u32>,
    /// Give up after this many seconds [default: 60; none with --gdb]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
    /// Wait for gdb on port 1234 before the first instruction
    #[arg(long)]
    pub(crate) gdb: bool,
    /// How QEMU runs the guest's instructions
    #[arg(long, value_enum, default_value_t = Accel::Tcg)]
    pub(crate) accel: Accel,
    /// More kernel command line
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub(crate) append: Option<String>,
    /// Show the records too, as they come
    #[arg(long)]
    pub(crate) raw: bool,
}

/// The doors into the pc image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Via {
    /// The ELF itself, by `-kernel`
    Pvh,
    /// A disk image and BIOS
    Bios,
    /// A disk image and UEFI
    Uefi,
}

/// How a pc's disk is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Disk {
    /// As most clouds do
    Virtio,
    /// As AWS does
    Nvme,
    /// SATA
    Ahci,
}

/// QEMU's machines for the pc image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Machine {
    /// PCIe chipset of 2009
    Q35,
    /// PCI chipset of 1996
    Pc,
    /// No firmware, no PCI: the quickest start
    Microvm,
}

/// How QEMU runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Accel {
    /// QEMU's own translator; works everywhere
    Tcg,
    /// The host's processor
    Kvm,
}

#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// The profile whose limits hold
    #[arg(long, value_enum)]
    pub(crate) profile: Profile,
    /// One JSON object a line: object, section, function, verdict, insn, line, reason, states, ns
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the path to the refused instruction: each instruction with its source line and what it changed. Of an
    /// accepted program, every instruction once, as it was reached first. What the verifier guesses of a loop shows as
    /// ranges
    #[arg(short, long, conflicts_with = "json")]
    pub(crate) verbose: bool,
    /// Keep addresses secret: refuse a program in which an address, or stack that was not written, decides what it
    /// returns, prints or stores. Images take programs of one owner and do not ask for it; Linux asks it of programs
    /// without CAP_PERFMON
    #[arg(long)]
    pub(crate) secret_addresses: bool,
    /// Objects (.o), C sources (.bpf.c), or folders of them
    #[arg(required = true, value_name = "OBJ|DIR")]
    pub(crate) objects: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct ExecArgs {
    /// What runs the program
    #[arg(long, value_enum)]
    pub(crate) engine: EngineName,
    /// Skip the verifier. The interpreter still checks every access; machine code then runs unchecked, in a process
    /// of its own, so that a crash is an error message
    #[arg(long)]
    pub(crate) trusted: bool,
    /// This is that process
    #[arg(long, hide = true, requires = "trusted")]
    pub(crate) in_child: bool,
    /// The bytes r1 points at, as hex; r2 is their number. Without it r1 = 0
    #[arg(value_name = "MEMORY_HEX")]
    pub(crate) memory: Option<String>,
}

/// What can run a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineName {
    /// Both profiles
    Interpreter,
    /// Cloud profile on x86_64
    Jit,
}

#[derive(Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) what: Option<BenchCommand>,
    /// C sources of programs to measure, written like those in tests/bench; without any, those
    #[arg(value_name = "PROG.c")]
    pub(crate) programs: Vec<PathBuf>,
    /// Leave an optimisation of the JIT out (may be given again); `--without list` names them
    #[arg(long, value_name = "PASS")]
    pub(crate) without: Vec<String>,
    /// One JSON object a program, and one for the means
    #[arg(long)]
    pub(crate) json: bool,
    /// How often everything is measured; the least of each counts
    #[arg(long, value_name = "PASSES", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) passes: u32,
}

#[derive(Subcommand)]
pub(crate) enum BenchCommand {
    /// Wall time to the first serial line and to the end, next to QEMU's own floor
    Boot,
    /// The verifier's time for each program, next to that of this machine's Linux (as root)
    Verifier(BenchVerifierArgs),
}

/// Both verifiers are given each program many times in turn; the medians count. Linux's time is what it tells of itself
/// (`log_level` 4 of bpf(2)), in whole microseconds. It is given no BTF. Build with --release for figures that mean
/// something.
#[derive(Args)]
pub(crate) struct BenchVerifierArgs {
    /// Objects (.o), C sources (.bpf.c), or sources that -DXDP makes XDP programs of (.c); without any, the tests' and
    /// examples' programs
    #[arg(value_name = "OBJ|C")]
    pub(crate) programs: Vec<PathBuf>,
    /// The profile whose limits hold, and whose verifier memory
    #[arg(long, value_enum, default_value_t = Profile::Cloud)]
    pub(crate) profile: Profile,
    /// How often each program is verified; fewer times where that takes more than a second
    #[arg(long, value_name = "RUNS", default_value_t = 101, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) runs: u32,
    /// One JSON object a program
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct TestArgs {
    /// Leave out what needs an image: bare-metal lints, image builds and boots
    #[arg(long)]
    pub(crate) quick: bool,
    #[command(subcommand)]
    pub(crate) what: Option<TestCommand>,
}

#[derive(Subcommand)]
pub(crate) enum TestCommand {
    /// Only whether what the verifier accepts is safe, with the figures of each test
    Soundness(SoundnessArgs),
}

#[derive(Args)]
pub(crate) struct SoundnessArgs {
    /// All of it, for an hour or more: every pair of small abstract numbers, and proofs for 64 bits by z3
    #[arg(long)]
    pub(crate) long: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_has_no_conflicts() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_install_may_follow_the_command() {
        let cli = Cli::try_parse_from(["skep", "boot", "pc", "--no-install"]).unwrap();
        assert!(cli.no_install && matches!(cli.command, Some(Command::Boot(_))));
    }

    #[test]
    fn an_initrd_and_programs_exclude_each_other() {
        assert!(Cli::try_parse_from(["skep", "boot", "pc", "--initrd", "a", "b.o"]).is_err());
    }
}
