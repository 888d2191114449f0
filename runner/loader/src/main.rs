//! Writes the parts of the `bootloader` crate's boot loaders to a folder, for `skep image` to put on disks.
//!
//! `bootloader` makes whole disks only, with identifiers and times of their own and of at least 2 MiB. A disk that is
//! to be the same each time is put together by `skep`, from these parts and in the crate's own layout.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use anyhow::Context;
use bootloader::DiskImageBuilder;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).context("usage: loader_parts FOLDER")?;
    let nothing = DiskImageBuilder::empty();
    write_uefi(&nothing, &folder)?;
    write_bios(&nothing, &folder)
}

/// `bootloader`: the EFI application.
#[cfg(feature = "uefi")]
fn write_uefi(disk: &DiskImageBuilder, folder: &Path) -> anyhow::Result<()> {
    disk.create_uefi_tftp_folder(folder)
}

#[cfg(not(feature = "uefi"))]
fn write_uefi(_: &DiskImageBuilder, _: &Path) -> anyhow::Result<()> {
    Ok(())
}

/// `bios.img`: a disk with boot sector, second stage, and a FAT file system with the other two.
#[cfg(feature = "bios")]
fn write_bios(disk: &DiskImageBuilder, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    disk.create_bios_image(&folder.join("bios.img"))
}

#[cfg(not(feature = "bios"))]
fn write_bios(_: &DiskImageBuilder, _: &Path) -> anyhow::Result<()> {
    Ok(())
}
