//! FAT file systems in memory.

use std::io::{Cursor, Write as _};
use std::path::Path;

use anyhow::Context;
use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};

use super::files;

/// Most bytes of a sector and of the smallest cluster.
const SECTOR_BYTES: u64 = 512;
const MIB: u64 = 1 << 20;

/// A file system's size and kind follow from each other: by definition it is FAT16 with 4085 clusters or more, and
/// FAT32 with 65525 or more (Microsoft, FAT32 File System Specification 1.03, "FAT type determination").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// 4 MiB or more: what a boot loader on a disk reads.
    Fat16,
    /// 40 MiB or more: what the Raspberry Pi's firmware reads.
    Fat32,
}

impl Kind {
    const fn least_bytes(self) -> u64 {
        match self {
            Self::Fat16 => 4 * MIB,
            Self::Fat32 => 40 * MIB,
        }
    }

    /// The smallest cluster with which a volume of this size is of this kind.
    fn cluster_bytes(self, volume_bytes: u64) -> u64 {
        let most_clusters = match self {
            Self::Fat16 => 65_524,
            Self::Fat32 => 0x0fff_fff4,
        };
        let enough = |&cluster: &u64| volume_bytes / cluster <= most_clusters;
        (0..7).map(|shift| SECTOR_BYTES << shift).find(enough).unwrap_or(SECTOR_BYTES << 7)
    }
}

/// A file by its path, with `/` between folders.
pub(super) type File<'a> = (&'a str, &'a [u8]);

/// A volume that holds `files`, with room to spare.
///
/// # Errors
/// A name that FAT cannot have, or more than it can hold.
pub(super) fn volume(kind: Kind, files: &[File<'_>]) -> anyhow::Result<Vec<u8>> {
    let bytes = volume_bytes(kind, files);
    let mut volume = vec![0; usize::try_from(bytes)?];
    let cluster = u32::try_from(kind.cluster_bytes(bytes))?;
    let [a, b, c, d, ..] = files::identifier("volume", &all(files));
    let options = FormatVolumeOptions::new()
        .fat_type(if kind == Kind::Fat16 { FatType::Fat16 } else { FatType::Fat32 })
        .bytes_per_cluster(cluster)
        .volume_id(u32::from_le_bytes([a, b, c, d]))
        .volume_label(*b"SKEP       ");
    fatfs::format_volume(Cursor::new(&mut volume), options).context("cannot make a FAT file system")?;
    // Without a clock, every file is of 1980-01-01: the same files make the same volume.
    let system = FileSystem::new(Cursor::new(&mut volume), FsOptions::new().update_accessed_date(false))?;
    for (path, content) in files {
        add(&system, path, content).with_context(|| format!("cannot put {path} into a FAT file system"))?;
    }
    system.unmount()?;
    Ok(volume)
}

/// Whole MiB, with a 16th and 512 KiB more than the files for tables and what the files do not fill.
fn volume_bytes(kind: Kind, files: &[File<'_>]) -> u64 {
    let content: u64 =
        files.iter().map(|(_, content)| (content.len() as u64).next_multiple_of(64 << 10)).sum();
    (content + content / 16 + MIB / 2).next_multiple_of(MIB).max(kind.least_bytes())
}

fn all(files: &[File<'_>]) -> Vec<u8> {
    files.iter().flat_map(|(path, content)| [path.as_bytes(), content]).collect::<Vec<_>>().concat()
}

fn add(system: &FileSystem<Cursor<&mut Vec<u8>>>, path: &str, content: &[u8]) -> anyhow::Result<()> {
    let root = system.root_dir();
    let folders: Vec<_> = Path::new(path).ancestors().skip(1).filter(|path| *path != Path::new("")).collect();
    for folder in folders.into_iter().rev() {
        root.create_dir(&folder.to_string_lossy())?;
    }
    let mut file = root.create_file(path)?;
    file.write_all(content)?;
    Ok(file.flush()?)
}

/// The files in the root folder of a volume.
pub(super) fn read(volume: &[u8], name: &str) -> anyhow::Result<Vec<u8>> {
    let mut copy = volume.to_vec();
    let system = FileSystem::new(Cursor::new(&mut copy), FsOptions::new())?;
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut system.root_dir().open_file(name)?, &mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_read_back_and_the_same_files_make_the_same_volume() {
        for kind in [Kind::Fat16, Kind::Fat32] {
            let big = vec![0x5a; 3 << 20];
            let files: [File<'_>; 3] =
                [("kernel8.img", &big), ("efi/boot/bootx64.efi", b"MZ"), ("empty", b"")];
            let made = volume(kind, &files).unwrap();
            for (path, content) in files {
                assert_eq!(read(&made, path).unwrap(), content);
            }
            assert_eq!(volume(kind, &files).unwrap(), made);
        }
    }

    #[test]
    fn a_volume_is_of_its_kind_at_every_size() {
        for kind in [Kind::Fat16, Kind::Fat32] {
            for mib in [0, 3, 31, 33, 70] {
                let content = vec![1; mib << 20];
                let mut made = volume(kind, &[("file", &content)]).unwrap();
                let system = FileSystem::new(Cursor::new(&mut made), FsOptions::new()).unwrap();
                let expected = if kind == Kind::Fat16 { FatType::Fat16 } else { FatType::Fat32 };
                assert_eq!(system.fat_type(), expected, "{mib} MiB");
            }
        }
    }

    #[test]
    fn a_name_fat_cannot_have_is_refused() {
        let error = volume(Kind::Fat16, &[("a:b", b"")]).unwrap_err().to_string();
        assert!(error.contains("a:b"), "{error}");
    }
}
