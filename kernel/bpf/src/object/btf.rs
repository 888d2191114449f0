//! BTF types, as far as map definitions need them. Linux's Documentation/bpf/btf.rst, sections 2 and 3.

use core::fmt;

use super::bytes::{self, Span, u16_at, u32_at};
use super::elf::Elf;
use super::error::{ObjectCause, ObjectError};

/// Magic number of `.BTF` and `.BTF.ext`.
pub(super) const MAGIC: u16 = 0xeb9f;

const MAX_TYPES: usize = 65_536;
/// The place of every 512th type is remembered, so that finding one walks over at most 511 others.
const STRIDE: usize = 512;
/// Longest chain of typedefs, arrays and qualifiers that is followed. Bounds cycles, too.
const MAX_DEPTH: usize = 32;

/// Kinds of type.
pub(super) const STRUCT: u8 = 4;
pub(super) const VAR: u8 = 14;
pub(super) const DATASEC: u8 = 15;
const INT: u8 = 1;
const PTR: u8 = 2;
const ARRAY: u8 = 3;
const UNION: u8 = 5;
const ENUM: u8 = 6;
const FWD: u8 = 7;
const TYPEDEF: u8 = 8;
const RESTRICT: u8 = 11;
const FUNC: u8 = 12;
pub(super) const FUNC_PROTO: u8 = 13;
const FLOAT: u8 = 16;
const DECL_TAG: u8 = 17;
const TYPE_TAG: u8 = 18;
const ENUM64: u8 = 19;

/// Why BTF cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BtfFault {
    /// There is no `.BTF` section: compiled without `-g`.
    Missing,
    /// Its header is none, or its parts lie outside it.
    Header,
    /// A type of this kind.
    Kind(u8),
    /// A type reaches past the end of the type section.
    Truncated,
    /// More types than are read.
    TooManyTypes,
}

impl fmt::Display for BtfFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no .BTF section, though `.maps` needs one; compile with -g"),
            Self::Header => f.write_str("damaged header"),
            Self::Kind(kind) => write!(f, "type of unknown kind {kind}, expected 1 to 19"),
            Self::Truncated => f.write_str("type reaches past the end of the types"),
            Self::TooManyTypes => write!(f, "more than {MAX_TYPES} types"),
        }
    }
}

/// Where the parts of a `.BTF` section lie in the file.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    pub(super) types: Span,
    pub(super) strings: Span,
}

/// All types of an object, each known to lie inside the type section.
pub(super) struct Types<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Where type 1, 513, 1025, … lie in `types`.
    marks: [u32; MAX_TYPES / STRIDE],
    /// How many types there are; ids count from 1.
    count: usize,
}

/// One type.
#[derive(Clone, Copy)]
pub(super) struct Type<'a> {
    pub(super) kind: u8,
    /// Offset of the name in the strings.
    pub(super) name: u32,
    /// A size in bytes or another type's id, as the kind has it.
    pub(super) size_or_type: u32,
    /// What follows, as the kind has it: members, an array's shape, …
    pub(super) tail: &'a [u8],
}

impl Parts {
    /// Reads the header of `.BTF`.
    pub(super) fn read(elf: Elf<'_>) -> Result<Self, ObjectError> {
        let section = elf.section_named(b".BTF").and_then(|section| section.contents());
        let Some(section) = section else {
            return Err(ObjectCause::Btf(BtfFault::Missing).at(0));
        };
        let parts = Self::in_section(elf.contents(section), section);
        parts.ok_or(ObjectCause::Btf(BtfFault::Header).at(section.start))
    }

    fn in_section(bytes: &[u8], section: Span) -> Option<Self> {
        if u16_at(bytes, 0)? != MAGIC || bytes.get(2)? != &1 {
            return None;
        }
        let header = u64::from(u32_at(bytes, 4)?);
        let body = section.part(header, (section.len() as u64).checked_sub(header)?)?;
        let types = body.part(u32_at(bytes, 8)?.into(), u32_at(bytes, 12)?.into())?;
        let strings = body.part(u32_at(bytes, 16)?.into(), u32_at(bytes, 20)?.into())?;
        Some(Self { types, strings })
    }
}

impl<'a> Types<'a> {
    /// Reads and checks all types.
    pub(super) fn read(elf: Elf<'a>) -> Result<Self, ObjectError> {
        let parts = Parts::read(elf)?;
        let (types, strings) = (elf.contents(parts.types), elf.contents(parts.strings));
        let mut all = Self { types, strings, marks: [0; MAX_TYPES / STRIDE], count: 0 };
        let mut place = 0;
        while place < types.len() {
            let fault = |fault| ObjectCause::Btf(fault).at(parts.types.start + place);
            if all.count == MAX_TYPES {
                return Err(fault(BtfFault::TooManyTypes));
            }
            if all.count.is_multiple_of(STRIDE) {
                all.marks[all.count / STRIDE] = place as u32;
            }
            place += Type::read(&types[place..]).map_err(fault)?.length();
            all.count += 1;
        }
        Ok(all)
    }

    /// The type with this id. None has id 0, which stands for `void`.
    pub(super) fn get(&self, id: u32) -> Option<Type<'a>> {
        let index = (id as usize).checked_sub(1).filter(|&index| index < self.count)?;
        let mut place = self.marks[index / STRIDE] as usize;
        for _ in 0..index % STRIDE {
            place += Type::read(&self.types[place..]).ok()?.length();
        }
        Type::read(&self.types[place..]).ok()
    }

    /// All types, by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = Type<'a>> {
        let mut rest = self.types;
        core::iter::from_fn(move || {
            let next = Type::read(rest).ok()?;
            rest = &rest[next.length()..];
            Some(next)
        })
    }

    /// Whether the string at `offset` is `text`.
    pub(super) fn string_is(&self, offset: u32, text: &[u8]) -> bool {
        bytes::text_is(self.strings, offset as usize, text)
    }

    /// The string at `offset`.
    pub(super) fn string(&self, offset: u32) -> Option<&'a str> {
        bytes::text(self.strings, offset as usize)
    }

    /// The type itself, without typedefs and qualifiers around it.
    pub(super) fn peel(&self, mut id: u32) -> Option<Type<'a>> {
        for _ in 0..MAX_DEPTH {
            let found = self.get(id)?;
            if !found.is_wrapper() {
                return Some(found);
            }
            id = found.size_or_type;
        }
        None
    }

    /// What a pointer type points to: a type's id.
    pub(super) fn pointee(&self, id: u32) -> Option<u32> {
        self.peel(id).filter(|found| found.kind == PTR).map(|found| found.size_or_type)
    }

    /// What an array type is of: a type's id.
    pub(super) fn array_element(&self, id: u32) -> Option<u32> {
        self.peel(id).filter(|found| found.kind == ARRAY).and_then(|found| u32_at(found.tail, 0))
    }

    /// How many elements an array type has.
    pub(super) fn array_length(&self, id: u32) -> Option<u32> {
        self.peel(id).filter(|found| found.kind == ARRAY).and_then(|found| u32_at(found.tail, 8))
    }

    /// Size in bytes of a value of type `id`.
    pub(super) fn size(&self, mut id: u32) -> Option<u32> {
        let mut elements = 1u32;
        for _ in 0..MAX_DEPTH {
            let found = self.get(id)?;
            id = match found.kind {
                INT | STRUCT | UNION | ENUM | FLOAT | ENUM64 => {
                    return elements.checked_mul(found.size_or_type);
                }
                PTR => return elements.checked_mul(8),
                ARRAY => {
                    elements = elements.checked_mul(u32_at(found.tail, 8)?)?;
                    u32_at(found.tail, 0)?
                }
                _ if found.is_wrapper() => found.size_or_type,
                _ => return None,
            };
        }
        None
    }
}

impl<'a> Type<'a> {
    /// Bytes every type begins with.
    const HEAD: usize = 12;

    fn read(bytes: &'a [u8]) -> Result<Self, BtfFault> {
        let field = |at| u32_at(bytes, at).ok_or(BtfFault::Truncated);
        let (name, shape, size_or_type) = (field(0)?, field(4)?, field(8)?);
        let kind = (shape >> 24 & 0x1f) as u8;
        let entries = (shape & 0xffff) as usize;
        let tail = match kind {
            INT | VAR | DECL_TAG => 4,
            ARRAY => 12,
            STRUCT | UNION | DATASEC | ENUM64 => 12 * entries,
            ENUM | FUNC_PROTO => 8 * entries,
            PTR | FWD | TYPEDEF..=RESTRICT | FUNC | FLOAT | TYPE_TAG => 0,
            _ => return Err(BtfFault::Kind(kind)),
        };
        let tail = bytes.get(Self::HEAD..Self::HEAD + tail).ok_or(BtfFault::Truncated)?;
        Ok(Self { kind, name, size_or_type, tail })
    }

    const fn length(&self) -> usize {
        Self::HEAD + self.tail.len()
    }

    /// Whether this only gives another type a name or a quality.
    const fn is_wrapper(&self) -> bool {
        matches!(self.kind, TYPEDEF..=RESTRICT | TYPE_TAG)
    }
}
