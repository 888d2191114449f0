//! What is verified: objects, and sources that become objects.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::compile::{self, Kind, ObjectFile};
use crate::packages::OnMissing;
use crate::workspace;

/// Folders with programs, from the root of the source tree; those that do not exist are left out.
const FOLDERS: [&str; 4] = ["tests/programs", "tests/loops", "tests/bench", "../shared/bench"];

/// The programs of the source tree.
pub(super) fn built_in() -> anyhow::Result<Vec<PathBuf>> {
    let mut sources = Vec::new();
    for folder in FOLDERS.map(|folder| workspace::root().join(folder)) {
        if !folder.is_dir() {
            continue;
        }
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "c") {
                sources.push(path);
            }
        }
    }
    sources.sort();
    Ok(sources)
}

/// The object; a source that is no `.bpf.c` is one that `XDP` makes an XDP program of.
pub(super) fn object(path: &Path, on_missing: OnMissing) -> anyhow::Result<ObjectFile> {
    match Kind::of(path) {
        Kind::Other if path.extension().is_some_and(|extension| extension == "c") => {
            compile::xdp(path, on_missing)
        }
        _ => compile::object(path, on_missing),
    }
}
