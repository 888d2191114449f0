//! Damage to an object: hostile numbers in its headers and tables, other instructions, other types.

use object::{Object as _, ObjectSection as _, SectionKind};

use super::{Base, Damage, Field, hostile};
use crate::random::Random;

const SYMBOL_TABLE: u64 = 2;
const RELOCATIONS: u64 = 9;

const fn field(name: &'static str, at: usize, bytes: usize) -> Field {
    Field { name, at, bytes }
}

/// `Elf64_Ehdr`.
const FILE_HEADER: [Field; 17] = [
    field("magic", 0, 4),
    field("class", 4, 1),
    field("byte order", 5, 1),
    field("ident version", 6, 1),
    field("type", 16, 2),
    field("machine", 18, 2),
    field("version", 20, 4),
    field("entry", 24, 8),
    field("program headers", 32, 8),
    field("section headers", 40, 8),
    field("flags", 48, 4),
    field("header size", 52, 2),
    field("program header size", 54, 2),
    field("program header count", 56, 2),
    field("section header size", 58, 2),
    field("section count", 60, 2),
    field("section of names", 62, 2),
];

const SECTION_HEADERS: usize = 9;
const SECTION_COUNT: usize = 15;

/// `Elf64_Shdr`.
const SECTION_HEADER_BYTES: usize = 64;
const SECTION_HEADER: [Field; 10] = [
    field("name", 0, 4),
    field("type", 4, 4),
    field("flags", 8, 8),
    field("address", 16, 8),
    field("offset", 24, 8),
    field("size", 32, 8),
    field("link", 40, 4),
    field("info", 44, 4),
    field("alignment", 48, 8),
    field("entry size", 56, 8),
];
const SECTION_TYPE: usize = 1;
const SECTION_OFFSET: usize = 4;
const SECTION_SIZE: usize = 5;

/// `Elf64_Sym`.
const SYMBOL_BYTES: usize = 24;
const SYMBOL: [Field; 6] = [
    field("name", 0, 4),
    field("info", 4, 1),
    field("other", 5, 1),
    field("section", 6, 2),
    field("value", 8, 8),
    field("size", 16, 8),
];

/// `Elf64_Rel`.
const RELOCATION_BYTES: usize = 16;
const RELOCATION: [Field; 3] = [field("offset", 0, 8), field("type", 8, 4), field("symbol", 12, 4)];

/// An instruction (RFC 9669 section 3.1).
const SLOT_BYTES: usize = 8;
const INSTRUCTION: [Field; 4] =
    [field("opcode", 0, 1), field("registers", 1, 1), field("offset", 2, 2), field("immediate", 4, 4)];

pub(super) fn file_header(base: &Base, random: &mut Random) -> Damage {
    let field = *random.pick(&FILE_HEADER);
    patched(base, random, "file header", |_, _| Some((0, field)))
}

pub(super) fn section_header(base: &Base, random: &mut Random) -> Damage {
    let field = *random.pick(&SECTION_HEADER);
    patched(base, random, "a section header", |object, random| {
        let (start, count) = section_headers(object);
        Some((start + SECTION_HEADER_BYTES * random.below(count), field))
    })
}

pub(super) fn symbol(base: &Base, random: &mut Random) -> Damage {
    let field = *random.pick(&SYMBOL);
    patched(base, random, "a symbol", |object, random| {
        entry(object, SYMBOL_TABLE, SYMBOL_BYTES, random).map(|at| (at, field))
    })
}

pub(super) fn relocation(base: &Base, random: &mut Random) -> Damage {
    let field = *random.pick(&RELOCATION);
    patched(base, random, "a relocation", |object, random| {
        entry(object, RELOCATIONS, RELOCATION_BYTES, random).map(|at| (at, field))
    })
}

pub(super) fn instruction(base: &Base, random: &mut Random) -> Damage {
    let (place, object) = base.object(random);
    let code = section(object, random, |_, kind| kind == SectionKind::Text).expect("the base has code");
    let at = code.start + SLOT_BYTES * random.below(code.len() / SLOT_BYTES);
    let field = *random.pick(&INSTRUCTION);
    let (what, field) = match random.below(4) {
        0 => ("all of it", self::field("instruction", 0, SLOT_BYTES)),
        _ => (field.name, field),
    };
    let bytes = random.bytes(field.bytes);
    let what = format!("{}: an instruction at byte {at} has another {what}", place.name);
    Damage::any(what, base.with(place.data.start + at + field.at, &bytes))
}

/// BTF, and what tells source lines by it.
pub(super) fn type_information(base: &Base, random: &mut Random) -> Damage {
    let (place, object) = base.object(random);
    let Some(range) = section(object, random, |name, _| name.starts_with(".BTF")) else {
        return super::archives::one_bit(base, random);
    };
    // Most of it is strings; what hurts is in front.
    let reach = *random.pick(&[range.len().min(64), range.len() - 3]);
    let at = random.below(reach);
    let field = field("number", range.start + at, 4.min(range.len() - at));
    let value = hostile(field.value(object), range.len() as u64, random);
    let what = format!("{}: {} at byte {} is {value:#x}", place.name, "type information", field.at);
    Damage::any(what, base.with(place.data.start + field.at, &value.to_le_bytes()[..field.bytes]))
}

/// Sections that are neither code nor tables: strings, map definitions, constants.
pub(super) fn data(base: &Base, random: &mut Random) -> Damage {
    let (place, object) = base.object(random);
    let is_data = |name: &str, kind| kind != SectionKind::Text && !name.starts_with(".BTF");
    let Some(range) = section(object, random, is_data) else {
        return super::archives::one_bit(base, random);
    };
    let length = 1 + random.below(range.len().min(16));
    let at = range.start + random.below(range.len() - length + 1);
    let what = format!("{}: {length} bytes of data at {at} are others", place.name);
    let bytes = random.bytes(length);
    Damage::any(what, base.with(place.data.start + at, &bytes))
}

/// A hostile number at a place that `find` finds in an object; other damage if the object has none.
fn patched(
    base: &Base,
    random: &mut Random,
    part: &str,
    find: impl FnOnce(&[u8], &mut Random) -> Option<(usize, Field)>,
) -> Damage {
    let (place, object) = base.object(random);
    let Some((start, field)) = find(object, random) else {
        return super::archives::one_bit(base, random);
    };
    let field = Field { at: start + field.at, ..field };
    let value = hostile(field.value(object), object.len() as u64, random);
    let what = format!("{}: {} of {part} at byte {} is {value:#x}", place.name, field.name, field.at);
    Damage::any(what, base.with(place.data.start + field.at, &value.to_le_bytes()[..field.bytes]))
}

/// Where the section headers begin, and how many there are.
fn section_headers(object: &[u8]) -> (usize, usize) {
    let value = |index: usize| FILE_HEADER[index].value(object) as usize;
    (value(SECTION_HEADERS), value(SECTION_COUNT))
}

/// Where an entry of one of the tables of that type begins.
fn entry(object: &[u8], kind: u64, bytes: usize, random: &mut Random) -> Option<usize> {
    let (start, count) = section_headers(object);
    let headers = (0..count).map(|index| &object[start + SECTION_HEADER_BYTES * index..]);
    let tables: Vec<_> =
        headers.filter(|header| SECTION_HEADER[SECTION_TYPE].value(header) == kind).collect();
    if tables.is_empty() {
        return None;
    }
    let table = random.pick(&tables);
    let value = |index: usize| SECTION_HEADER[index].value(table) as usize;
    Some(value(SECTION_OFFSET) + bytes * random.below(value(SECTION_SIZE) / bytes))
}

/// Where one of the sections that `wanted` picks by name and kind lies, if any has contents.
fn section(
    object: &[u8],
    random: &mut Random,
    wanted: impl Fn(&str, SectionKind) -> bool,
) -> Option<std::ops::Range<usize>> {
    let file = object::File::parse(object).expect("the base's objects are well-formed");
    let sections =
        file.sections().filter(|section| wanted(section.name().unwrap_or_default(), section.kind()));
    let ranges = sections.filter_map(|section| section.file_range());
    let ranges: Vec<_> = ranges.filter(|&(_, length)| length >= 8).collect();
    if ranges.is_empty() {
        return None;
    }
    let &(start, length) = random.pick(&ranges);
    Some(start as usize..(start + length) as usize)
}
