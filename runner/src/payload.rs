//! What an image is given to run: an initrd, packed or as it is, signed or not.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use kernel_core::signature;

use crate::cli::PayloadArgs;
use crate::compile::Kind;
use crate::packages::{Need, OnMissing};
use crate::{key, pack, workspace};

/// What packing depends on.
pub(crate) fn needs(args: &PayloadArgs) -> Vec<Need> {
    let only_objects =
        !args.programs.is_empty() && args.programs.iter().all(|path| Kind::of(path) == Kind::Object);
    if args.initrd.is_none() && !only_objects { vec![Need::Clang, Need::BpfHeaders] } else { Vec::new() }
}

/// Before anything is built: what is named can be read.
///
/// # Errors
/// It cannot.
pub(crate) fn check(args: &PayloadArgs) -> anyhow::Result<()> {
    for path in args.initrd.iter().chain(&args.sign) {
        let metadata = fs::File::open(path).and_then(|file| file.metadata());
        let metadata = metadata.with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(metadata.is_file(), "{} is no file", path.display());
    }
    Ok(())
}

/// The initrd: as given, or packed from the programs, the manifest's folder, or the examples.
pub(crate) fn initrd(args: &PayloadArgs, on_missing: OnMissing) -> anyhow::Result<Vec<u8>> {
    let initrd = unsigned(args, on_missing)?;
    let Some(path) = &args.sign else { return Ok(initrd) };
    ensure!(!signature::is_signed(&initrd), "the initrd is signed already; leave out --sign");
    Ok(key::Secret::read(path)?.seal(&initrd))
}

fn unsigned(args: &PayloadArgs, on_missing: OnMissing) -> anyhow::Result<Vec<u8>> {
    if let Some(path) = &args.initrd {
        return fs::read(path).with_context(|| format!("cannot read the initrd {}", path.display()));
    }
    let inputs = match (&args.programs[..], &args.manifest) {
        ([], None) => vec![workspace::examples()],
        ([], Some(manifest)) => vec![folder_of(manifest)],
        (programs, _) => programs.to_vec(),
    };
    pack::archive(&inputs, args.manifest.as_deref(), on_missing)
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder.into(),
        _ => ".".into(),
    }
}
