//! What a map is to be: checked against what its type allows, before any memory is taken.

use core::fmt;

use super::kind::{KeyRule, MapKind, ValueRule};
use crate::object::{MapAccess, MapFault, MapSpec};

/// Most bytes of a key.
pub const MAX_KEY: usize = 512;
/// Most bytes of a prefix in a trie's key (Linux's `LPM_DATA_SIZE_MAX`).
pub const MAX_PREFIX: usize = 256;

/// A map as the verifier sees it. Holding one whose `refused` is `None` proves that its shape is one of its
/// type's.
#[derive(Clone, Copy, Debug)]
pub struct MapDef<'a> {
    /// Its name in the object.
    pub name: &'a str,
    /// Its type.
    pub kind: MapKind,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value that programs can touch: 0 where values are maps or programs.
    pub value_size: u32,
    /// Number of values; of a ring buffer, bytes.
    pub max_entries: u32,
    /// `map_extra`: hash functions of a filter, the window of a time series in milliseconds.
    pub extra: u32,
    /// What programs may do with values.
    pub access: MapAccess,
    /// The first value's bytes, or the first references, 8 bytes each, if the object gives them; else zeros.
    pub initial: Option<&'a [u8]>,
    /// Whether maps of this name in other objects are this map.
    pub pinned: bool,
    /// What the maps inside it are like: the index of a definition.
    pub inner: Option<u32>,
    /// It only says what the maps inside another one are like, and is no map itself.
    pub template: bool,
    /// The map of maps it lies in from the start, by index, and where.
    pub place: Option<(u32, u32)>,
    /// Why there is no such map: a program that comes to a reference to it is refused.
    pub refused: Option<MapError>,
}

/// Why a map cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// There is no such type.
    Kind(u32),
    /// It needs a part of Linux that this kernel does not have.
    Facility(MapKind),
    /// The object's definition cannot be read.
    Definition(MapFault),
    /// The key of such a map is an index of 4 bytes.
    IndexSize(u32),
    /// A key has 1 to [`MAX_KEY`] bytes, of a trie 5 to [`MAX_PREFIX`] + 4, and of others none.
    KeySize(MapKind, u32),
    /// The value cannot have this many bytes.
    ValueSize(MapKind, u32),
    /// A map must have at least one entry.
    NoEntries,
    /// Flags that this type does not have.
    Flags(MapKind, u32),
    /// A map of maps does not say what its maps are like.
    NoInner,
    /// A map inside a map of maps cannot be of this type.
    InnerKind(MapKind),
    /// A map that lies in a map of maps is not like its maps.
    InnerShape,
    /// More values to start with than it has entries.
    TooManyValues,
    /// Maps of this type keep the size they were made with.
    FixedSize(MapKind),
    /// It does not fit into the profile's memory; so many bytes were asked for.
    OutOfMemory(u64),
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => write!(f, "map type {kind} is not one of Linux's 1 to 33, nor ours"),
            Self::Facility(kind) => {
                let (name, missing) = (kind.name(), kind.missing().unwrap_or("another kernel"));
                write!(f, "a map of type {name} needs {missing}, which this kernel does not have")
            }
            Self::Definition(fault) => write!(f, "{fault}"),
            Self::IndexSize(size) => write!(f, "its key is an index of 4 bytes, not {size}"),
            Self::KeySize(kind @ MapKind::LpmTrie, size) => {
                let limit = MAX_PREFIX + 4;
                write!(f, "a key of {size} bytes; of type {} it may have 5 to {limit}", kind.name())
            }
            Self::KeySize(kind, size) if kind.row().key == KeyRule::Nothing => {
                write!(f, "a key of {size} bytes; a map of type {} has none", kind.name())
            }
            Self::KeySize(_, size) => write!(f, "a key of {size} bytes; it may have 1 to {MAX_KEY}"),
            Self::ValueSize(kind, size) => {
                write!(f, "a value of {size} bytes, which a map of type {} cannot have", kind.name())
            }
            Self::NoEntries => f.write_str("max_entries is 0"),
            Self::Flags(kind, flags) => {
                write!(f, "a map of type {} does not have flags 0x{flags:x}", kind.name())
            }
            Self::NoInner => f.write_str("it does not say what the maps inside it are like"),
            Self::InnerKind(kind) => write!(f, "a map of type {} cannot lie inside a map", kind.name()),
            Self::InnerShape => f.write_str("a map in it is not as its `values` says"),
            Self::TooManyValues => f.write_str("more values to start with than max_entries"),
            Self::FixedSize(kind) => write!(f, "a map of type {} cannot be resized", kind.name()),
            Self::OutOfMemory(bytes) => write!(f, "no memory for its {bytes} bytes"),
        }
    }
}

impl core::error::Error for MapError {}

/// `BPF_F_…`: what they ask for is so anyway, or has no meaning where there is one processor and no user space.
mod flag {
    const NO_PREALLOC: u32 = 1;
    const NO_COMMON_LRU: u32 = 1 << 1;
    const NUMA_NODE: u32 = 1 << 2;
    const RDONLY: u32 = 1 << 3;
    const WRONLY: u32 = 1 << 4;
    const ZERO_SEED: u32 = 1 << 6;
    pub(super) const RDONLY_PROG: u32 = 1 << 7;
    pub(super) const WRONLY_PROG: u32 = 1 << 8;
    const MMAPABLE: u32 = 1 << 10;
    const PRESERVE_ELEMS: u32 = 1 << 11;
    const INNER_MAP: u32 = 1 << 12;
    pub(super) const COMMON: u32 = NUMA_NODE | RDONLY | WRONLY | RDONLY_PROG | WRONLY_PROG;
    pub(super) const HASH: u32 = NO_PREALLOC | NO_COMMON_LRU | ZERO_SEED;
    pub(super) const ARRAY: u32 = MMAPABLE | PRESERVE_ELEMS | INNER_MAP;
}

const fn known_flags(kind: MapKind) -> u32 {
    use MapKind as K;
    flag::COMMON
        | match kind {
            K::Hash | K::PercpuHash | K::LruHash | K::LruPercpuHash | K::LpmTrie | K::HashOfMaps => {
                flag::HASH
            }
            K::Array | K::PercpuArray | K::PerfEventArray => flag::ARRAY,
            K::BloomFilter => flag::HASH,
            // What we do not make, we do not judge.
            K::SkStorage | K::InodeStorage | K::TaskStorage | K::CgrpStorage | K::Arena | K::StackTrace => {
                u32::MAX
            }
            _ => 0,
        }
}

impl<'a> MapDef<'a> {
    /// What a table of definitions starts with.
    pub const VACANT: Self = Self {
        name: "",
        kind: MapKind::Array,
        key_size: 4,
        value_size: 1,
        max_entries: 1,
        extra: 0,
        access: MapAccess::ReadOnly,
        initial: None,
        pinned: false,
        inner: None,
        template: false,
        place: None,
        refused: None,
    };

    /// What an object asks for. A definition that makes no sense is one that is `refused`.
    #[must_use]
    pub fn of(spec: &MapSpec<'a>) -> Self {
        Self::checked(spec).unwrap_or_else(|error| Self {
            name: spec.name,
            template: spec.template,
            // Nothing can be reached through it.
            max_entries: 0,
            refused: Some(error),
            ..Self::VACANT
        })
    }

    fn checked(spec: &MapSpec<'a>) -> Result<Self, MapError> {
        if let Some(fault) = spec.fault {
            return Err(MapError::Definition(fault));
        }
        let kind = MapKind::of_number(spec.kind)?;
        check_key(kind, spec.key_size)?;
        // Linux lets the definition of a map of maps or programs leave out the size of a reference.
        let references = kind.holds_maps() || kind == MapKind::ProgArray;
        let value_size = if references && spec.value_size == 0 { 4 } else { spec.value_size };
        check_value(kind, value_size)?;
        // One a processor, and there is one.
        let max_entries =
            if kind == MapKind::PerfEventArray { spec.max_entries.max(1) } else { spec.max_entries };
        if max_entries == 0 && kind.missing().is_none() {
            return Err(MapError::NoEntries);
        }
        let unknown = spec.flags & !known_flags(kind);
        if unknown != 0 {
            return Err(MapError::Flags(kind, unknown));
        }
        if kind.holds_maps() && spec.inner.is_none() {
            return Err(MapError::NoInner);
        }
        if spec.template && kind.holds_maps() {
            return Err(MapError::InnerKind(kind));
        }
        let many = spec.initial.is_some_and(|initial| initial.len() as u64 / 8 > u64::from(max_entries));
        if references && many {
            return Err(MapError::TooManyValues);
        }
        // Programs look devices and sockets up, and no more.
        let is_owners =
            matches!(kind, MapKind::Devmap | MapKind::DevmapHash | MapKind::Cpumap | MapKind::Xskmap);
        let flags = if is_owners { spec.flags | flag::RDONLY_PROG } else { spec.flags };
        let access = match flags & (flag::RDONLY_PROG | flag::WRONLY_PROG) {
            0 => spec.access,
            flag::RDONLY_PROG => MapAccess::ReadOnly,
            flag::WRONLY_PROG => MapAccess::WriteOnly,
            both => return Err(MapError::Flags(kind, both)),
        };
        Ok(Self {
            name: spec.name,
            kind,
            key_size: spec.key_size,
            value_size: if references { 0 } else { value_size },
            max_entries,
            extra: spec.extra,
            access,
            initial: spec.initial,
            pinned: spec.pinned,
            inner: spec.inner,
            template: spec.template,
            place: spec.place,
            refused: None,
        })
    }

    /// Whether a map of this definition may lie where maps are like `template`: what was proven of those
    /// holds of it.
    #[must_use]
    pub fn is_like(&self, template: &Self) -> bool {
        let shape = |def: &Self| (def.kind, def.key_size, def.value_size, def.access);
        shape(self) == shape(template) && self.refused.is_none() && !self.template
    }
}

fn check_key(kind: MapKind, size: u32) -> Result<(), MapError> {
    let fits = match kind.row().key {
        KeyRule::Index if size != 4 => return Err(MapError::IndexSize(size)),
        KeyRule::Index => true,
        KeyRule::Bytes => (1..=MAX_KEY).contains(&(size as usize)),
        KeyRule::Prefix => (5..=MAX_PREFIX + 4).contains(&(size as usize)),
        KeyRule::Nothing => size == 0,
    };
    if fits { Ok(()) } else { Err(MapError::KeySize(kind, size)) }
}

fn check_value(kind: MapKind, size: u32) -> Result<(), MapError> {
    let fits = match kind.row().value {
        ValueRule::Bytes => (1..=i32::MAX as u32).contains(&size),
        ValueRule::OneOf(sizes) => sizes.contains(&size),
        ValueRule::Nothing => size == 0,
        ValueRule::Any => true,
    };
    if fits { Ok(()) } else { Err(MapError::ValueSize(kind, size)) }
}
