//! Building a board's image.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;

use crate::board::Board;
use crate::packages::{self, Need, OnMissing};
use crate::{elf, output, process, progress, toolchain, workspace};

/// A built image.
pub(crate) struct Image {
    /// What is booted: a stripped ELF for the pc, raw memory for the Pi.
    pub(crate) boot: PathBuf,
    /// The ELF with symbols and line numbers.
    pub(crate) symbols: PathBuf,
}

/// Where a board's image is, once it was built.
pub(crate) fn paths(board: Board) -> Image {
    let images = workspace::images();
    let symbols = images.join(board.target()).join("release").join(board.name());
    Image { boot: images.join(board.image_name()), symbols }
}

/// Builds a board's image and says how large it is.
///
/// # Errors
/// No compiler, a build error (with cargo's output), or an ELF that is not laid out as the board needs it.
pub(crate) fn image(board: Board, on_missing: OnMissing) -> anyhow::Result<Image> {
    packages::require(&[Need::Compiler(board)], on_missing)?;
    let what = format!("building the {} image ({} profile)", board.name(), board.profile().name());
    let size = progress::step(&what, || make(board))?;
    let image = paths(board);
    output::note(format_args!("skep: {} is {size}", workspace::shown(&image.boot)));
    Ok(image)
}

/// Builds a board's image, and returns the size of what is booted, for people.
pub(crate) fn make(board: Board) -> anyhow::Result<String> {
    let Image { boot, symbols } = paths(board);
    process::capture(&mut toolchain::pick(board)?.cargo("build"))?;
    let linked = fs::read(&symbols).with_context(|| format!("cannot read {}", symbols.display()))?;
    let shipped = match board {
        Board::Pc => elf::stripped(&linked),
        Board::Rpi3 => elf::raw(&linked),
    };
    let shipped = shipped.with_context(|| format!("{} cannot be booted", symbols.display()))?;
    // Left alone if it is the same: another `skep` may be booting it.
    if fs::read(&boot).ok().as_ref() != Some(&shipped) {
        fs::write(&boot, &shipped).with_context(|| format!("cannot write {}", boot.display()))?;
    }
    Ok(format!("{} KiB ({} bytes)", shipped.len().div_ceil(1024), shipped.len()))
}
