//! From the linker's ELF to what a machine loads.

use anyhow::{Context, bail, ensure};
use object::LittleEndian;
use object::elf::{FileHeader64, PT_LOAD};
use object::read::elf::{FileHeader as _, ProgramHeader as _};

/// Where the Pi's firmware and QEMU put a raw image (arm_64bit=1, kernel_address=0x80000).
const RAW_BASE: u64 = 0x8_0000;

/// No image of ours is near this; a load address gone astray is.
const RAW_LIMIT_BYTES: u64 = 16 << 20;

/// Offsets within the ELF header (ELF-64 object file format, figure 2).
const SECTION_TABLE_OFFSET: std::ops::Range<usize> = 0x28..0x30;
const SECTION_COUNT_AND_NAMES: std::ops::Range<usize> = 0x3c..0x40;

/// One piece of the file and where it belongs in memory.
struct Segment {
    file_offset: u64,
    file_bytes: u64,
    physical: u64,
    is_loaded: bool,
}

/// The same ELF without sections: a loader reads segments only, symbols and debug tables are for gdb.
pub(crate) fn stripped(elf: &[u8]) -> anyhow::Result<Vec<u8>> {
    let segments = segments(elf)?;
    let header_end = program_headers_end(elf)?;
    let ends = segments.iter().map(|segment| segment.file_offset.saturating_add(segment.file_bytes));
    let end = usize::try_from(ends.fold(header_end, u64::max))?;
    let mut out = elf.get(..end).context("the ELF is cut off")?.to_vec();
    out[SECTION_TABLE_OFFSET].fill(0);
    out[SECTION_COUNT_AND_NAMES].fill(0);
    Ok(out)
}

/// Memory from 0x80000 on, as the segments fill it.
pub(crate) fn raw(elf: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    for segment in segments(elf)?.iter().filter(|segment| segment.is_loaded && segment.file_bytes > 0) {
        let begin = segment.physical.checked_sub(RAW_BASE).with_context(|| {
            format!("a segment at {:#x} lies below the image's base {RAW_BASE:#x}", segment.physical)
        })?;
        let end = begin.saturating_add(segment.file_bytes);
        ensure!(
            end <= RAW_LIMIT_BYTES,
            "a segment ends at {:#x}, too far from {RAW_BASE:#x}",
            RAW_BASE + end
        );
        let (begin, end) = (usize::try_from(begin)?, usize::try_from(end)?);
        let file_begin = usize::try_from(segment.file_offset)?;
        let bytes =
            elf.get(file_begin..file_begin.saturating_add(end - begin)).context("the ELF is cut off")?;
        out.resize(out.len().max(end), 0);
        out[begin..end].copy_from_slice(bytes);
    }
    if out.is_empty() {
        bail!("there is nothing to load in it");
    }
    Ok(out)
}

fn program_headers_end(elf: &[u8]) -> anyhow::Result<u64> {
    let header = FileHeader64::<LittleEndian>::parse(elf)?;
    let table_bytes = u64::from(header.e_phnum(LittleEndian)) * u64::from(header.e_phentsize(LittleEndian));
    Ok(header.e_phoff(LittleEndian).saturating_add(table_bytes))
}

fn segments(elf: &[u8]) -> anyhow::Result<Vec<Segment>> {
    let header = FileHeader64::<LittleEndian>::parse(elf).context("not an ELF of 64 bits")?;
    let endian = header.endian()?;
    let segment = |program: &object::elf::ProgramHeader64<LittleEndian>| Segment {
        file_offset: program.p_offset(endian),
        file_bytes: program.p_filesz(endian),
        physical: program.p_paddr(endian),
        is_loaded: program.p_type(endian) == PT_LOAD,
    };
    Ok(header.program_headers(endian, elf)?.iter().map(segment).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floor;

    #[test]
    fn a_stripped_elf_keeps_its_segments_and_loses_the_rest() {
        let mut elf = floor::exit_at_once();
        let lean = elf.clone();
        elf.extend_from_slice(b"symbols and more symbols");
        elf[SECTION_TABLE_OFFSET].copy_from_slice(&(lean.len() as u64).to_le_bytes());
        assert_eq!(stripped(&elf).unwrap(), lean);
    }

    #[test]
    fn raw_memory_begins_at_the_boards_base() {
        let error = raw(&floor::exit_at(RAW_BASE - 0x1000)).unwrap_err().to_string();
        assert!(error.contains("below"), "{error}");
        let error = raw(&floor::exit_at(RAW_BASE + (1 << 30))).unwrap_err().to_string();
        assert!(error.contains("too far"), "{error}");
        let image = raw(&floor::exit_at(RAW_BASE + 0x10)).unwrap();
        assert_eq!(&image[..0x10], [0; 0x10]);
        assert!(image.ends_with(&floor::CODE));
    }

    #[test]
    fn what_is_no_elf_is_refused() {
        assert!(stripped(b"\x7fELF").is_err());
        assert!(raw(&[]).is_err());
    }
}
