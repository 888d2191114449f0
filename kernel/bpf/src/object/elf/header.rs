//! The ELF header: whether this is an object for us at all, and where its section table lies.

use super::entries::SECTION_BYTES;
use crate::object::bytes::{Span, u16_at, u64_at};
use crate::object::error::{ObjectCause, ObjectError, Part};

const MAX_SECTIONS: u16 = 4096;
const HEADER_BYTES: usize = 64;

/// `EM_BPF`.
const MACHINE_BPF: u16 = 247;
/// `ET_REL`.
const RELOCATABLE: u16 = 1;

/// Refuses what is no relocatable little-endian 64-bit BPF object.
pub(super) fn check_identity(file: &[u8]) -> Result<(), ObjectError> {
    let magic = file.first_chunk::<4>().copied().unwrap_or_default();
    if magic != *b"\x7fELF" {
        return Err(ObjectCause::NotElf(magic).at(0));
    }
    if file.len() < HEADER_BYTES {
        return Err(ObjectCause::Truncated(Part::Header).at(0));
    }
    if u32::try_from(file.len()).is_err() {
        return Err(ObjectCause::TooLarge(file.len() as u64).at(0));
    }
    match (file[4], file[5]) {
        (2, 1) => {}
        (2, 2) => return Err(ObjectCause::BigEndian.at(5)),
        (2, order) => return Err(ObjectCause::ByteOrder(order).at(5)),
        (class, _) => return Err(ObjectCause::Class(class).at(4)),
    }
    match (u16_at(file, 18), u16_at(file, 16)) {
        (Some(MACHINE_BPF), Some(RELOCATABLE)) => Ok(()),
        (Some(MACHINE_BPF), kind) => Err(ObjectCause::NotRelocatable(kind.unwrap_or(0)).at(16)),
        (machine, _) => Err(ObjectCause::Machine(machine.unwrap_or(0)).at(18)),
    }
}

/// Reads `e_shoff`, `e_shentsize` and `e_shnum`.
pub(super) fn section_table(file: &[u8]) -> Result<Span, ObjectError> {
    let offset = u64_at(file, 40).unwrap_or(0);
    let (entry, count) = (u16_at(file, 58).unwrap_or(0), u16_at(file, 60).unwrap_or(0));
    if count == 0 {
        return Err(ObjectCause::Missing(Part::SectionTable).at(60));
    }
    if count > MAX_SECTIONS {
        let (found, limit) = (count.into(), MAX_SECTIONS.into());
        return Err(ObjectCause::TooMany { part: Part::SectionTable, found, limit }.at(60));
    }
    if usize::from(entry) != SECTION_BYTES {
        return Err(ObjectCause::EntrySize { part: Part::SectionTable, found: entry.into() }.at(58));
    }
    let size = u64::from(count) * SECTION_BYTES as u64;
    Span::new(offset, size, file.len()).ok_or(ObjectCause::Truncated(Part::SectionTable).at(40))
}
