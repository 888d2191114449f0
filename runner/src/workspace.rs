//! Where things lie in the source tree.

use std::path::{Path, PathBuf};

/// The root of the source tree this tool was built from.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// Where cargo builds: `CARGO_TARGET_DIR`, or `target` in the root.
pub(crate) fn target() -> PathBuf {
    let chosen = std::env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty());
    let dir = chosen.map_or_else(|| root().join("target"), PathBuf::from);
    std::path::absolute(&dir).unwrap_or(dir)
}

/// Where images are built and kept.
pub(crate) fn images() -> PathBuf {
    target().join("images")
}

/// The example programs, with their manifest.
pub(crate) fn examples() -> PathBuf {
    root().join("tests/programs")
}

/// `path` as short as it can be said from the current folder.
pub(crate) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let resolved = path.canonicalize().unwrap_or_else(|_| path.into());
    let short = here.and_then(|here| resolved.strip_prefix(here).ok().map(PathBuf::from));
    short.unwrap_or(resolved).display().to_string()
}
