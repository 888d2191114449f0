//! C sources to eBPF objects, by clang.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, bail};

use crate::packages::{self, Need, OnMissing};
use crate::process;

/// An object file in memory.
pub(crate) struct ObjectFile {
    /// Its name in an initrd: `fib.o`, also when it was made from `fib.bpf.c`.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// What a file is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Source,
    Object,
    Other,
}

impl Kind {
    pub(crate) fn of(path: &Path) -> Self {
        match path.file_name().and_then(|name| name.to_str()) {
            Some(name) if name.ends_with(".bpf.c") => Self::Source,
            Some(name) if name.ends_with(".o") => Self::Object,
            _ => Self::Other,
        }
    }
}

/// The newest clang here that makes eBPF of instruction set v4, which is all of RFC 9669; clang 18 is the first.
pub(crate) fn clang() -> Option<PathBuf> {
    // Only what was found is kept: a clang can be installed while this tool runs.
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    if FOUND.get().is_none() {
        let found = clangs().find(|clang| makes_v4(clang))?;
        return Some(FOUND.get_or_init(|| found).clone());
    }
    FOUND.get().cloned()
}

/// Every clang on `PATH`, whatever it can do; newest first, as far as their names tell.
pub(crate) fn clangs() -> impl Iterator<Item = PathBuf> {
    let versioned = (14..=30).rev().map(|version| format!("clang-{version}"));
    versioned.chain(["clang".into()]).filter_map(|name| process::find(&name))
}

/// Asks for it: an older clang, and one made without the BPF target, refuse.
fn makes_v4(clang: &Path) -> bool {
    let mut question = Command::new(clang);
    question.args(["-target", "bpf", "-mcpu=v4", "-fsyntax-only", "-x", "c", "/dev/null"]);
    process::output(&mut question).is_ok_and(|answer| answer.status.success())
}

/// Reads an object, or makes it from its source.
///
/// # Errors
/// The file is neither, cannot be read, or does not compile (with clang's output).
pub(crate) fn object(path: &Path, on_missing: OnMissing) -> anyhow::Result<ObjectFile> {
    let file_name = path.file_name().and_then(|name| name.to_str());
    let file_name = file_name.with_context(|| format!("{} has no name of UTF-8 text", path.display()))?;
    let (name, bytes) = match Kind::of(path) {
        Kind::Object => (file_name.into(), fs::read(path)),
        Kind::Source => {
            (format!("{}.o", file_name.trim_end_matches(".bpf.c")), Ok(compile(path, on_missing)?))
        }
        Kind::Other => bail!("{} is neither an eBPF object (.o) nor a C source (.bpf.c)", path.display()),
    };
    let bytes: Vec<u8> = bytes.with_context(|| format!("cannot read {}", path.display()))?;
    anyhow::ensure!(
        bytes.starts_with(b"\x7fELF"),
        "{} is no object: it does not begin as an ELF file does",
        path.display()
    );
    Ok(ObjectFile { name, bytes })
}

/// Compiles a source that is an XDP program where `XDP` is defined, like those of the engines' benchmark.
///
/// # Errors
/// It has no name, or does not compile (with clang's output).
pub(crate) fn xdp(source: &Path, on_missing: OnMissing) -> anyhow::Result<ObjectFile> {
    let stem = source.file_stem().and_then(|stem| stem.to_str());
    let stem = stem.with_context(|| format!("{} has no name of UTF-8 text", source.display()))?;
    Ok(ObjectFile { name: format!("{stem}.o"), bytes: compile_with(source, &["-DXDP", "-w"], on_missing)? })
}

fn compile(source: &Path, on_missing: OnMissing) -> anyhow::Result<Vec<u8>> {
    compile_with(source, &[], on_missing)
}

fn compile_with(source: &Path, flags: &[&str], on_missing: OnMissing) -> anyhow::Result<Vec<u8>> {
    anyhow::ensure!(source.is_file(), "there is no file {}", source.display());
    packages::require(&[Need::Clang, Need::BpfHeaders], on_missing)?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let object = folder.path().join("out.o");
    process::capture(command(source, &object)?.args(flags))?;
    fs::read(&object).with_context(|| format!("clang left no object for {}", source.display()))
}

/// Instruction set v3 is what Linux distributions compile for; `-g` brings BTF and with it the source lines.
fn command(source: &Path, object: &Path) -> anyhow::Result<Command> {
    let source = source.canonicalize()?;
    let folder = source.parent().context("a source file lies in a folder")?;
    let mut clang = Command::new(clang().context("clang is missing")?);
    clang.args(["-O2", "-g", "-Wall", "-target", "bpf", "-mcpu=v3", "-c"]);
    // The object depends neither on where the source lies nor on where this tool was started.
    clang.arg(format!("-ffile-prefix-map={}=.", folder.display())).arg("-fdebug-compilation-dir=.");
    clang.arg("-I").arg(folder).args(["-isystem", &multiarch_headers()]);
    // The C library's headers ask for the machine's word size by its name, and have no answer for BPF.
    clang.arg(format!("-D__{}__", std::env::consts::ARCH));
    clang.arg(&source).arg("-o").arg(object);
    Ok(clang)
}

/// Where Debian keeps `asm/types.h`, which clang does not search for a foreign target.
fn multiarch_headers() -> String {
    format!("/usr/include/{}-linux-gnu", std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_their_names() {
        assert_eq!(Kind::of(Path::new("a/fib.bpf.c")), Kind::Source);
        assert_eq!(Kind::of(Path::new("fib.o")), Kind::Object);
        assert_eq!(Kind::of(Path::new("fib.c")), Kind::Other);
        assert_eq!(Kind::of(Path::new("/")), Kind::Other);
    }

    #[test]
    fn a_file_of_another_kind_is_refused_by_name() {
        let error = object(Path::new("notes.txt"), OnMissing::Print).err().unwrap().to_string();
        assert!(error.contains("notes.txt") && error.contains(".bpf.c"), "{error}");
    }
}
