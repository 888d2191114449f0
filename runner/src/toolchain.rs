//! Which Rust compiler builds the images.
//!
//! The active compiler if it has the standard library of the board's target; else the active one if it has the
//! library's source; else Debian's, which has the source. Building the library from source is a nightly feature of
//! cargo, opened on a stable compiler by `RUSTC_BOOTSTRAP=1`; the images' own code uses stable Rust only.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::board::Board;
use crate::{process, workspace};

/// The oldest compiler that builds Skep, as `[major, minor]`.
pub(crate) const OLDEST: [u32; 2] = [1, 95];

/// The one version of the compiler with which `bootloader` 0.11.15 is known to build.
const LOADERS: [u32; 2] = [1, 96];

/// A compiler chosen for a board.
pub(crate) struct Toolchain {
    origin: Origin,
    std: Std,
    board: Board,
}

/// Where a compiler comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// What `cargo` and `rustc` on `PATH` mean in this source tree.
    Active,
    /// Debian's packages.
    Debian,
}

/// Where the standard library for the board's target comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Std {
    /// It is installed.
    Prebuilt,
    /// It is built from the installed source.
    Source,
}

/// What a compiler was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Abilities {
    version: [u32; 2],
    has_std: bool,
    has_source: bool,
}

/// Chooses the compiler for a board.
///
/// # Errors
/// None on this machine will do; the message says what is needed.
pub(crate) fn pick(board: Board) -> anyhow::Result<Toolchain> {
    let (active, debian) = (probe(Origin::Active, board), probe(Origin::Debian, board));
    let (origin, std) = choose(active, debian).with_context(|| {
        format!("no Rust compiler here can build for {}; `skep setup` installs one", board.target())
    })?;
    Ok(Toolchain { origin, std, board })
}

/// The compiler that builds the boot loader of disks.
///
/// # Errors
/// None on this machine will do.
pub(crate) fn for_loader() -> anyhow::Result<LoaderCompiler> {
    let will_do = |origin: &Origin| {
        probe(*origin, Board::Pc).is_some_and(|found| found.version == LOADERS && found.has_source)
    };
    let origin = [Origin::Active, Origin::Debian].into_iter().find(will_do);
    origin.map(LoaderCompiler).with_context(|| {
        let [major, minor] = LOADERS;
        format!("no Rust {major}.{minor} with the library's source is here, which the boot loader of disks needs; `skep setup` installs it")
    })
}

/// A compiler that builds the boot loader of disks.
pub(crate) struct LoaderCompiler(Origin);

impl LoaderCompiler {
    /// Its cargo, with nightly features opened.
    pub(crate) fn cargo(&self) -> anyhow::Result<Command> {
        let mut command = process::clean(self.0.cargo());
        command.env("RUSTC", self.rustc()?).env("RUSTC_BOOTSTRAP", "1");
        // Reaches the builds within the build too, whose RUSTFLAGS are taken away.
        command.env("CARGO_BUILD_RUSTFLAGS", nobodys_home());
        // The linker of EFI applications writes the time and a debug file's identity into them unless told not to.
        let without_time = format!("{} -Clink-arg=/Brepro -Clink-arg=/DEBUG:NONE", nobodys_home());
        command.env("CARGO_TARGET_X86_64_UNKNOWN_UEFI_RUSTFLAGS", without_time);
        Ok(command)
    }

    /// Its compiler, by its full path.
    pub(crate) fn rustc(&self) -> anyhow::Result<PathBuf> {
        let name = self.0.rustc();
        if name.is_absolute() {
            return Ok(name.into());
        }
        process::find(&name.to_string_lossy()).context("there is no rustc on PATH")
    }
}

/// A tool of LLVM, with or without its version in the name.
pub(crate) fn llvm_tool(name: &str) -> Option<PathBuf> {
    let versions = (15..=25).rev().map(|version| format!("{name}-{version}"));
    std::iter::once(name.to_string()).chain(versions).find_map(|name| process::find(&name))
}

/// What keeps a compiler's caller out of what it makes: the sources of crates lie in a home folder, and panics tell
/// their places.
fn nobodys_home() -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let user = || std::env::home_dir().unwrap_or_default().join(".cargo");
    format!("--remap-path-prefix={}=/cargo", home.unwrap_or_else(user).display())
}

/// The rule, without the machine.
fn choose(active: Option<Abilities>, debian: Option<Abilities>) -> Option<(Origin, Std)> {
    let usable = |found: Option<Abilities>| found.filter(|found| found.version >= OLDEST);
    let (active, debian) = (usable(active), usable(debian));
    let order = [
        (Origin::Active, Std::Prebuilt, active.is_some_and(|found| found.has_std)),
        (Origin::Active, Std::Source, active.is_some_and(|found| found.has_source)),
        (Origin::Debian, Std::Prebuilt, debian.is_some_and(|found| found.has_std)),
        (Origin::Debian, Std::Source, debian.is_some_and(|found| found.has_source)),
    ];
    order.into_iter().find(|&(.., possible)| possible).map(|(origin, std, _)| (origin, std))
}

impl Origin {
    fn rustc(self) -> &'static Path {
        Path::new(match self {
            Self::Active => "rustc",
            Self::Debian => "/usr/bin/rustc",
        })
    }

    fn cargo(self) -> &'static Path {
        Path::new(match self {
            Self::Active => "cargo",
            Self::Debian => "/usr/bin/cargo",
        })
    }
}

fn probe(origin: Origin, board: Board) -> Option<Abilities> {
    let ask = |args: &[&str]| process::capture(process::clean(origin.rustc()).args(args)).ok();
    let version = parse_version(&ask(&["--version"])?)?;
    let library = PathBuf::from(ask(&["--print", "sysroot"])?.trim()).join("lib/rustlib");
    let has_std = library.join(board.target()).join("lib").is_dir();
    let has_source = library.join("src/rust/library/core/src/lib.rs").is_file();
    Some(Abilities { version, has_std, has_source })
}

/// `rustc 1.96.0 (…)` or `rustc 1.97.0-nightly (…)`.
fn parse_version(line: &str) -> Option<[u32; 2]> {
    let mut numbers = line.split_whitespace().nth(1)?.split('.').map(|part| part.parse().ok());
    Some([numbers.next()??, numbers.next()??])
}

impl Toolchain {
    /// `cargo SUBCOMMAND` for the board's package, optimised, in a target folder of the images' own.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        self.command(self.origin.cargo(), subcommand)
    }

    /// `cargo clippy` of the same toolchain, if it has one.
    pub(crate) fn clippy(&self) -> Option<Command> {
        let program = match self.origin {
            // Without its full path, cargo would find rustup's, which is another compiler's.
            Origin::Debian => Path::new("/usr/bin/cargo-clippy"),
            Origin::Active => Path::new("cargo-clippy"),
        };
        let answer = process::capture(process::clean(program).args(["clippy", "--version"]));
        answer.is_ok().then(|| self.command(program, "clippy"))
    }

    fn command(&self, program: &Path, subcommand: &str) -> Command {
        let mut command = process::clean(program);
        command.args([subcommand, "--release", "--target", self.board.target()]);
        command.args(["--package", self.board.name()]);
        command.env("CARGO_TARGET_DIR", workspace::images());
        // Joined to the flags in .cargo/config.toml.
        let flags = format!("target.{}.rustflags=[{:?}]", self.board.target(), nobodys_home());
        command.args(["--config", &flags]);
        command.args(self.board.size_options());
        if self.origin == Origin::Debian {
            command.env("RUSTC", self.origin.rustc()).env("CARGO", self.origin.cargo());
            command.env("RUSTDOC", "/usr/bin/rustdoc");
        }
        if self.std == Std::Source {
            command.env("RUSTC_BOOTSTRAP", "1").arg(format!("-Zbuild-std={}", self.board.std_crates()));
            command.arg("-Zbuild-std-features=compiler-builtins-mem");
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Abilities = Abilities { version: [1, 95], has_std: false, has_source: false };
    const WITH_STD: Abilities = Abilities { has_std: true, ..NOTHING };
    const WITH_SOURCE: Abilities = Abilities { has_source: true, ..NOTHING };

    #[test]
    fn an_installed_library_beats_its_source() {
        let both = Abilities { has_std: true, has_source: true, ..NOTHING };
        assert_eq!(choose(Some(both), Some(WITH_SOURCE)), Some((Origin::Active, Std::Prebuilt)));
    }

    #[test]
    fn the_active_compiler_beats_debians() {
        assert_eq!(choose(Some(WITH_SOURCE), Some(WITH_STD)), Some((Origin::Active, Std::Source)));
        assert_eq!(choose(Some(NOTHING), Some(WITH_SOURCE)), Some((Origin::Debian, Std::Source)));
        assert_eq!(choose(None, Some(WITH_STD)), Some((Origin::Debian, Std::Prebuilt)));
    }

    #[test]
    fn a_compiler_that_is_too_old_is_no_compiler() {
        let old = Abilities { version: [1, 94], ..WITH_STD };
        assert_eq!(choose(Some(old), Some(WITH_SOURCE)), Some((Origin::Debian, Std::Source)));
        assert_eq!(choose(Some(old), None), None);
        assert_eq!(choose(Some(NOTHING), None), None);
    }

    #[test]
    fn versions_are_read_from_the_compilers_answer() {
        assert_eq!(
            parse_version("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)\n"),
            Some([1, 96])
        );
        assert_eq!(parse_version("rustc 1.101.0-nightly (x 2026-11-01)"), Some([1, 101]));
        assert_eq!(parse_version("error: toolchain is not installed"), None);
    }
}
