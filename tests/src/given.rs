//! What a test is given to work on: the tool and the images of `skep test`, and a folder to write to.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The tool and the images.
#[derive(Clone, Debug)]
pub struct Given {
    /// `skep`.
    pub tool: PathBuf,
    /// The pc image as it is booted: stripped.
    pub pc: PathBuf,
    /// The same with symbols.
    pub pc_symbols: PathBuf,
    /// The Pi's kernel8.img.
    pub rpi3: PathBuf,
    /// Its ELF, with symbols.
    pub rpi3_symbols: PathBuf,
}

impl Given {
    /// What `skep test` made. `None` in a plain `cargo test`: then `test` is said to be skipped.
    ///
    /// # Panics
    /// One of the files is named and not there: that is no plain `cargo test`, that is a mistake.
    #[must_use]
    pub fn or_skip(test: &str) -> Option<Self> {
        let file = |name: &str| {
            let Some(path) = std::env::var_os(name).map(PathBuf::from) else {
                say(format_args!("{test} skips: {name} is not set; `cargo run -- test` makes what it needs"));
                return None;
            };
            assert!(path.is_file(), "{name} names {}, which is no file", path.display());
            Some(path)
        };
        Some(Self {
            tool: file("SKEP_BIN")?,
            pc: file("SKEP_PC_ELF")?,
            pc_symbols: file("SKEP_PC_SYMBOLS")?,
            rpi3: file("SKEP_RPI3_IMG")?,
            rpi3_symbols: file("SKEP_RPI3_SYMBOLS")?,
        })
    }
}

/// Whether `test` can go on: the boot loader of disks for `firmware` (`UEFI`, `BIOS`) was built. If not, it is said to
/// be skipped.
#[must_use]
pub fn have_loader_or_skip(test: &str, firmware: &str) -> bool {
    let is_there = std::env::var_os(format!("SKEP_LOADER_{firmware}")).is_some();
    if !is_there {
        say(format_args!("{test} skips: the boot loader for {firmware} was not built"));
    }
    is_there
}

/// Tells the person who runs the tests something, also when the test passes.
pub fn say(text: fmt::Arguments<'_>) {
    // Not println!, whose text the test harness keeps to itself. A closed output is nobody's failure.
    let _ = writeln!(std::io::stdout(), "tests: {text}");
}

/// The root of the source tree.
#[must_use]
pub fn workspace() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// A folder below cargo's target folder, for what tests make.
///
/// # Panics
/// It cannot be made.
#[must_use]
pub fn scratch(name: &str) -> PathBuf {
    let binary = std::env::current_exe().expect("a test is a file");
    // target/<profile>/deps/<binary>
    let target = binary.ancestors().nth(3).expect("cargo builds tests in target/<profile>/deps");
    let folder = target.join("tests").join(name);
    fs::create_dir_all(&folder).expect("the target folder can be written to");
    folder
}
