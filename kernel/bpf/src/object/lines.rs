//! `.BTF.ext`: which source line an instruction was made from, and where the program is to be adjusted to the
//! kernel's types. Linux's Documentation/bpf/btf.rst, section 4.
//!
//! Lines are a comfort: where they cannot be read, they are missing, and nothing else happens.

use super::btf::{MAGIC, Parts};
use super::bytes::{self, Span, u16_at, u32_at};
use super::elf::{Elf, Section};

/// Bytes of `struct bpf_line_info`; newer ones may be longer.
const LINE_BYTES: usize = 16;
/// Headers of this many bytes and more have a CO-RE part.
const HEADER_WITH_CORE: u32 = 32;

/// A place in a source file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceLine<'a> {
    /// The file's name, without directories.
    pub file: &'a str,
    /// The line, counted from 1.
    pub line: u32,
    /// The column, counted from 1; 0 if unknown.
    pub column: u32,
    /// The line's text without surrounding blanks, if the object has it.
    pub text: Option<&'a str>,
}

/// Where an object's line records lie.
#[derive(Clone, Copy)]
pub(super) struct Lines {
    strings: Span,
    groups: Span,
}

/// Finds the line records.
pub(super) fn find(elf: Elf<'_>) -> Option<Lines> {
    let groups = Header::of(elf)?.lines?;
    Some(Lines { strings: Parts::read(elf).ok()?.strings, groups })
}

impl Lines {
    /// The line of the instruction at an offset of the file.
    pub(super) fn at<'a>(&self, elf: Elf<'a>, file_offset: usize) -> Option<SourceLine<'a>> {
        let covers = |span: Span| (span.start..span.end).contains(&file_offset);
        let is_it = |section: &Section| section.is_code() && section.contents().is_some_and(covers);
        let section = elf.sections().find(is_it)?;
        let offset = file_offset - section.contents()?.start;
        let name = elf.section_name(&section)?.as_bytes();
        let strings = elf.contents(self.strings);
        let mut groups = groups(elf, self.groups).filter(|group| group.record_size >= LINE_BYTES);
        let group = groups.find(|group| bytes::text_is(strings, group.section_name as usize, name))?;
        let before = |record: &&[u8]| u32_at(record, 0).is_some_and(|first| first as usize <= offset);
        let records = group.records.chunks_exact(group.record_size).filter(before);
        line(records.max_by_key(|record| u32_at(record, 0))?, strings)
    }
}

/// The parts of `.BTF.ext` that can be read.
pub(super) struct Header {
    lines: Option<Span>,
    pub(super) core: Option<Span>,
}

impl Header {
    /// Of an object that has it.
    pub(super) fn of(elf: Elf<'_>) -> Option<Self> {
        Self::read(elf, elf.section_named(b".BTF.ext").and_then(|section| section.contents())?)
    }

    fn read(elf: Elf<'_>, section: Span) -> Option<Self> {
        let bytes = elf.contents(section);
        if u16_at(bytes, 0)? != MAGIC {
            return None;
        }
        let length = u32_at(bytes, 4)?;
        let part = |at| {
            let offset = u64::from(length) + u64::from(u32_at(bytes, at)?);
            section.part(offset, u32_at(bytes, at + 4)?.into())
        };
        Some(Self { lines: part(16), core: (length >= HEADER_WITH_CORE).then(|| part(24)).flatten() })
    }
}

/// The records of one section.
pub(super) struct Group<'a> {
    pub(super) section_name: u32,
    pub(super) record_size: usize,
    pub(super) records: &'a [u8],
}

/// Walks over a part of `.BTF.ext`: the size of a record, then for each section a name, a count, records.
pub(super) fn groups<'a>(elf: Elf<'a>, part: Span) -> impl Iterator<Item = Group<'a>> {
    let bytes = elf.contents(part);
    let record_size = u32_at(bytes, 0).unwrap_or(0) as usize;
    let mut place = 4;
    core::iter::from_fn(move || {
        let (section_name, count) = (u32_at(bytes, place)?, u32_at(bytes, place + 4)?);
        let offset = place + 8;
        let end = offset.checked_add((count as usize).checked_mul(record_size)?)?;
        place = end;
        Some(Group { section_name, record_size, records: bytes.get(offset..end)? })
    })
}

fn line<'a>(record: &[u8], strings: &'a [u8]) -> Option<SourceLine<'a>> {
    let path = bytes::text(strings, u32_at(record, 4)? as usize)?;
    let text = bytes::text(strings, u32_at(record, 8)? as usize).map(str::trim);
    let place = u32_at(record, 12)?;
    // Line 0 is DWARF's word for code of no line in particular (DWARF 5, 6.2.2); clang 14 has much of it.
    let line = Some(place >> 10).filter(|&line| line != 0)?;
    Some(SourceLine {
        file: path.rsplit('/').next().unwrap_or(path),
        line,
        column: place & 0x3ff,
        text: text.filter(|text| !text.is_empty()),
    })
}
