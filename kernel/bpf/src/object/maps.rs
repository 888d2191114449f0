//! The maps of an object, by handle.

use super::elf::{Elf, Section};
use super::error::{ObjectCause, ObjectError, Part};
use super::map_definition::{Definitions, MapDefinition, Style};

/// Most maps of one object, data sections included.
pub const MAX_MAPS: usize = 64;

/// `BPF_MAP_TYPE_ARRAY`.
const ARRAY: u32 = 2;

/// A map as its object wants it. Nothing is known yet of whether that makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapSpec<'a> {
    /// The variable's name, or the data section's.
    pub name: &'a str,
    /// `BPF_MAP_TYPE_…`.
    pub kind: u32,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// How many elements it has room for.
    pub max_entries: u32,
    /// `BPF_F_…`.
    pub flags: u32,
    /// The first value, `value_size` bytes; zeros if `None`.
    pub initial: Option<&'a [u8]>,
    /// What programs may do with its values.
    pub access: MapAccess,
}

/// What programs may do with a map's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapAccess {
    /// Read and write them.
    ReadWrite,
    /// Read them: `.rodata`.
    ReadOnly,
}

/// What a data section is for its programs: `None` if they cannot refer to it.
pub(super) fn data_access(elf: Elf<'_>, section: &Section) -> Option<MapAccess> {
    if !section.is_data() {
        return None;
    }
    if elf.section_is_like(section, b".rodata", b'.') {
        return Some(MapAccess::ReadOnly);
    }
    let writable: [&[u8]; 2] = [b".data", b".bss"];
    writable.iter().any(|name| elf.section_is_like(section, name, b'.')).then_some(MapAccess::ReadWrite)
}

/// The maps of an object, by handle. Small, because it lives in the object.
#[derive(Clone, Copy)]
pub(super) struct MapTable {
    entries: [Entry; MAX_MAPS],
    count: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    definition: MapDefinition,
    origin: Origin,
    section: u16,
}

#[derive(Clone, Copy)]
enum Origin {
    /// A variable of a map section, by its index in the symbol table and its offset in the section.
    Variable { symbol: u32, offset: u32 },
    /// A whole data section.
    Section(MapAccess),
}

impl MapTable {
    const EMPTY: Self = Self {
        entries: [Entry {
            definition: MapDefinition { kind: 0, key_size: 0, value_size: 0, max_entries: 0, flags: 0 },
            origin: Origin::Section(MapAccess::ReadOnly),
            section: 0,
        }; MAX_MAPS],
        count: 0,
    };

    /// Finds the maps of a file that is not yet linked.
    pub(super) fn collect(elf: Elf<'_>) -> Result<Self, ObjectError> {
        let mut table = Self::EMPTY;
        table.collect_variables(elf)?;
        table.collect_sections(elf)?;
        Ok(table)
    }

    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// The handle of the map that starts at `offset` of a map section.
    pub(super) fn variable_at(&self, section: u16, offset: u64) -> Option<u32> {
        self.position(|entry| {
            let at = match entry.origin {
                Origin::Variable { offset, .. } => u64::from(offset),
                Origin::Section(_) => return false,
            };
            entry.section == section && at == offset
        })
    }

    /// The handle of a data section's map.
    pub(super) fn section(&self, section: u16) -> Option<u32> {
        self.position(|entry| matches!(entry.origin, Origin::Section(_)) && entry.section == section)
    }

    /// The maps as their users see them.
    pub(super) fn specs<'a>(&self, elf: Elf<'a>) -> impl Iterator<Item = MapSpec<'a>> + use<'a> {
        self.entries.into_iter().take(self.count).map(move |entry| entry.spec(elf))
    }

    fn position(&self, is_it: impl Fn(&Entry) -> bool) -> Option<u32> {
        self.entries[..self.count].iter().position(is_it).map(|handle| handle as u32)
    }

    fn collect_variables(&mut self, elf: Elf<'_>) -> Result<(), ObjectError> {
        let mut definitions = Definitions::new(elf);
        for (index, symbol) in elf.symbols().enumerate().filter(|(_, symbol)| symbol.is_object()) {
            let Some(section) = elf.section(symbol.section.into()) else { continue };
            let Some(style) = Style::of(elf, &section) else { continue };
            let offset = u32::try_from(symbol.value).ok().filter(|&offset| u64::from(offset) < section.size);
            let Some(offset) = offset else {
                return Err(ObjectCause::Truncated(Part::Maps).at(symbol.entry + 8));
            };
            let definition = definitions.read(&symbol, &section, style)?;
            let origin = Origin::Variable { symbol: index as u32, offset };
            self.push(Entry { definition, origin, section: section.index }, symbol.entry)?;
        }
        Ok(())
    }

    fn collect_sections(&mut self, elf: Elf<'_>) -> Result<(), ObjectError> {
        for section in elf.sections() {
            let Some(access) = data_access(elf, &section) else { continue };
            let Ok(value_size) = u32::try_from(section.size) else {
                return Err(ObjectCause::DataSize(section.size).at(section.header + 32));
            };
            if elf.section_name(&section).is_none() {
                return Err(ObjectCause::Name.at(section.header));
            }
            let definition = MapDefinition { kind: ARRAY, key_size: 4, value_size, max_entries: 1, flags: 0 };
            let origin = Origin::Section(access);
            self.push(Entry { definition, origin, section: section.index }, section.header)?;
        }
        Ok(())
    }

    /// `at`: where the file names the map.
    fn push(&mut self, entry: Entry, at: usize) -> Result<(), ObjectError> {
        let Some(slot) = self.entries.get_mut(self.count) else {
            let (found, limit) = (MAX_MAPS as u64 + 1, MAX_MAPS as u64);
            return Err(ObjectCause::TooMany { part: Part::Maps, found, limit }.at(at));
        };
        *slot = entry;
        self.count += 1;
        Ok(())
    }
}

impl Entry {
    fn spec(self, elf: Elf<'_>) -> MapSpec<'_> {
        let section = elf.section(self.section.into());
        let MapDefinition { kind, key_size, value_size, max_entries, flags } = self.definition;
        let (name, initial, access) = match self.origin {
            Origin::Variable { symbol, .. } => {
                let name = elf.symbol(symbol).and_then(|symbol| elf.symbol_name(&symbol));
                (name, None, MapAccess::ReadWrite)
            }
            Origin::Section(access) => {
                let contents = section.and_then(|section| section.contents());
                let name = section.and_then(|section| elf.section_name(&section));
                (name, contents.map(|span| elf.contents(span)), access)
            }
        };
        // Names were read once while collecting, so there is one.
        let name = name.unwrap_or("?");
        MapSpec { name, kind, key_size, value_size, max_entries, flags, initial, access }
    }
}
