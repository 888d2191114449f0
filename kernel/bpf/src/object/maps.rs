//! The maps of an object, by handle.

use super::elf::{Elf, Section};
use super::error::{ObjectCause, ObjectError, Part};
use super::map_definition::{Definitions, Holds, Legacy, MapDefinition, MapFault, Style, is_map_of_maps};

/// Most maps of one object, data sections and what maps hold included.
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
    /// `map_extra`: what the map's type makes of it.
    pub extra: u32,
    /// The first value, `value_size` bytes, or, of a map that holds maps or programs, its first values, 8
    /// bytes each: 0 for none, else one more than the map's handle or the program's first instruction. Zeros if
    /// `None`.
    pub initial: Option<&'a [u8]>,
    /// What programs may do with its values.
    pub access: MapAccess,
    /// Whether maps of this name in other objects are this map.
    pub pinned: bool,
    /// What the maps inside this one are like: the handle of a map of that shape.
    pub inner: Option<u32>,
    /// It only says what the maps inside another one are like, and is no map itself.
    pub template: bool,
    /// The map of maps it lies in from the start, by handle, and where.
    pub place: Option<(u32, u32)>,
    /// What is wrong with its definition. The numbers mean nothing then.
    pub fault: Option<MapFault>,
}

/// What programs may do with a map's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapAccess {
    /// Read and write them.
    ReadWrite,
    /// Read them: `.rodata`, or a map with `BPF_F_RDONLY_PROG`.
    ReadOnly,
    /// Write them: a map with `BPF_F_WRONLY_PROG`.
    WriteOnly,
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
    inner: Option<u8>,
    fault: Option<MapFault>,
}

#[derive(Clone, Copy)]
enum Origin {
    /// A variable of a map section, by its index in the symbol table and its offset in the section.
    Variable { symbol: u32, offset: u32 },
    /// A whole data section.
    Section(MapAccess),
    /// What the maps inside a variable are like: that variable's index in the symbol table.
    Inside { symbol: u32 },
}

impl MapTable {
    const EMPTY: Self = Self {
        entries: [Entry {
            definition: MapDefinition::NONE,
            origin: Origin::Section(MapAccess::ReadOnly),
            section: 0,
            inner: None,
            fault: None,
        }; MAX_MAPS],
        count: 0,
    };

    /// Finds the maps of a file that is not yet linked.
    pub(super) fn collect(elf: Elf<'_>) -> Result<Self, ObjectError> {
        let mut table = Self::EMPTY;
        table.collect_variables(elf)?;
        table.collect_sections(elf)?;
        table.collect_inner(elf)?;
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
                Origin::Section(_) | Origin::Inside { .. } => return false,
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
        let table = *self;
        (0..self.count).map(move |handle| MapSpec {
            place: table.legacy_place(handle),
            ..table.entries[handle].spec(elf)
        })
    }

    /// Notes what is wrong with a map.
    pub(super) fn set_fault(&mut self, handle: u32, fault: MapFault) {
        if let Some(entry) = self.entries[..self.count].get_mut(handle as usize) {
            entry.fault.get_or_insert(fault);
        }
    }

    /// The map variable whose first values lie around byte `offset` of a map section: its handle, what it
    /// holds, and where that begins.
    pub(super) fn holder_at(&self, elf: Elf<'_>, section: u16, offset: u64) -> Option<(u32, Holds, u64)> {
        self.entries[..self.count].iter().enumerate().find_map(|(handle, entry)| {
            let Origin::Variable { symbol, offset: start } = entry.origin else { return None };
            let end = u64::from(start).checked_add(elf.symbol(symbol)?.size)?;
            let covers = entry.section == section && (u64::from(start)..end).contains(&offset);
            covers.then_some((handle as u32, entry.definition.holds, start.into()))
        })
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
            let (definition, fault) = match definitions.read(&symbol, &section, style)? {
                Ok(definition) => (definition, None),
                Err(fault) => (MapDefinition::NONE, Some(fault)),
            };
            let origin = Origin::Variable { symbol: index as u32, offset };
            let entry = Entry { definition, origin, section: section.index, inner: None, fault };
            self.push(entry, symbol.entry)?;
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
            let definition =
                MapDefinition { kind: ARRAY, key_size: 4, value_size, max_entries: 1, ..MapDefinition::NONE };
            let origin = Origin::Section(access);
            let entry = Entry { definition, origin, section: section.index, inner: None, fault: None };
            self.push(entry, section.header)?;
        }
        Ok(())
    }

    /// Finds what the maps inside maps of maps are like.
    fn collect_inner(&mut self, elf: Elf<'_>) -> Result<(), ObjectError> {
        let mut definitions = Definitions::new(elf);
        for handle in 0..self.count {
            let Entry { definition, origin, section, fault, .. } = self.entries[handle];
            let Origin::Variable { symbol: index, .. } = origin else { continue };
            let Some(symbol) = elf.symbol(index) else { continue };
            if !is_map_of_maps(definition.kind) || fault.is_some() {
                continue;
            }
            let is_btf = matches!(definition.holds, Holds::Maps { slots: 1.. });
            let found = if is_btf {
                let (definition, fault) = match definitions.read_inner(&symbol)? {
                    Ok(definition) => (definition, None),
                    Err(fault) => (MapDefinition::NONE, Some(fault)),
                };
                let origin = Origin::Inside { symbol: index };
                self.push(Entry { definition, origin, section, inner: None, fault }, symbol.entry)?;
                Ok(self.count - 1)
            } else {
                self.legacy_inner(handle)
            };
            match found {
                Ok(inner) => self.entries[handle].inner = Some(inner as u8),
                Err(fault) => self.set_fault(handle as u32, fault),
            }
        }
        Ok(())
    }

    /// The map of the same section that says what the maps inside the old map of maps `handle` are like.
    fn legacy_inner(&self, handle: usize) -> Result<usize, MapFault> {
        let outer = self.entries[handle];
        let is_beside = |other: &&Entry| {
            other.section == outer.section && matches!(other.origin, Origin::Variable { .. })
        };
        let beside = self.entries[..self.count].iter().filter(is_beside);
        let same =
            |wanted: &Entry| self.position(|entry| entry.section == wanted.section && entry.is_at(wanted));
        let (found, number) = match outer.definition.legacy {
            Legacy::Ids { inner, .. } => {
                let is_it = |entry: &&Entry| matches!(entry.definition.legacy, Legacy::Ids { own, .. } if own == inner);
                (beside.clone().find(is_it), inner)
            }
            legacy => {
                let number = if let Legacy::InnerIndex(index) = legacy { index } else { 0 };
                // Numbered in the order of their places.
                let before = |entry: &&Entry| {
                    beside.clone().filter(|other| other.start() < entry.start()).count() == number as usize
                };
                (beside.clone().find(before), number)
            }
        };
        let found = found.filter(|found| !is_map_of_maps(found.definition.kind)).and_then(same);
        found.map(|handle| handle as usize).ok_or(MapFault::NoInner(number))
    }

    /// Where an old definition says that its map lies from the start.
    fn legacy_place(&self, handle: usize) -> Option<(u32, u32)> {
        let Legacy::Ids { own: own @ 1.., place, .. } = self.entries[handle].definition.legacy else {
            return None;
        };
        let holds_it = |entry: &Entry| {
            is_map_of_maps(entry.definition.kind)
                && matches!(entry.definition.legacy, Legacy::Ids { inner, .. } if inner == own)
        };
        Some((self.position(holds_it)?, place))
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
        let MapDefinition { kind, key_size, value_size, max_entries, flags, extra, pinned, holds, .. } =
            self.definition;
        let (name, initial, access) = match self.origin {
            Origin::Variable { symbol, .. } => {
                let symbol = elf.symbol(symbol);
                let name = symbol.and_then(|symbol| elf.symbol_name(&symbol));
                let slots = symbol.and_then(|symbol| {
                    let (Holds::Maps { slots } | Holds::Programs { slots }) = holds else { return None };
                    let size = symbol.size.checked_sub(slots.into()).filter(|_| slots > 0)?;
                    let start = symbol.value.checked_add(slots.into())?;
                    Some(elf.contents(section?.contents()?.part(start, size)?))
                });
                (name, slots, MapAccess::ReadWrite)
            }
            Origin::Inside { symbol } => {
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
        MapSpec {
            name,
            kind,
            key_size,
            value_size,
            max_entries,
            flags,
            extra,
            initial,
            access,
            pinned,
            inner: self.inner.map(u32::from),
            template: matches!(self.origin, Origin::Inside { .. }),
            place: None,
            fault: self.fault,
        }
    }

    /// Where its variable begins.
    const fn start(&self) -> u32 {
        match self.origin {
            Origin::Variable { offset, .. } => offset,
            Origin::Section(_) | Origin::Inside { .. } => 0,
        }
    }

    /// Whether it is the variable at the same place.
    fn is_at(&self, other: &Self) -> bool {
        matches!(self.origin, Origin::Variable { .. }) && self.start() == other.start()
    }
}
