//! How an object describes a map, in either of the two ways.

use core::fmt;

use super::btf::{self, Type, Types};
use super::bytes::u32_at;
use super::elf::{Elf, Section, Symbol};
use super::error::{ObjectCause, ObjectError, ShortName};

/// Bytes of the oldest `struct bpf_map_def`: five numbers.
const LEGACY_BYTES: usize = 20;
/// Bytes of iproute2's `struct bpf_elf_map`: nine numbers.
const IPROUTE2_BYTES: usize = 36;
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
    /// `__array(values, …)` of something that is neither a map's structure nor a function.
    Values,
    /// A value to start with that is no map or program of this object, or lies outside the values.
    InitialValue(ShortName),
    /// Pointers in a data section (a table of strings or functions).
    Pointers,
    /// A map of maps in section `maps` whose inner map's number names no map of the section.
    NoInner(u32),
    /// A definition of this many bytes in section `maps`, where at least 20 are needed.
    Short(u64),
    /// Bytes that are not 0 behind the numbers of a definition in section `maps`.
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
            Self::Values => f.write_str("`values` is neither of maps nor of programs"),
            Self::InitialValue(name) => {
                write!(
                    f,
                    "its value `{name}` is no map or program of this object, or lies outside of `values`"
                )
            }
            Self::Pointers => {
                f.write_str("it holds pointers (a table of strings or functions?), not supported")
            }
            Self::NoInner(number) => write!(f, "its inner map {number} is not there"),
            Self::Short(size) => write!(f, "definition of {size} bytes, expected at least {LEGACY_BYTES}"),
            Self::Trailing => f.write_str("definition has bytes set that no known form has"),
        }
    }
}

/// The numbers that describe a map, the first five as Linux's `struct bpf_map_def` orders them.
#[derive(Clone, Copy)]
pub(super) struct MapDefinition {
    pub(super) kind: u32,
    pub(super) key_size: u32,
    pub(super) value_size: u32,
    pub(super) max_entries: u32,
    pub(super) flags: u32,
    /// `map_extra`: what the map's type makes of it.
    pub(super) extra: u32,
    /// Whether maps of this name in other objects are this map.
    pub(super) pinned: bool,
    /// What it holds besides plain values.
    pub(super) holds: Holds,
    /// How an old definition refers to others.
    pub(super) legacy: Legacy,
}

/// What a map holds besides plain values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Values,
    /// Maps; those to start with are slots of 8 bytes from this byte of the variable.
    Maps {
        slots: u32,
    },
    /// Programs, likewise.
    Programs {
        slots: u32,
    },
}

/// How definitions in section `maps` refer to each other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Legacy {
    No,
    /// A map of maps like the one of this index (Linux's samples, `inner_map_idx`).
    InnerIndex(u32),
    /// iproute2's `struct bpf_elf_map`: `id`, `inner_id`, `inner_idx`.
    Ids {
        own: u32,
        inner: u32,
        place: u32,
    },
}

impl MapDefinition {
    pub(super) const NONE: Self = Self {
        kind: 0,
        key_size: 0,
        value_size: 0,
        max_entries: 0,
        flags: 0,
        extra: 0,
        pinned: false,
        holds: Holds::Values,
        legacy: Legacy::No,
    };
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

    /// Reads the definition `symbol` stands for, which lies in `section`. What is wrong with this one map
    /// is its own matter; the error is for what leaves none of them readable.
    pub(super) fn read(
        &mut self,
        symbol: &Symbol,
        section: &Section,
        style: Style,
    ) -> Result<Result<MapDefinition, MapFault>, ObjectError> {
        let name = self.elf.symbol_name(symbol).ok_or(ObjectCause::Name.at(symbol.entry))?;
        Ok(match style {
            Style::Btf => from_types(self.types()?, name),
            Style::Legacy => from_contents(self.elf, symbol, section),
        })
    }

    /// Reads what the maps inside the map of maps `symbol` are like.
    pub(super) fn read_inner(
        &mut self,
        symbol: &Symbol,
    ) -> Result<Result<MapDefinition, MapFault>, ObjectError> {
        let name = self.elf.symbol_name(symbol).ok_or(ObjectCause::Name.at(symbol.entry))?;
        let types = self.types()?;
        let inner = structure(types, name).and_then(|structure| {
            let (members, _) = structure.tail.as_chunks::<12>();
            let is_values = |member: &&[u8; 12]| types.string_is(u32_at(*member, 0).unwrap_or(0), b"values");
            element(types, u32_at(members.iter().find(is_values)?, 4)?)
        });
        Ok(inner.ok_or(MapFault::Values).and_then(|inner| from_structure(types, &inner)))
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
    let bytes = span.map_or(&[][..], |span| elf.contents(span));
    let Some(trailing) = bytes.get(LEGACY_BYTES..) else {
        return Err(MapFault::Short(size));
    };
    let number = |index: usize| u32_at(bytes, index * 4).unwrap_or(0);
    let plain = MapDefinition {
        kind: number(0),
        key_size: number(1),
        value_size: number(2),
        max_entries: number(3),
        flags: number(4),
        ..MapDefinition::NONE
    };
    // What stands behind the five numbers depends on whose form it is, which only its size tells.
    let (pinned, legacy) = match bytes.len() {
        _ if trailing.iter().all(|&byte| byte == 0) => (false, Legacy::No),
        28 if is_map_of_maps(plain.kind) => (false, Legacy::InnerIndex(number(5))),
        IPROUTE2_BYTES => {
            (number(6) != 0, Legacy::Ids { own: number(5), inner: number(7), place: number(8) })
        }
        _ => return Err(MapFault::Trailing),
    };
    let holds = if is_map_of_maps(plain.kind) { Holds::Maps { slots: 0 } } else { Holds::Values };
    Ok(MapDefinition { pinned, legacy, holds, ..plain })
}

/// `BPF_MAP_TYPE_ARRAY_OF_MAPS` and `BPF_MAP_TYPE_HASH_OF_MAPS`.
pub(super) const fn is_map_of_maps(kind: u32) -> bool {
    matches!(kind, 12 | 13)
}

/// Size of one definition where symbols have none: the section divided among its symbols.
fn stride(elf: Elf<'_>, section: &Section) -> u64 {
    let maps = elf.symbols().filter(|symbol| symbol.is_object() && symbol.section == section.index);
    section.size / (maps.count() as u64).max(1)
}

fn from_types(types: &Types<'_>, name: &str) -> Result<MapDefinition, MapFault> {
    from_structure(types, &structure(types, name).ok_or(MapFault::NoStructure)?)
}

fn from_structure(types: &Types<'_>, structure: &Type<'_>) -> Result<MapDefinition, MapFault> {
    let (members, _) = structure.tail.as_chunks::<12>();
    if members.len() > MAX_MEMBERS {
        return Err(MapFault::TooManyAttributes);
    }
    let mut definition = MapDefinition::NONE;
    for member in members {
        let (name, id) = (u32_at(member, 0).unwrap_or(0), u32_at(member, 4).unwrap_or(0));
        match types.string(name).unwrap_or("?") {
            // A member's offset is in bits.
            "values" => definition.holds = held(types, id, u32_at(member, 8).unwrap_or(0) / 8)?,
            name => definition.set(types, name, id)?,
        }
    }
    Ok(definition)
}

/// What `__array(values, …)` says: an array of pointers to a map's structure or to a function.
fn held(types: &Types<'_>, id: u32, slots: u32) -> Result<Holds, MapFault> {
    match element(types, id).map(|element| element.kind) {
        Some(btf::STRUCT) => Ok(Holds::Maps { slots }),
        Some(btf::FUNC_PROTO) => Ok(Holds::Programs { slots }),
        _ => Err(MapFault::Values),
    }
}

/// What the elements of the array type `id` point to.
fn element<'a>(types: &Types<'a>, id: u32) -> Option<Type<'a>> {
    types.peel(types.pointee(types.array_element(id)?)?)
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
            "map_extra" => &mut self.extra,
            "key" | "key_size" => &mut self.key_size,
            "value" | "value_size" => &mut self.value_size,
            "pinning" => {
                self.pinned = number.ok_or(MapFault::Attribute(short))? != 0;
                return Ok(());
            }
            // On which node of a machine it lives: there is one here.
            "numa_node" => return Ok(()),
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
