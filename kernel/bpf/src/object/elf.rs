//! The container: header, sections, symbols. System V ABI, chapters 4 and 5, as ELF-64 little-endian.

mod entries;
mod header;

pub(super) use entries::{COMMON, FUNCTION, LOCAL, REL, RELA, Section, Symbol, UNDEFINED, WEAK};

use super::bytes::{self, Span, u16_at};
use super::error::{ObjectCause, ObjectError, Part};
use entries::{NOBITS, SECTION_BYTES, STRTAB, SYMBOL_BYTES, SYMTAB};

const MAX_SYMBOLS: usize = 65_536;

/// Where the tables of a checked file lie.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// The section table, whole entries.
    sections: Span,
    section_names: Span,
    /// The symbol table, whole entries.
    symbols: Span,
    symbol_names: Span,
    /// Index of the symbol table's section.
    symbol_section: u16,
}

/// A file and its layout. Every section that has contents has them inside the file.
#[derive(Clone, Copy)]
pub(super) struct Elf<'a> {
    file: &'a [u8],
    layout: Layout,
}

impl Layout {
    /// Checks a file's header, sections and symbol table.
    pub(super) fn read(file: &[u8]) -> Result<Self, ObjectError> {
        header::check_identity(file)?;
        let sections = header::section_table(file)?;
        let nowhere = Span { start: 0, end: 0 };
        let mut layout = Self {
            sections,
            section_names: nowhere,
            symbols: nowhere,
            symbol_names: nowhere,
            symbol_section: 0,
        };
        let names = u16_at(file, 62).unwrap_or(0);
        layout.section_names = string_table(Elf::new(file, layout), names.into(), 62)?;
        layout.find_symbols(file)?;
        Ok(layout)
    }

    /// The section table's place.
    pub(super) const fn section_table(self) -> Span {
        self.sections
    }

    /// Whether `index` is the symbol table's section.
    pub(super) fn is_symbol_table(self, index: u32) -> bool {
        index == u32::from(self.symbol_section)
    }

    fn find_symbols(&mut self, file: &[u8]) -> Result<(), ObjectError> {
        let elf = Elf::new(file, *self);
        for section in elf.sections() {
            if section.kind != NOBITS && section.contents_in(file).is_none() {
                return Err(ObjectCause::Truncated(Part::Section).at(section.header + 24));
            }
            if section.kind != SYMTAB {
                continue;
            }
            if self.symbol_section != 0 {
                return Err(ObjectCause::Repeated(Part::SymbolTable).at(section.header));
            }
            self.symbol_section = section.index;
            self.symbols = symbol_table(section, file)?;
            self.symbol_names = string_table(elf, section.link, section.header + 40)?;
        }
        if self.symbol_section == 0 {
            return Err(ObjectCause::Missing(Part::SymbolTable).at(self.sections.start));
        }
        Ok(())
    }
}

impl<'a> Elf<'a> {
    /// `layout` must have been read from this `file`.
    pub(super) const fn new(file: &'a [u8], layout: Layout) -> Self {
        Self { file, layout }
    }

    pub(super) const fn layout(self) -> Layout {
        self.layout
    }

    /// The bytes of a span of this file.
    pub(super) fn contents(self, span: Span) -> &'a [u8] {
        &self.file[span.start..span.end]
    }

    pub(super) fn section(self, index: u32) -> Option<Section> {
        let entry =
            self.layout.sections.part(u64::from(index) * SECTION_BYTES as u64, SECTION_BYTES as u64)?;
        Section::read(self.contents(entry), u16::try_from(index).ok()?, entry.start)
    }

    /// All sections, by index.
    pub(super) fn sections(self) -> impl Iterator<Item = Section> + use<'a> {
        (0..(self.layout.sections.len() / SECTION_BYTES) as u32).map_while(move |index| self.section(index))
    }

    pub(super) fn section_named(self, name: &[u8]) -> Option<Section> {
        self.sections().find(|section| self.section_is(section, name))
    }

    pub(super) fn section_name(self, section: &Section) -> Option<&'a str> {
        bytes::text(self.contents(self.layout.section_names), section.name as usize)
    }

    pub(super) fn section_is(self, section: &Section, name: &[u8]) -> bool {
        bytes::text_is(self.contents(self.layout.section_names), section.name as usize, name)
    }

    /// Whether the section is called `name`, or `name` and something more behind `separator`.
    pub(super) fn section_is_like(self, section: &Section, name: &[u8], separator: u8) -> bool {
        let names = self.contents(self.layout.section_names).get(section.name as usize..);
        let tail = names.and_then(|names| names.strip_prefix(name));
        tail.is_some_and(|tail| tail.first().is_some_and(|&next| next == 0 || next == separator))
    }

    pub(super) fn symbol(self, index: u32) -> Option<Symbol> {
        let entry = self.layout.symbols.part(u64::from(index) * SYMBOL_BYTES as u64, SYMBOL_BYTES as u64)?;
        Symbol::read(self.contents(entry), entry.start)
    }

    /// All symbols, by index.
    pub(super) fn symbols(self) -> impl Iterator<Item = Symbol> + use<'a> {
        (0..(self.layout.symbols.len() / SYMBOL_BYTES) as u32).map_while(move |index| self.symbol(index))
    }

    /// A symbol's name. Symbols of kind section have none.
    pub(super) fn symbol_name(self, symbol: &Symbol) -> Option<&'a str> {
        bytes::text(self.contents(self.layout.symbol_names), symbol.name as usize)
    }
}

fn symbol_table(section: Section, file: &[u8]) -> Result<Span, ObjectError> {
    let Some(span) = section.contents_in(file) else {
        return Err(ObjectCause::Truncated(Part::SymbolTable).at(section.header + 24));
    };
    if !span.len().is_multiple_of(SYMBOL_BYTES) {
        let found = section.size;
        return Err(ObjectCause::EntrySize { part: Part::SymbolTable, found }.at(section.header + 32));
    }
    let count = span.len() / SYMBOL_BYTES;
    if count > MAX_SYMBOLS {
        let (found, limit) = (count as u64, MAX_SYMBOLS as u64);
        return Err(ObjectCause::TooMany { part: Part::SymbolTable, found, limit }.at(section.header + 32));
    }
    Ok(span)
}

/// The string table with this section index, which was read at `at`.
fn string_table(elf: Elf<'_>, index: u32, at: usize) -> Result<Span, ObjectError> {
    let section = elf.section(index).ok_or(ObjectCause::SectionIndex(index).at(at))?;
    if section.kind != STRTAB {
        return Err(ObjectCause::Missing(Part::StringTable).at(at));
    }
    section.contents_in(elf.file).ok_or(ObjectCause::Truncated(Part::StringTable).at(section.header + 24))
}
