//! What a machine needs for each kind of work, and how Debian and Ubuntu provide it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::board::Board;
use crate::cli::Firmware;
use crate::{compile, output, process, progress, toolchain};

/// What to do about something that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnMissing {
    /// Install it by apt-get.
    Install,
    /// Say how to install it, and stop.
    Print,
}

/// One thing some work depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A Rust compiler that can build a board's image.
    Compiler(Board),
    /// A clang that compiles to eBPF and is new enough.
    Clang,
    /// libbpf's `bpf_helpers.h` and Linux's `linux/bpf.h`.
    BpfHeaders,
    /// The emulator of a board.
    Qemu(Board),
    /// What builds a disk's boot loader.
    Loader(Firmware),
    /// UEFI for the emulated pc.
    Ovmf,
    /// QEMU's tool for disk images.
    QemuImg,
    /// Other people's tools, which tests ask whether they find images in order.
    Judges,
}

/// Debian's UEFI for virtual machines.
pub(crate) const OVMF: &str = "/usr/share/ovmf/OVMF.fd";

/// The commands of [`Need::Judges`].
const JUDGES: [&str; 5] = ["fsck.fat", "sfdisk", "mcopy", "skopeo", "lsblk"];

/// What it takes to build and boot both images.
pub(crate) const ALL: [Need; 6] = [
    Need::Compiler(Board::Pc),
    Need::Compiler(Board::Rpi3),
    Need::Clang,
    Need::BpfHeaders,
    Need::Qemu(Board::Pc),
    Need::Qemu(Board::Rpi3),
];

/// What only disks take, and the tests of them. Not every system has it.
pub(crate) const OPTIONAL: [Need; 5] =
    [Need::Loader(Firmware::Uefi), Need::Loader(Firmware::Bios), Need::Ovmf, Need::QemuImg, Need::Judges];

impl Need {
    pub(crate) fn is_met(self) -> bool {
        match self {
            Self::Compiler(board) => toolchain::pick(board).is_ok(),
            Self::Clang => compile::clang().is_some(),
            Self::BpfHeaders => ["bpf/bpf_helpers.h", "linux/bpf.h"]
                .iter()
                .all(|header| Path::new("/usr/include").join(header).is_file()),
            Self::Qemu(board) => has_machine(board),
            Self::Loader(Firmware::Uefi) => toolchain::for_loader().is_ok(),
            Self::Loader(Firmware::Bios) => {
                toolchain::for_loader().is_ok() && toolchain::llvm_tool("llvm-objcopy").is_some()
            }
            Self::Ovmf => Path::new(OVMF).is_file(),
            Self::QemuImg => process::find("qemu-img").is_some(),
            Self::Judges => JUDGES.iter().all(|judge| process::find(judge).is_some()),
        }
    }

    /// Whether something of its name is there, though it does not meet the need.
    fn is_too_old(self) -> bool {
        match self {
            Self::Clang => compile::clangs().next().is_some(),
            Self::Qemu(board) => process::find(emulator(board)).is_some(),
            _ => false,
        }
    }

    /// What it is, for people.
    pub(crate) fn describe(self) -> String {
        let what = match self {
            Self::Compiler(board) => {
                let [major, minor] = toolchain::OLDEST;
                format!("a Rust compiler >= {major}.{minor} for {}", board.target())
            }
            Self::Clang => "clang >= 18, which compiles programs to eBPF".into(),
            Self::BpfHeaders => "the headers bpf/bpf_helpers.h (libbpf) and linux/bpf.h".into(),
            Self::Qemu(board) => {
                let (emulator, machine) = (emulator(board), newest_machine(board));
                format!("{emulator} with its machine {machine}, which boots the {} image", board.name())
            }
            Self::Loader(Firmware::Uefi) => {
                "Rust 1.96 with the library's source, for the boot loader of disks".into()
            }
            Self::Loader(Firmware::Bios) => {
                "Rust 1.96 with the library's source, and llvm-objcopy, for the boot loader of BIOS disks"
                    .into()
            }
            Self::Ovmf => format!("{OVMF}, UEFI for virtual machines"),
            Self::QemuImg => "qemu-img, which writes qcow2".into(),
            Self::Judges => format!("{}, with which tests check images", JUDGES.join(", ")),
        };
        if self.is_too_old() { format!("{what} (the one here is too old)") } else { what }
    }

    fn is_among(self, known: &BTreeSet<&str>) -> bool {
        self.package_sets().iter().any(|set| set.iter().all(|package| known.contains(package)))
    }

    /// Sets of packages that meet it, the best first.
    fn package_sets(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Compiler(_) => {
                &[&DEBIANS_RUST, &["rustc", "cargo", "rust-src", "rust-clippy", "rustfmt", "lld"]]
            }
            // By version where there is one: Debian 12's plain `clang` is too old.
            Self::Clang => {
                &[&["clang-22"], &["clang-21"], &["clang-20"], &["clang-19"], &["clang-18"], &["clang"]]
            }
            Self::BpfHeaders => &[&["libbpf-dev", "linux-libc-dev"]],
            Self::Qemu(Board::Pc) => &[&["qemu-system-x86"]],
            Self::Qemu(Board::Rpi3) => &[&["qemu-system-arm"]],
            Self::Loader(Firmware::Uefi) => &[&DEBIANS_RUST],
            Self::Loader(Firmware::Bios) => &[&DEBIANS_RUST_AND_LLVM],
            Self::Ovmf => &[&["ovmf"]],
            Self::QemuImg => &[&["qemu-utils"]],
            Self::Judges => &[&["dosfstools", "fdisk", "mtools", "skopeo", "util-linux"]],
        }
    }
}

/// A compiler that builds everything, loaders of disks too.
const DEBIANS_RUST: [&str; 7] =
    ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "rust-web-clippy", "rustfmt-web", "lld-22"];
const DEBIANS_RUST_AND_LLVM: [&str; 8] = [
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "rust-web-llvm",
    "rust-web-clippy",
    "rustfmt-web",
    "lld-22",
    "llvm-22",
];

/// The emulator of a board.
pub(crate) const fn emulator(board: Board) -> &'static str {
    match board {
        Board::Pc => "qemu-system-x86_64",
        Board::Rpi3 => "qemu-system-aarch64",
    }
}

/// The machine of an emulator that came last of those a board needs: with it, the others are there too.
const fn newest_machine(board: Board) -> &'static str {
    match board {
        Board::Pc => "microvm",
        Board::Rpi3 => "raspi3b",
    }
}

fn has_machine(board: Board) -> bool {
    let mut question = Command::new(emulator(board));
    let answer = process::capture(question.args(["-machine", "help"]));
    let is_it = |line: &str| line.split_whitespace().next() == Some(newest_machine(board));
    answer.is_ok_and(|machines| machines.lines().any(is_it))
}

/// Makes sure that everything in `needs` is there.
///
/// # Errors
/// Something is missing and may not, or cannot, be installed; the message says how to.
pub(crate) fn require(needs: &[Need], on_missing: OnMissing) -> anyhow::Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let list = describe(&missing);
    if !can_install() {
        bail!(
            "this machine lacks:\n{list}\nThere is no apt-get here; install these by the system's own means"
        );
    }
    if on_missing == OnMissing::Print {
        bail!("this machine lacks:\n{list}\nTo install: {}", command_line(&missing));
    }
    output::note(format_args!("skep: this machine lacks:\n{list}"));
    install(&missing)
}

/// Installs those of `needs` that this system can provide, and tells of the others.
///
/// # Errors
/// `apt-get` fails.
pub(crate) fn wish(needs: &[Need], on_missing: OnMissing) -> anyhow::Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    if can_install() && on_missing == OnMissing::Install {
        if update().is_err() {
            output::note(format_args!("skep: apt cannot update its package lists; trying with those it has"));
        }
        let known = known_to_apt(&missing);
        let possible: Vec<_> = missing.iter().copied().filter(|need| need.is_among(&known)).collect();
        if !possible.is_empty() {
            install_packages(&possible)?;
        }
    }
    let still = self::missing(&missing);
    if !still.is_empty() {
        output::note(format_args!(
            "skep: this machine lacks, for disks and the tests of them:\n{}",
            describe(&still)
        ));
    }
    Ok(())
}

/// Whether this is Debian, Ubuntu or a child of theirs.
pub(crate) fn can_install() -> bool {
    process::find("apt-get").is_some()
}

/// Those of `needs` that are not met.
pub(crate) fn missing(needs: &[Need]) -> Vec<Need> {
    needs.iter().copied().filter(|need| !need.is_met()).collect()
}

/// The command that installs what is missing, to be pasted into a shell.
pub(crate) fn command_line(missing: &[Need]) -> String {
    let sudo = if is_root() { "" } else { "sudo " };
    let packages = packages(missing, &known_to_apt(missing)).join(" ");
    format!("{sudo}apt-get update && {sudo}apt-get install -y --no-install-recommends {packages}")
}

fn describe(needs: &[Need]) -> String {
    needs.iter().map(|need| format!("  - {}", need.describe())).collect::<Vec<_>>().join("\n")
}

/// One set of packages for each need, without repeats: the first set that is wholly known, else the first.
fn packages(needs: &[Need], known: &BTreeSet<&str>) -> Vec<&'static str> {
    let mut chosen = Vec::new();
    for need in needs {
        let sets = need.package_sets();
        let is_known = |set: &&&[&str]| set.iter().all(|package| known.contains(package));
        let set = sets.iter().find(is_known).unwrap_or(&sets[0]);
        chosen.extend(set.iter().filter(|package| !chosen.contains(*package)).collect::<Vec<_>>());
    }
    chosen
}

fn install(missing: &[Need]) -> anyhow::Result<()> {
    // A machine's package lists are as old as its last update: they miss new packages, and name files that are gone.
    let updated = update();
    if updated.is_err() {
        // One broken source among many is common, and rarely the one that matters.
        output::note(format_args!("skep: apt cannot update its package lists; trying with those it has"));
    }
    install_packages(missing).map_err(|error| match updated {
        Ok(()) => error,
        Err(before) => error.context(format!("{before:#}")),
    })?;
    let still: Vec<_> = self::missing(missing);
    if still.is_empty() {
        return Ok(());
    }
    let mut advice = "This system's packages do not have it: install it by other means";
    if still.iter().any(|need| matches!(need, Need::Compiler(_))) {
        advice = "With rustup, `rustup target add x86_64-unknown-none aarch64-unknown-none-softfloat` provides the \
                  compiler's part";
    }
    bail!("the packages are installed, but this is still missing:\n{}\n{advice}", describe(&still))
}

fn update() -> anyhow::Result<()> {
    let mut command = apt_get()?;
    command.arg("update");
    progress::step("updating apt's package lists", || process::capture(&mut command)).map(drop)
}

fn install_packages(missing: &[Need]) -> anyhow::Result<()> {
    let packages = packages(missing, &known_to_apt(missing));
    let mut command = apt_get()?;
    command.args(["install", "-y", "--no-install-recommends"]).args(&packages);
    progress::step(&format!("installing {}", packages.join(" ")), || process::capture(&mut command)).map(drop)
}

fn apt_get() -> anyhow::Result<Command> {
    const QUIET: &str = "DEBIAN_FRONTEND=noninteractive";
    let mut command = Command::new("env");
    if !is_root() {
        // Asks for the password now, where nothing is drawn over the question.
        let status = Command::new("sudo").arg("-v").status();
        let status =
            status.context("installing packages needs root or sudo; `--no-install` prints the command")?;
        anyhow::ensure!(
            status.success(),
            "sudo was refused; `--no-install` prints the command to run as root"
        );
        command = Command::new("sudo");
        command.arg("env");
    }
    command.args([QUIET, "apt-get"]);
    Ok(command)
}

/// Those of all packages that may meet `needs` which apt can install.
fn known_to_apt(needs: &[Need]) -> BTreeSet<&'static str> {
    let names: BTreeSet<_> = needs.iter().flat_map(|need| need.package_sets().concat()).collect();
    let mut query = Command::new("apt-cache");
    // One question for all of them, as each takes apt a moment; it fails if one is unknown, and tells of the others.
    query.args(["show", "--no-all-versions", "--quiet"]).args(&names);
    let answer = process::output(&mut query).map(|output| process::text(&output)).unwrap_or_default();
    let found: BTreeSet<_> = answer.lines().filter_map(|line| line.strip_prefix("Package: ")).collect();
    names.into_iter().filter(|name| found.contains(name)).collect()
}

fn is_root() -> bool {
    process::capture(Command::new("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_packages_are_taken_where_they_are_known() {
        let packages = |known: &[&'static str]| packages(&[Need::Clang], &known.iter().copied().collect());
        assert_eq!(packages(&["clang", "clang-19", "clang-22"]), ["clang-22"]);
        assert_eq!(packages(&["clang", "clang-14", "clang-19"]), ["clang-19"]);
        assert_eq!(packages(&["clang", "clang-14"]), ["clang"]);
        assert_eq!(packages(&[]), ["clang-22"]);
    }

    #[test]
    fn a_package_is_named_once() {
        let both = [Need::Compiler(Board::Pc), Need::Compiler(Board::Rpi3)];
        let known = known_to_apt(&both);
        assert_eq!(packages(&both, &known), packages(&both[..1], &known));
    }

    #[test]
    fn a_set_is_taken_whole_or_not_at_all() {
        let [web, plain] = Need::Compiler(Board::Pc).package_sets() else { panic!("two sets") };
        let known = web[1..].iter().chain(*plain).copied().collect();
        assert_eq!(packages(&[Need::Compiler(Board::Pc)], &known), *plain);
    }
}
