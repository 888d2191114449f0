//! A disk for UEFI: GPT with one EFI system partition, which holds the boot loader, the kernel and the initrd under
//! the names that the `bootloader` crate gives them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};

use anyhow::Context;
use gpt::GptConfig;
use gpt::disk::LogicalBlockSize;
use gpt::mbr::ProtectiveMBR;
use gpt::partition::Partition;
use gpt::partition_types;
use uuid::Builder;

use super::fat::{self, Kind};
use super::{Content, files, loader};

/// Where the partition begins: on a boundary that every disk has its blocks on.
const PARTITION_AT: u64 = 1 << 20;
/// Room for the second partition table, at the end.
const END_BYTES: u64 = 1 << 20;
const SECTOR_BYTES: u64 = 512;

/// # Errors
/// The disk cannot be written.
pub(super) fn write(
    disk: &mut File,
    content: &Content,
    loader: &[u8],
    unit_bytes: u64,
) -> anyhow::Result<()> {
    let volume = fat::volume(
        Kind::Fat16,
        &[
            ("efi/boot/bootx64.efi", loader),
            (loader::KERNEL, &content.kernel),
            (loader::RAMDISK, &content.initrd),
            (loader::CONFIG, loader::CONFIG_TEXT.as_bytes()),
        ],
    )?;
    let bytes = (PARTITION_AT + volume.len() as u64 + END_BYTES).next_multiple_of(unit_bytes);
    disk.set_len(bytes)?;
    let sectors = u32::try_from(bytes / SECTOR_BYTES - 1).unwrap_or(u32::MAX);
    ProtectiveMBR::with_lb_size(sectors).overwrite_lba0(disk).context("cannot write the protective MBR")?;
    write_table(disk, &volume).context("cannot write the partition table")?;
    disk.seek(SeekFrom::Start(PARTITION_AT))?;
    disk.write_all(&volume)?;
    Ok(())
}

fn write_table(disk: &mut File, volume: &[u8]) -> anyhow::Result<()> {
    let guid = |what| Builder::from_random_bytes(files::identifier(what, volume)).into_uuid();
    let config = GptConfig::new().writable(true).logical_block_size(LogicalBlockSize::Lb512);
    let mut table = config.create_from_device(disk, Some(guid("disk")))?;
    let first_lba = PARTITION_AT / SECTOR_BYTES;
    let partition = Partition {
        part_type_guid: partition_types::EFI,
        part_guid: guid("partition"),
        first_lba,
        last_lba: first_lba + volume.len() as u64 / SECTOR_BYTES - 1,
        flags: 0,
        name: "boot".into(),
    };
    table.update_partitions(BTreeMap::from([(1, partition)]))?;
    table.write()?;
    Ok(())
}
