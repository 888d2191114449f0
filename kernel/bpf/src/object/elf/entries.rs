//! Section headers and symbols.

use crate::object::bytes::{Span, u16_at, u32_at, u64_at};

pub(super) const SECTION_BYTES: usize = 64;
pub(super) const SYMBOL_BYTES: usize = 24;

/// Kinds of section (`sh_type`).
const PROGBITS: u32 = 1;
pub(super) const SYMTAB: u32 = 2;
pub(super) const STRTAB: u32 = 3;
/// Relocations with addends of their own.
pub(in crate::object) const RELA: u32 = 4;
pub(super) const NOBITS: u32 = 8;
/// Relocations whose addends lie in what they change.
pub(in crate::object) const REL: u32 = 9;

/// Section flags (`sh_flags`).
const ALLOC: u64 = 2;
const EXECINSTR: u64 = 4;

/// Kinds of symbol (the low half of `st_info`).
const OBJECT: u8 = 1;
pub(in crate::object) const FUNCTION: u8 = 2;
/// Symbol bindings (the high half of `st_info`).
pub(in crate::object) const LOCAL: u8 = 0;
pub(in crate::object) const WEAK: u8 = 2;
/// Section indices that are none (`st_shndx`).
pub(in crate::object) const UNDEFINED: u16 = 0;
pub(in crate::object) const COMMON: u16 = 0xfff2;

/// One section header.
#[derive(Clone, Copy)]
pub(in crate::object) struct Section {
    pub(in crate::object) index: u16,
    /// Where the header lies in the file.
    pub(in crate::object) header: usize,
    pub(in crate::object) kind: u32,
    pub(in crate::object) offset: u64,
    pub(in crate::object) size: u64,
    pub(in crate::object) link: u32,
    pub(in crate::object) info: u32,
    pub(super) name: u32,
    flags: u64,
}

/// One entry of the symbol table.
#[derive(Clone, Copy)]
pub(in crate::object) struct Symbol {
    /// Where the entry lies in the file.
    pub(in crate::object) entry: usize,
    pub(in crate::object) kind: u8,
    pub(in crate::object) binding: u8,
    pub(in crate::object) section: u16,
    /// Offset in its section, in bytes.
    pub(in crate::object) value: u64,
    pub(in crate::object) size: u64,
    pub(super) name: u32,
}

impl Section {
    pub(super) fn read(entry: &[u8], index: u16, header: usize) -> Option<Self> {
        Some(Self {
            index,
            header,
            name: u32_at(entry, 0)?,
            kind: u32_at(entry, 4)?,
            flags: u64_at(entry, 8)?,
            offset: u64_at(entry, 24)?,
            size: u64_at(entry, 32)?,
            link: u32_at(entry, 40)?,
            info: u32_at(entry, 44)?,
        })
    }

    /// Where the contents lie. `None` for a section that has a size only, as `.bss`.
    pub(in crate::object) fn contents(&self) -> Option<Span> {
        // A checked file holds all contents: see `Layout::find_symbols`.
        (self.kind != NOBITS)
            .then(|| Span { start: self.offset as usize, end: (self.offset + self.size) as usize })
    }

    /// Whether programs run from here. An empty section, as clang's `.text` often is, has no code.
    pub(in crate::object) const fn is_code(&self) -> bool {
        let flags = ALLOC | EXECINSTR;
        self.kind == PROGBITS && self.flags & flags == flags && self.size > 0
    }

    /// Whether programs may hold data here.
    pub(in crate::object) const fn is_data(&self) -> bool {
        let kind = self.kind == PROGBITS || self.kind == NOBITS;
        kind && self.flags & (ALLOC | EXECINSTR) == ALLOC && self.size > 0
    }

    pub(super) fn contents_in(&self, file: &[u8]) -> Option<Span> {
        Span::new(self.offset, self.size, file.len())
    }
}

impl Symbol {
    /// Whether this is a variable.
    pub(in crate::object) const fn is_object(&self) -> bool {
        self.kind == OBJECT
    }

    pub(super) fn read(bytes: &[u8], entry: usize) -> Option<Self> {
        let [name @ .., info, _other] = bytes.first_chunk::<6>()?;
        Some(Self {
            entry,
            name: u32::from_le_bytes(*name),
            kind: info & 0xf,
            binding: info >> 4,
            section: u16_at(bytes, 6)?,
            value: u64_at(bytes, 8)?,
            size: u64_at(bytes, 16)?,
        })
    }
}
