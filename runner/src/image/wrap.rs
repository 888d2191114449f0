//! Disks in the wrappings that clouds import.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

use super::container;
use crate::cli::Format;
use crate::process;

pub(super) const MIB: u64 = 1 << 20;
const SECTOR_BYTES: u64 = 512;

/// What the size of a disk in a wrapping is a multiple of. Google Cloud takes whole GiB, Azure whole MiB and at least 20
/// of them.
pub(super) fn unit_bytes(format: Format) -> u64 {
    match format {
        Format::Gcp => 1 << 30,
        Format::Vhd => 20 * MIB,
        _ => MIB,
    }
}

/// QEMU's own format, by QEMU's own tool.
///
/// # Errors
/// `qemu-img` fails.
pub(super) fn qcow2(out: &Path, disk: impl FnOnce(&mut File) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut raw = tempfile::NamedTempFile::new()?;
    disk(raw.as_file_mut())?;
    let mut convert = Command::new("qemu-img");
    convert.args(["convert", "-f", "raw", "-O", "qcow2"]).arg(raw.path()).arg(out);
    process::capture(&mut convert).map(drop)
}

/// What Google Cloud takes: a gzipped tar in the old GNU format with one file, `disk.raw`, whose holes are left out.
///
/// # Errors
/// The disk has more pieces than the header has room for, or it cannot be written.
pub(super) fn gcp(out: &mut File, disk: impl FnOnce(&mut File) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut raw = tempfile::tempfile()?;
    disk(&mut raw)?;
    let bytes = raw.seek(SeekFrom::End(0))?;
    let pieces = pieces(&mut raw, bytes)?;
    let header = sparse_header(bytes, &pieces)?;
    let mut content = Vec::new();
    for piece in &pieces {
        raw.seek(SeekFrom::Start(piece.start))?;
        (&mut raw).take(piece.end - piece.start).read_to_end(&mut content)?;
    }
    let mut archive = tar::Builder::new(container::gzip());
    archive.append(&header, content.as_slice())?;
    out.write_all(&archive.into_inner()?.finish()?)?;
    Ok(())
}

/// Where the disk has data, with small holes filled.
fn pieces(disk: &mut File, bytes: u64) -> anyhow::Result<Vec<Range<u64>>> {
    /// A hole smaller than this is not worth an entry: a header has four.
    const SMALL_HOLE: u64 = 64 * MIB;
    let mut pieces: Vec<Range<u64>> = Vec::new();
    let (mut buffer, zeros) = (vec![0; MIB as usize], vec![0; MIB as usize]);
    disk.seek(SeekFrom::Start(0))?;
    for start in (0..bytes).step_by(buffer.len()) {
        let end = (start + MIB).min(bytes);
        let read = &mut buffer[..(end - start) as usize];
        disk.read_exact(read)?;
        if *read == zeros[..read.len()] {
            continue;
        }
        match pieces.last_mut() {
            Some(last) if start - last.end < SMALL_HOLE => last.end = end,
            _ => pieces.push(start..end),
        }
    }
    Ok(pieces)
}

/// The header of a file with holes (GNU tar manual, "Old GNU Format"): the pieces, and behind them the file's end.
fn sparse_header(bytes: u64, pieces: &[Range<u64>]) -> anyhow::Result<Header> {
    let mut header = Header::new_gnu();
    header.set_path("disk.raw")?;
    header.set_entry_type(EntryType::GNUSparse);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(pieces.iter().map(|piece| piece.end - piece.start).sum());
    let gnu = header.as_gnu_mut().context("the header is of the GNU format")?;
    ensure!(
        pieces.len() < gnu.sparse.len(),
        "the disk has {} pieces, too many for a tar header",
        pieces.len()
    );
    let end = bytes..bytes;
    for (entry, piece) in gnu.sparse.iter_mut().zip(pieces.iter().chain([&end])) {
        put_octal(&mut entry.offset, piece.start);
        put_octal(&mut entry.numbytes, piece.end - piece.start);
    }
    put_octal(&mut gnu.realsize, bytes);
    header.set_cksum();
    Ok(header)
}

fn put_octal(field: &mut [u8; 12], value: u64) {
    field.copy_from_slice(format!("{value:011o}\0").as_bytes());
}

/// What makes a disk a fixed VHD: a footer of 512 bytes (Virtual Hard Disk Image Format Specification, "Hard Disk
/// Footer Format").
///
/// # Errors
/// The disk cannot be written.
pub(super) fn append_vhd_footer(disk: &mut File) -> anyhow::Result<()> {
    let bytes = disk.seek(SeekFrom::End(0))?;
    disk.seek(SeekFrom::Start(0))?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; MIB as usize];
    while let count @ 1.. = disk.read(&mut piece)? {
        hasher.update(&piece[..count]);
    }
    let hash: [u8; 32] = hasher.finalize().into();
    disk.seek(SeekFrom::End(0))?;
    disk.write_all(&vhd_footer(bytes, hash.first_chunk().unwrap_or(&[0; 16])))?;
    Ok(())
}

fn vhd_footer(bytes: u64, identifier: &[u8; 16]) -> [u8; 512] {
    const FIXED: u32 = 2;
    let mut footer = [0; 512];
    let mut put = |at: usize, field: &[u8]| footer[at..at + field.len()].copy_from_slice(field);
    put(0, b"conectix");
    put(8, &2u32.to_be_bytes());
    put(12, &0x0001_0000u32.to_be_bytes());
    put(16, &u64::MAX.to_be_bytes());
    // The creator: for this one readers take the size from the footer, not from the geometry, which is rounded.
    put(28, b"qem2");
    put(36, b"Wi2k");
    put(40, &bytes.to_be_bytes());
    put(48, &bytes.to_be_bytes());
    put(56, &geometry(bytes / SECTOR_BYTES));
    put(60, &FIXED.to_be_bytes());
    put(68, identifier);
    let sum: u32 = footer.iter().map(|&byte| u32::from(byte)).sum();
    footer[64..68].copy_from_slice(&(!sum).to_be_bytes());
    footer
}

/// Cylinders, heads and sectors of a track, by the specification's appendix "CHS Calculation".
fn geometry(sectors: u64) -> [u8; 4] {
    let sectors = sectors.min(65_535 * 16 * 255);
    let (heads, track, cylinders_heads) = if sectors >= 65_535 * 16 * 63 {
        (16, 255, sectors / 255)
    } else {
        let cylinders_heads = sectors / 17;
        let heads = cylinders_heads.div_ceil(1024).max(4);
        if cylinders_heads < heads * 1024 && heads <= 16 {
            (heads, 17, cylinders_heads)
        } else if sectors / 31 < 16 * 1024 {
            (16, 31, sectors / 31)
        } else {
            (16, 63, sectors / 63)
        }
    };
    let [high, low] = ((cylinders_heads / heads) as u16).to_be_bytes();
    [high, low, heads as u8, track]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_footer_adds_up_and_says_how_large_the_disk_is() {
        let footer = vhd_footer(20 * MIB, &[9; 16]);
        let sum: u32 = footer.iter().map(|&byte| u32::from(byte)).sum();
        let stored = u32::from_be_bytes(footer[64..68].try_into().unwrap());
        let own: u32 = footer[64..68].iter().map(|&byte| u32::from(byte)).sum();
        assert_eq!(!(sum - own), stored);
        assert_eq!(footer[48..56], (20 * MIB).to_be_bytes());
    }

    #[test]
    fn the_geometry_covers_the_disk_to_within_a_cylinder() {
        for sectors in [40_960, 65_536, 2_097_152, 8_388_608, 200_000_000] {
            let [high, low, heads, track] = geometry(sectors);
            let cylinder = u64::from(heads) * u64::from(track);
            let covered = u64::from(u16::from_be_bytes([high, low])) * cylinder;
            assert!(covered <= sectors && sectors - covered < cylinder, "{sectors}: {covered}");
        }
    }

    #[test]
    fn only_data_is_in_a_piece() {
        let mut disk = tempfile::tempfile().unwrap();
        disk.set_len(1 << 30).unwrap();
        for at in [5, 3 * MIB, (1 << 30) - 1] {
            disk.seek(SeekFrom::Start(at)).unwrap();
            disk.write_all(&[1]).unwrap();
        }
        let found = pieces(&mut disk, 1 << 30).unwrap();
        assert_eq!(found, [0..4 * MIB, (1 << 30) - MIB..1 << 30]);
        assert!(sparse_header(1 << 30, &found).is_ok());
        assert!(sparse_header(1 << 30, &[0..1, 2..3, 4..5, 6..7]).is_err());
    }
}
