//! From the linker's ELF to what a machine loads.

use anyhow::{Context, anyhow, bail, ensure};
use object::elf::{FileHeader64, PT_LOAD, SHT_STRTAB, SectionHeader64};
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _};
use object::{LittleEndian, pod};

/// Where the Pi's firmware and QEMU put a raw image (arm_64bit=1, kernel_address=0x80000).
const RAW_BASE: u64 = 0x8_0000;

/// No image of ours is near this; a load address gone astray is.
const RAW_LIMIT_BYTES: u64 = 16 << 20;

/// Offsets within the ELF header (ELF-64 object file format, figure 2).
const SECTION_TABLE_OFFSET: std::ops::Range<usize> = 0x28..0x30;
const SECTION_ENTRIES: std::ops::Range<usize> = 0x3a..0x40;

/// One piece of the file and where it belongs in memory.
struct Segment {
    file_offset: u64,
    file_bytes: u64,
    physical: u64,
    is_loaded: bool,
}

/// The section by which the disks' boot loader knows what the kernel asks of it.
const LOADER_CONFIG: &str = ".bootloader-config";

/// The same ELF without sections: a loader reads segments only, symbols and debug tables are for gdb. One section
/// stays, if there is one: disks' boot loader looks for [`LOADER_CONFIG`] by its name.
pub(crate) fn stripped(elf: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut out = segments_only(elf)?;
    if let Some(section) = section(elf, LOADER_CONFIG)? {
        add_section(&mut out, LOADER_CONFIG, section)?;
    }
    Ok(out)
}

fn section<'a>(elf: &'a [u8], name: &str) -> anyhow::Result<Option<&'a SectionHeader64<LittleEndian>>> {
    let header = FileHeader64::<LittleEndian>::parse(elf)?;
    let sections = header.sections(LittleEndian, elf).context("the sections of the ELF cannot be read")?;
    Ok(sections.section_by_name(LittleEndian, name.as_bytes()).map(|(_, section)| section))
}

/// Appends a section table to an ELF that has none: the empty entry every table begins with, `section`, whose bytes
/// must lie in a segment, and the names of both.
fn add_section(out: &mut Vec<u8>, name: &str, section: &SectionHeader64<LittleEndian>) -> anyhow::Result<()> {
    let end = LittleEndian;
    let content_end = section.sh_offset(end).saturating_add(section.sh_size(end));
    ensure!(content_end <= out.len() as u64, "the section {name} lies in no segment");
    const NAMES: &str = ".shstrtab";
    let names = format!("\0{name}\0{NAMES}\0");
    let names_at = out.len() as u64;
    out.extend(names.as_bytes());
    out.resize(out.len().next_multiple_of(8), 0);
    let table_at = out.len() as u64;
    let mut kept = *section;
    kept.sh_name.set(end, 1);
    let empty =
        pod::from_bytes::<SectionHeader64<LittleEndian>>(&[0; 64]).map_err(|()| anyhow!("64 bytes"))?.0;
    let mut name_table = *empty;
    name_table.sh_name.set(end, u32::try_from(name.len() + 2)?);
    name_table.sh_type.set(end, SHT_STRTAB);
    name_table.sh_offset.set(end, names_at);
    name_table.sh_size.set(end, names.len() as u64);
    name_table.sh_addralign.set(end, 1);
    for header in [empty, &kept, &name_table] {
        out.extend(pod::bytes_of(header));
    }
    out[SECTION_TABLE_OFFSET].copy_from_slice(&table_at.to_le_bytes());
    // 64 bytes an entry, three entries, the names in the last.
    out[SECTION_ENTRIES].copy_from_slice(&[64, 0, 3, 0, 2, 0]);
    Ok(())
}

fn segments_only(elf: &[u8]) -> anyhow::Result<Vec<u8>> {
    let segments = segments(elf)?;
    let header_end = program_headers_end(elf)?;
    let ends = segments.iter().map(|segment| segment.file_offset.saturating_add(segment.file_bytes));
    let end = usize::try_from(ends.fold(header_end, u64::max))?;
    let mut out = elf.get(..end).context("the ELF is cut off")?.to_vec();
    out[SECTION_TABLE_OFFSET].fill(0);
    out[SECTION_ENTRIES].fill(0);
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
        assert_eq!(stripped(&elf).unwrap(), lean);
        let section = one_section(&lean);
        add_section(&mut elf, ".symtab", &section).unwrap();
        assert_eq!(stripped(&elf).unwrap(), lean);
    }

    /// A section of the ELF's last four bytes.
    fn one_section(elf: &[u8]) -> SectionHeader64<LittleEndian> {
        let mut section = *pod::from_bytes::<SectionHeader64<LittleEndian>>(&[0; 64]).unwrap().0;
        section.sh_type.set(LittleEndian, object::elf::SHT_PROGBITS);
        section.sh_offset.set(LittleEndian, elf.len() as u64 - 4);
        section.sh_size.set(LittleEndian, 4);
        section
    }

    #[test]
    fn the_section_the_boot_loader_looks_for_stays() {
        let lean = floor::exit_at_once();
        let mut elf = lean.clone();
        elf.extend_from_slice(b"symbols");
        add_section(&mut elf, LOADER_CONFIG, &one_section(&lean)).unwrap();
        let stripped = stripped(&elf).unwrap();
        let kept = section(&stripped, LOADER_CONFIG).unwrap().expect("it is there");
        assert_eq!(kept.data(LittleEndian, &*stripped).unwrap(), &lean[lean.len() - 4..]);
        assert!(stripped.starts_with(&lean[..SECTION_TABLE_OFFSET.start]));
        assert!(!stripped.windows(7).any(|window| window == b"symbols"));
        let outside = one_section(&[0; 1 << 20]);
        assert!(add_section(&mut lean.clone(), LOADER_CONFIG, &outside).is_err());
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
