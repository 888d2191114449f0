//! A disk for BIOS: MBR with the `bootloader` crate's boot sector, a partition that is its second stage, and a FAT
//! partition with the other stages, the kernel and the initrd.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};

use anyhow::{Context, ensure};
use gpt::mbr::{PartRecord, ProtectiveMBR};

use super::fat::{self, Kind};
use super::loader::{self, Stages};
use super::{Content, files};

/// Where the file system begins.
const VOLUME_AT: u64 = 1 << 20;
const SECTOR_BYTES: u64 = 512;
const ACTIVE: u8 = 0x80;
/// FAT, by logical block address.
pub(super) const FAT_LBA: u8 = 0x0c;

/// # Errors
/// The disk cannot be written.
pub(super) fn write(
    disk: &mut File,
    content: &Content,
    stages: &Stages,
    unit_bytes: u64,
) -> anyhow::Result<()> {
    let stage_2_end = SECTOR_BYTES + stages.second.len() as u64;
    ensure!(
        stage_2_end <= VOLUME_AT,
        "the boot loader's second stage does not fit in front of the file system"
    );
    let volume = fat::volume(
        Kind::Fat16,
        &[
            (loader::STAGE_3, &stages.third),
            (loader::STAGE_4, &stages.fourth),
            (loader::KERNEL, &content.kernel),
            (loader::RAMDISK, &content.initrd),
            (loader::CONFIG, loader::CONFIG_TEXT.as_bytes()),
        ],
    )?;
    let bytes = (VOLUME_AT + volume.len() as u64).next_multiple_of(unit_bytes);
    disk.set_len(bytes)?;
    let mut table = ProtectiveMBR::new();
    table.set_bootcode(stages.boot_code);
    let [a, b, c, d, ..] = files::identifier("disk", &volume);
    table.set_disk_signature([a, b, c, d]);
    table.set_partition(0, partition(loader::STAGE_2_PARTITION, SECTOR_BYTES, stages.second.len())?);
    table.set_partition(1, partition(FAT_LBA, VOLUME_AT, volume.len())?);
    table.overwrite_lba0(disk).context("cannot write the MBR")?;
    disk.seek(SeekFrom::Start(SECTOR_BYTES))?;
    disk.write_all(&stages.second)?;
    disk.seek(SeekFrom::Start(VOLUME_AT))?;
    disk.write_all(&volume)?;
    Ok(())
}

/// An active partition; by logical block address alone, as both loaders and the Pi's firmware read it.
pub(super) fn partition(os_type: u8, at: u64, bytes: usize) -> anyhow::Result<PartRecord> {
    let mut record = PartRecord::zero();
    record.boot_indicator = ACTIVE;
    record.os_type = os_type;
    record.lb_start = u32::try_from(at / SECTOR_BYTES)?;
    record.lb_size = u32::try_from((bytes as u64).div_ceil(SECTOR_BYTES))?;
    Ok(record)
}
