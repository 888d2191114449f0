//! The boot loaders of disks, built once from the `bootloader` crate and kept.
//!
//! The crate builds itself with cargo's nightly features and a matching compiler: Rust 1.96 with the library's source
//! for this version. That takes one or two minutes, so it is no part of any other build: `runner/loader` is a package
//! of its own that writes out what was built.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use gpt::disk::LogicalBlockSize;
use gpt::mbr::ProtectiveMBR;

use super::fat;
use crate::cli::Firmware;
use crate::packages::{self, Need, OnMissing};
use crate::{process, progress, toolchain, workspace};

/// The version of `bootloader`, the one in `Cargo.toml`.
const VERSION: &str = "0.11.15";

/// Names by which the crate's loaders find what they load, and each other.
pub(super) const KERNEL: &str = "kernel-x86_64";
pub(super) const RAMDISK: &str = "ramdisk";
pub(super) const CONFIG: &str = "boot.json";
pub(super) const STAGE_3: &str = "boot-stage-3";
pub(super) const STAGE_4: &str = "boot-stage-4";
/// The partition type by which the boot sector finds the second stage.
pub(super) const STAGE_2_PARTITION: u8 = 0x20;

/// Only what went wrong is told, and over the serial line: a cloud has no screen.
pub(super) const CONFIG_TEXT: &str =
    r#"{"log_level":"Error","frame_buffer_logging":false,"serial_logging":true}"#;

const SECTOR_BYTES: usize = 512;

/// The loader for BIOS, in its stages.
pub(super) struct Stages {
    pub(super) boot_code: [u8; 440],
    pub(super) second: Vec<u8>,
    pub(super) third: Vec<u8>,
    pub(super) fourth: Vec<u8>,
}

/// The loader for UEFI.
///
/// # Errors
/// It cannot be built.
pub(super) fn efi_application(on_missing: OnMissing) -> anyhow::Result<Vec<u8>> {
    built(Firmware::Uefi, on_missing)
}

/// The loader for BIOS.
///
/// # Errors
/// It cannot be built.
pub(super) fn stages(on_missing: OnMissing) -> anyhow::Result<Stages> {
    let disk = built(Firmware::Bios, on_missing)?;
    stages_of(&disk).context("the disk made by the bootloader crate is not laid out as it should be")
}

/// Takes apart a disk that the crate made.
fn stages_of(disk: &[u8]) -> anyhow::Result<Stages> {
    let sector = disk.get(..SECTOR_BYTES).context("it has no boot sector")?;
    let table = ProtectiveMBR::from_bytes(sector, LogicalBlockSize::Lb512)?;
    // Code may not reach into what will be the disk's signature.
    ensure!(sector[440..446] == [0; 6], "the boot sector's code is longer than 440 bytes");
    let partition = |index| {
        let record = table.partition(index)?;
        let start = record.lb_start as usize * SECTOR_BYTES;
        let end = (start + record.lb_size as usize * SECTOR_BYTES).min(disk.len());
        disk.get(start..end)
    };
    let second = partition(0).context("it has no second stage")?.to_vec();
    let volume = partition(1).context("it has no file system")?;
    Ok(Stages {
        boot_code: *table.bootcode(),
        second,
        third: fat::read(volume, STAGE_3)?,
        fourth: fat::read(volume, STAGE_4)?,
    })
}

/// Where what was built is kept: one version, for good.
pub(super) fn kept(firmware: Firmware) -> PathBuf {
    workspace::images().join(format!("bootloader-{VERSION}-{}", firmware.name()))
}

/// What `loader_parts` wrote, from the cache or made now.
fn built(firmware: Firmware, on_missing: OnMissing) -> anyhow::Result<Vec<u8>> {
    let (file, time) = match firmware {
        Firmware::Uefi => ("bootloader", "a minute"),
        Firmware::Bios => ("bios.img", "two minutes"),
    };
    let (kept, feature) = (kept(firmware), firmware.name());
    if !kept.is_file() {
        packages::require(&[Need::Loader(firmware)], on_missing)?;
        let what = format!("building the boot loader for {} (once; about {time})", feature.to_uppercase());
        progress::step(&what, || {
            let folder = tempfile::tempdir()?;
            make(feature, folder.path())?;
            fs::create_dir_all(workspace::images())?;
            // Under another name first: what is there is whole.
            let partial = kept.with_extension(format!("{}.partial", std::process::id()));
            fs::copy(folder.path().join(file), &partial)?;
            fs::rename(&partial, &kept).with_context(|| format!("cannot write {}", kept.display()))
        })?;
    }
    fs::read(&kept).with_context(|| format!("cannot read {}", kept.display()))
}

/// Builds `loader_parts` and lets it write to `folder`.
fn make(feature: &str, folder: &Path) -> anyhow::Result<()> {
    let compiler = toolchain::for_loader()?;
    let mut build = compiler.cargo()?;
    build.args(["build", "--locked", "--package", "loader_parts", "--features", feature]);
    let target = workspace::images().join("loader");
    build.arg("--target-dir").arg(&target);
    if feature == "bios" {
        let tools = folder.join("tools");
        provide_llvm_tools(&tools, &compiler.rustc()?)?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(tools).chain(std::env::split_paths(&path));
        build.env("PATH", std::env::join_paths(paths)?);
    }
    process::capture(&mut build)?;
    process::capture(process::clean(&target.join("debug/loader_parts")).arg(folder)).map(drop)
}

/// The crate looks for llvm-objcopy where rustup puts it: in the folder that the `rustc` on `PATH` calls its sysroot.
/// Distributions put it elsewhere, so for the length of the build there is a `rustc` on `PATH` with another answer.
fn provide_llvm_tools(folder: &Path, rustc: &Path) -> anyhow::Result<()> {
    let bin = folder.join("sysroot/lib/rustlib/host/bin");
    fs::create_dir_all(&bin)?;
    for tool in ["llvm-objcopy", "llvm-objdump"] {
        let found = toolchain::llvm_tool(tool)
            .with_context(|| format!("there is no {tool}; `skep setup` installs it"))?;
        symlink(found, bin.join(tool))?;
    }
    let script = format!(
        "#!/bin/sh\nif [ \"$*\" = '--print sysroot' ]; then echo '{}'; else exec '{}' \"$@\"; fi\n",
        folder.join("sysroot").display(),
        rustc.display(),
    );
    let path = folder.join("rustc");
    fs::write(&path, script)?;
    Ok(fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_kept_is_the_version_built() {
        let manifest = fs::read_to_string(workspace::root().join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("bootloader = {{ version = \"={VERSION}\"")));
    }

    #[test]
    fn a_disk_that_is_none_is_refused() {
        for disk in [&[][..], &[0; 512], &[0xff; 4096]] {
            assert!(stages_of(disk).is_err());
        }
    }
}
