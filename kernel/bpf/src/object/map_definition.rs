//! How an object describes a map, in either of the two ways.

use core::fmt;

use super::btf::{self, Type, Types};
use super::bytes::u32_at;
use super::elf::{Elf, Section, Symbol};
use super::error::{ObjectCause, ObjectError, ShortName};

/// Bytes of the oldest `struct bpf_map_def`: five numbers.
const LEGACY_BYTES: usize = 20;
/// More members than the attributes there are.
const MAX_MEMBERS: usize = 32;
/// More variables than maps are possible.
const MAX_VARIABLES: usize = 4 * super::MAX_MAPS;

/// Why a map definition cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapFault {
    /// BTF has no structure for it.
    NoStructure,
    /// An attribute nobody knows.
    Unknown(ShortName),
    /// An attribute not written as `__uint` or `__type` writes it, or whose type has no size.
    Attribute(ShortName),
    /// A size given twice, differently.
    Conflict(ShortName),
    /// More attributes than there are.
    TooManyAttributes,
    /// Inner maps, or programs to start with (`__array(values, …)`).
    InitialValues,
    /// A definition of this many bytes in section `maps`, where at least 20 are needed.
    Short(u64),
    /// Bytes that are not 0 behind the first 20 of a definition in section `maps`.
    Trailing,
}

impl fmt::Display for MapFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStructure => f.write_str("BTF has no structure of this name in `.maps`"),
            Self::Unknown(name) => write!(f, "unknown attribute `{name}`"),
            Self::Attribute(name) => write!(f, "attribute `{name}` is not as __uint() or __type() write it"),
            Self::Conflict(name) => write!(f, "`{name}` contradicts the attribute of the other form"),
            Self::TooManyAttributes => write!(f, "more than {MAX_MEMBERS} attributes"),
            Self::InitialValues => f.write_str("inner maps are not supported yet, nor other initial values"),
            Self::Short(size) => write!(f, "definition of {size} bytes, expected at least {LEGACY_BYTES}"),
            Self::Trailing => write!(f, "definition has more than its first {LEGACY_BYTES} bytes set"),
        }
    }
}

/// The five numbers that describe a map, as Linux's `struct bpf_map_def` orders them.
#[derive(Clone, Copy, Default)]
pub(super) struct MapDefinition {
    pub(super) kind: u32,
    pub(super) key_size: u32,
    pub(super) value_size: u32,
    pub(super) max_entries: u32,
    pub(super) flags: u32,
}

/// How the maps of a section are described.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `.maps`: by the BTF type of a variable.
    Btf,
    /// `maps`: by a variable's contents.
    Legacy,
}

impl Style {
    /// `None` if the section defines no maps.
    pub(super) fn of(elf: Elf<'_>, section: &Section) -> Option<Self> {
        if !section.is_data() || section.contents().is_none() {
            None
        } else if elf.section_is(section, b".maps") {
            Some(Self::Btf)
        } else if elf.section_is_like(section, b"maps", b'/') {
            Some(Self::Legacy)
        } else {
            None
        }
    }
}

/// The types of map definitions, read when the first is needed.
pub(super) struct Definitions<'a> {
    elf: Elf<'a>,
    types: Option<Types<'a>>,
}

impl<'a> Definitions<'a> {
    pub(super) const fn new(elf: Elf<'a>) -> Self {
        Self { elf, types: None }
    }

    /// Reads the definition `symbol` stands for, which lies in `section`.
    pub(super) fn read(
        &mut self,
        symbol: &Symbol,
        section: &Section,
        style: Style,
    ) -> Result<MapDefinition, ObjectError> {
        let name = self.elf.symbol_name(symbol).ok_or(ObjectCause::Name.at(symbol.entry))?;
        let definition = match style {
            Style::Btf => from_types(self.types()?, name),
            Style::Legacy => from_contents(self.elf, symbol, section),
        };
        definition.map_err(|fault| ObjectCause::Map { map: ShortName::new(name), fault }.at(symbol.entry))
    }

    fn types(&mut self) -> Result<&Types<'a>, ObjectError> {
        if self.types.is_none() {
            self.types = Some(Types::read(self.elf)?);
        }
        self.types.as_ref().ok_or(ObjectCause::Btf(btf::BtfFault::Missing).at(0))
    }
}

fn from_contents(elf: Elf<'_>, symbol: &Symbol, section: &Section) -> Result<MapDefinition, MapFault> {
    let size = if symbol.size > 0 { symbol.size } else { stride(elf, section) };
    let span = section.contents().and_then(|contents| contents.part(symbol.value, size));
    let bytes = span.map(|span| elf.contents(span)).filter(|bytes| bytes.len() >= LEGACY_BYTES);
    let Some((numbers, trailing)) = bytes.and_then(|bytes| bytes.split_at_checked(LEGACY_BYTES)) else {
        return Err(MapFault::Short(size));
    };
    if trailing.iter().any(|&byte| byte != 0) {
        return Err(MapFault::Trailing);
    }
    let number = |index: usize| u32_at(numbers, index * 4).unwrap_or(0);
    Ok(MapDefinition {
        kind: number(0),
        key_size: number(1),
        value_size: number(2),
        max_entries: number(3),
        flags: number(4),
    })
}

/// Size of one definition where symbols have none: the section divided among its symbols.
fn stride(elf: Elf<'_>, section: &Section) -> u64 {
    let maps = elf.symbols().filter(|symbol| symbol.is_object() && symbol.section == section.index);
    section.size / (maps.count() as u64).max(1)
}

fn from_types(types: &Types<'_>, name: &str) -> Result<MapDefinition, MapFault> {
    let structure = structure(types, name).ok_or(MapFault::NoStructure)?;
    let (members, _) = structure.tail.as_chunks::<12>();
    if members.len() > MAX_MEMBERS {
        return Err(MapFault::TooManyAttributes);
    }
    let mut definition = MapDefinition::default();
    for member in members {
        let (name, id) = (u32_at(member, 0).unwrap_or(0), u32_at(member, 4).unwrap_or(0));
        let name = types.string(name).unwrap_or("?");
        definition.set(types, name, id)?;
    }
    Ok(definition)
}

/// The structure behind the variable `name` of section `.maps`.
fn structure<'a>(types: &Types<'a>, name: &str) -> Option<Type<'a>> {
    let mut sections = types.iter().filter(|found| found.kind == btf::DATASEC);
    let section = sections.find(|section| types.string_is(section.name, b".maps"))?;
    let (variables, _) = section.tail.as_chunks::<12>();
    let variable = variables.iter().take(MAX_VARIABLES).find_map(|variable| {
        let variable = types.get(u32_at(variable, 0)?)?;
        let named = variable.kind == btf::VAR && types.string_is(variable.name, name.as_bytes());
        named.then_some(variable)
    })?;
    types.peel(variable.size_or_type).filter(|found| found.kind == btf::STRUCT)
}

impl MapDefinition {
    /// Takes in one member: `id` is its type.
    fn set(&mut self, types: &Types<'_>, name: &str, id: u32) -> Result<(), MapFault> {
        let short = ShortName::new(name);
        // `__uint(name, value)` is `int (*name)[value]`, `__type(name, T)` is `T *name`.
        let number = types.pointee(id).and_then(|array| types.array_length(array));
        let size = types.pointee(id).and_then(|pointee| types.size(pointee));
        let field = match name {
            "type" => &mut self.kind,
            "max_entries" => &mut self.max_entries,
            "map_flags" => &mut self.flags,
            "key" | "key_size" => &mut self.key_size,
            "value" | "value_size" => &mut self.value_size,
            // Where a map lives outside of the kernel, and on which node of a machine: nothing here.
            "pinning" | "numa_node" => return Ok(()),
            "values" => return Err(MapFault::InitialValues),
            _ => return Err(MapFault::Unknown(short)),
        };
        let is_type = matches!(name, "key" | "value");
        let value = if is_type { size } else { number }.ok_or(MapFault::Attribute(short))?;
        if *field != 0 && *field != value {
            return Err(MapFault::Conflict(short));
        }
        *field = value;
        Ok(())
    }
}
