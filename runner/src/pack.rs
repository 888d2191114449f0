//! `skep pack`: an initrd from objects, sources and a manifest.
//!
//! The archive is cpio, newc format. The same inputs give the same bytes: files are sorted, times are 0, inodes count
//! from 1. A file's content begins on a multiple of 8, as the tables of an ELF want it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use cpio::newc;
use kernel_core::{manifest, signature};

use crate::cli::PackArgs;
use crate::compile::{self, Kind};
use crate::packages::OnMissing;
use crate::skep_toml::{self, SkepToml};
use crate::{key, output, progress};

/// Files by their names in the initrd.
type Files = BTreeMap<String, Vec<u8>>;

pub(crate) fn run(args: &PackArgs, on_missing: OnMissing) -> anyhow::Result<ExitCode> {
    check_output(&args.output)?;
    let mut archive = archive(&args.inputs, args.manifest.as_deref(), on_missing)?;
    if let Some(path) = &args.sign {
        archive = key::Secret::read(path)?.seal(&archive);
    }
    fs::write(&args.output, &archive).with_context(|| format!("cannot write {}", args.output.display()))?;
    output::line(format_args!("{}: {} bytes", args.output.display(), archive.len()));
    Ok(ExitCode::SUCCESS)
}

/// Overwrites an older initrd only: `-o hello.o hello.o` must not cost anybody an object.
fn check_output(path: &Path) -> anyhow::Result<()> {
    const ARCHIVE: &[u8] = b"07070";
    if !path.is_file() {
        return Ok(());
    }
    let mut start = [0; signature::MAGIC.len()];
    let read = fs::File::open(path).and_then(|mut file| file.read(&mut start));
    let length = read.with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(
        length == 0 || start.starts_with(ARCHIVE) || start == *signature::MAGIC,
        "{} is there already and is no initrd: choose another name, or remove it",
        path.display()
    );
    Ok(())
}

/// The initrd made of `inputs` and the manifest; without one, of the `skep.toml` in one of the folders, if there is.
///
/// # Errors
/// An input cannot be read or compiled, the manifest is wrong or names a file that is not there.
pub(crate) fn archive(
    inputs: &[PathBuf],
    toml: Option<&Path>,
    on_missing: OnMissing,
) -> anyhow::Result<Vec<u8>> {
    let manifest_path = manifest_path(inputs, toml)?;
    let sources = programs(inputs)?;
    let mut files = progress::step("compiling and packing the programs", || collect(&sources, on_missing))?;
    if let Some(path) = manifest_path {
        add_manifest(&SkepToml::read(&path)?, &mut files)?;
    }
    write(&files)
}

/// Every object and source that `inputs` name or, as folders, hold.
///
/// # Errors
/// A folder cannot be read, or there is none at all.
pub(crate) fn programs(inputs: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut programs = Vec::new();
    for input in inputs {
        programs.extend(programs_in(input)?);
    }
    let named = || inputs.iter().map(|input| input.display().to_string()).collect::<Vec<_>>().join(", ");
    ensure!(
        !programs.is_empty(),
        "there is neither an eBPF object (.o) nor a C source (.bpf.c) in {}",
        named()
    );
    Ok(programs)
}

fn manifest_path(inputs: &[PathBuf], toml: Option<&Path>) -> anyhow::Result<Option<PathBuf>> {
    if let Some(path) = toml {
        return Ok(Some(path.into()));
    }
    let candidates = inputs.iter().map(|input| input.join(skep_toml::FILE_NAME));
    let found: Vec<_> = candidates.filter(|path| path.is_file()).collect();
    ensure!(found.len() < 2, "several folders have a {}; choose one with -m", skep_toml::FILE_NAME);
    Ok(found.into_iter().next())
}

/// The input itself if it is a file; the objects and sources in it, sorted, if it is a folder.
fn programs_in(input: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !input.is_dir() {
        return Ok(vec![input.into()]);
    }
    let cannot_read = || format!("cannot read the folder {}", input.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(input).with_context(cannot_read)? {
        let path = entry.with_context(cannot_read)?.path();
        if Kind::of(&path) != Kind::Other {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn collect(sources: &[PathBuf], on_missing: OnMissing) -> anyhow::Result<Files> {
    let mut files = Files::new();
    for source in sources {
        let object = compile::object(source, on_missing)?;
        add(&mut files, object.name, object.bytes).with_context(|| source.display().to_string())?;
    }
    Ok(files)
}

fn add_manifest(toml: &SkepToml, files: &mut Files) -> anyhow::Result<()> {
    for object in toml.objects() {
        if !files.contains_key(object) {
            let packed = files.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            bail!("the manifest names the object {object}, which is not among the files packed: {packed}");
        }
    }
    let mut captures: Vec<_> = toml.packets().collect();
    captures.sort_unstable();
    captures.dedup();
    for capture in captures {
        let path = toml.folder().join(capture);
        let bytes =
            fs::read(&path).with_context(|| format!("cannot read the packets in {}", path.display()))?;
        add(files, skep_toml::base_name(capture).into(), bytes)?;
    }
    add(files, manifest::FILE_NAME.into(), toml.manifest()?.into_bytes())
}

fn add(files: &mut Files, name: String, bytes: Vec<u8>) -> anyhow::Result<()> {
    ensure!(!files.contains_key(&name), "two files would have the name {name} in the initrd");
    files.insert(name, bytes);
    Ok(())
}

fn write(files: &Files) -> anyhow::Result<Vec<u8>> {
    let mut archive = Vec::new();
    for (inode, (name, bytes)) in (1..).zip(files) {
        let size = u32::try_from(bytes.len()).with_context(|| format!("{name} is larger than 4 GiB"))?;
        let name = aligned_name(name, archive.len());
        let header = newc::Builder::new(&name).ino(inode).mode(0o100_644);
        let mut member = header.write(&mut archive, size);
        std::io::Write::write_all(&mut member, bytes)?;
        member.finish()?;
    }
    newc::trailer(&mut archive)?;
    Ok(archive)
}

/// The name, behind `./` as often as it takes for the content of a member at `offset` to begin on a multiple of 8.
/// The format itself knows multiples of 4 only, and every reader takes `./` for what it is.
fn aligned_name(name: &str, offset: usize) -> String {
    const HEADER_BYTES: usize = 110;
    let content = |name: &str| (offset + HEADER_BYTES + name.len() + 1).next_multiple_of(4);
    let prefixed = |count| "./".repeat(count) + name;
    (0..).map(prefixed).find(|name| content(name).is_multiple_of(8)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Files {
        let file = |name: &str, bytes: &[u8]| (name.to_string(), bytes.to_vec());
        Files::from([
            file("b.o", b"12345"),
            file("manifest", b""),
            file("longer.name.o", b"x"),
            file("a.o", b""),
        ])
    }

    #[test]
    fn only_an_initrd_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        };
        assert!(check_output(&file("a.cpio", &write(&sample()).unwrap())).is_ok());
        assert!(check_output(&file("empty", b"")).is_ok());
        assert!(check_output(&folder.path().join("new")).is_ok());
        let refused = check_output(&file("a.o", b"\x7fELF")).unwrap_err().to_string();
        assert!(refused.contains("a.o") && refused.contains("no initrd"), "{refused}");
        assert!(check_output(&file("short", b"07")).is_err());
    }

    #[test]
    fn what_is_packed_is_what_a_reader_of_the_format_finds() {
        let archive = write(&sample()).unwrap();
        let mut rest = &archive[..];
        let mut found = Files::new();
        loop {
            let mut member = newc::Reader::new(rest).unwrap();
            if member.entry().is_trailer() {
                break;
            }
            let name = member.entry().name().trim_start_matches("./").to_string();
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).unwrap();
            found.insert(name, bytes);
            rest = member.finish().unwrap();
        }
        assert_eq!(found, sample());
    }

    #[test]
    fn the_images_own_reader_finds_every_file() {
        let mut archive = write(&sample()).unwrap();
        let found = kernel_core::initrd::entries(&mut archive).map(|entry| {
            let entry = entry.unwrap();
            (entry.name.to_string(), entry.bytes.to_vec())
        });
        assert_eq!(found.collect::<Files>(), sample());
    }

    #[test]
    fn the_content_of_every_member_is_aligned() {
        for offset in (0..64).step_by(4) {
            for length in 1..40 {
                let name = aligned_name(&"n".repeat(length), offset);
                let content = (offset + 110 + name.len() + 1).next_multiple_of(4);
                assert!(content.is_multiple_of(8) && name.len() <= length + 4, "{offset} {length}");
            }
        }
    }

    #[test]
    fn the_same_files_make_the_same_archive() {
        assert_eq!(write(&sample()).unwrap(), write(&sample()).unwrap());
    }

    #[test]
    fn two_files_of_one_name_are_refused() {
        let mut files = sample();
        assert!(add(&mut files, "a.o".into(), Vec::new()).is_err());
    }
}
