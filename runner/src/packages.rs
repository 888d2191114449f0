//! What a machine needs for each kind of work, and how Debian and Ubuntu provide it.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::board::Board;
use crate::{compile, process, progress, toolchain};

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
    /// clang with the BPF target.
    Clang,
    /// libbpf's `bpf_helpers.h` and Linux's `linux/bpf.h`.
    BpfHeaders,
    /// The emulator of a board.
    Qemu(Board),
}

/// Everything `skep` can make use of.
pub(crate) const ALL: [Need; 6] = [
    Need::Compiler(Board::Pc),
    Need::Compiler(Board::Rpi3),
    Need::Clang,
    Need::BpfHeaders,
    Need::Qemu(Board::Pc),
    Need::Qemu(Board::Rpi3),
];

impl Need {
    pub(crate) fn is_met(self) -> bool {
        match self {
            Self::Compiler(board) => toolchain::pick(board).is_ok(),
            Self::Clang => compile::clang().is_some(),
            Self::BpfHeaders => ["bpf/bpf_helpers.h", "linux/bpf.h"]
                .iter()
                .all(|header| Path::new("/usr/include").join(header).is_file()),
            Self::Qemu(board) => process::find(emulator(board)).is_some(),
        }
    }

    /// What it is, for people.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Compiler(board) => {
                let [major, minor] = toolchain::OLDEST;
                format!("a Rust compiler >= {major}.{minor} for {}", board.target())
            }
            Self::Clang => "clang, which compiles programs to eBPF".into(),
            Self::BpfHeaders => "the headers bpf/bpf_helpers.h (libbpf) and linux/bpf.h".into(),
            Self::Qemu(board) => format!("{}, which boots the {} image", emulator(board), board.name()),
        }
    }

    /// Sets of packages that meet it, the best first.
    fn package_sets(self) -> [&'static [&'static str]; 2] {
        match self {
            Self::Compiler(_) => [
                &[
                    "rustc-web",
                    "cargo-web",
                    "rust-web-src",
                    "rust-web-llvm",
                    "rust-web-clippy",
                    "rustfmt-web",
                    "lld-22",
                ],
                &["rustc", "cargo", "rust-src", "rust-clippy", "rustfmt", "lld"],
            ],
            Self::Clang => [&["clang-22"], &["clang"]],
            Self::BpfHeaders => [&["libbpf-dev", "linux-libc-dev"]; 2],
            Self::Qemu(Board::Pc) => [&["qemu-system-x86"]; 2],
            Self::Qemu(Board::Rpi3) => [&["qemu-system-arm"]; 2],
        }
    }
}

/// The emulator of a board.
pub(crate) const fn emulator(board: Board) -> &'static str {
    match board {
        Board::Pc => "qemu-system-x86_64",
        Board::Rpi3 => "qemu-system-aarch64",
    }
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
    eprintln!("skep: this machine lacks:\n{list}");
    install(&missing)
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
    let packages = packages(missing, is_known_to_apt).join(" ");
    format!("{sudo}apt-get update && {sudo}apt-get install -y --no-install-recommends {packages}")
}

fn describe(needs: &[Need]) -> String {
    needs.iter().map(|need| format!("  - {}", need.describe())).collect::<Vec<_>>().join("\n")
}

/// One set of packages for each need, without repeats: the first set that is wholly known, else the first.
fn packages(needs: &[Need], is_known: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let mut chosen = Vec::new();
    for need in needs {
        let sets = need.package_sets();
        let set = sets.iter().find(|set| set.iter().all(|package| is_known(package))).unwrap_or(&sets[0]);
        chosen.extend(set.iter().filter(|package| !chosen.contains(*package)).collect::<Vec<_>>());
    }
    chosen
}

fn install(missing: &[Need]) -> anyhow::Result<()> {
    // A machine's package lists are as old as its last update: they miss new packages, and name files that are gone.
    update()?;
    install_packages(missing)?;
    let still: Vec<_> = self::missing(missing);
    if still.is_empty() {
        return Ok(());
    }
    bail!(
        "the packages are installed, but this is still missing:\n{}\n\
         With rustup, `rustup target add x86_64-unknown-none aarch64-unknown-none-softfloat` provides the compiler's part",
        describe(&still)
    )
}

fn update() -> anyhow::Result<()> {
    let mut command = apt_get()?;
    command.arg("update");
    progress::step("updating apt's package lists", || process::capture(&mut command)).map(drop)
}

fn install_packages(missing: &[Need]) -> anyhow::Result<()> {
    let packages = packages(missing, is_known_to_apt);
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

fn is_known_to_apt(package: &str) -> bool {
    let mut query = Command::new("apt-cache");
    query.args(["show", "--quiet", package]).stdout(Stdio::null()).stderr(Stdio::null());
    query.status().is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    process::capture(Command::new("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_packages_are_taken_where_they_are_known() {
        assert_eq!(packages(&[Need::Clang], |_| true), ["clang-22"]);
        assert_eq!(packages(&[Need::Clang], |name| !name.ends_with("-22")), ["clang"]);
        assert_eq!(packages(&[Need::Clang], |_| false), ["clang-22"]);
    }

    #[test]
    fn a_package_is_named_once() {
        let both = [Need::Compiler(Board::Pc), Need::Compiler(Board::Rpi3)];
        assert_eq!(packages(&both, |_| true), packages(&both[..1], |_| true));
    }
}
