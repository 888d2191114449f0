//! Maps: what programs share with each other and keep between runs.

mod array;
mod hash;

use core::cell::Cell;
use core::fmt;

use array::Array;
use hash::Hash;

use crate::memory::Reclaim;
use crate::object::{MapAccess, MapSpec};

/// Map types we have, with Linux's numbers (`enum bpf_map_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapKind {
    /// Values by key.
    Hash = 1,
    /// Fixed number of values, by index.
    Array = 2,
    /// One hash table a processor; this kernel runs programs on one.
    PercpuHash = 5,
    /// One array a processor.
    PercpuArray = 6,
}

/// A map as the verifier sees it. Holding one proves the shape is one we can make.
#[derive(Clone, Copy, Debug)]
pub struct MapDef<'a> {
    /// Its name in the object.
    pub name: &'a str,
    /// Its type.
    pub kind: MapKind,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// Number of values.
    pub max_entries: u32,
    /// What programs may do with values.
    pub access: MapAccess,
    /// The first value's bytes, if the object gives them; else zeros.
    pub initial: Option<&'a [u8]>,
}

/// Why a map cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// We do not have this type.
    Kind(u32),
    /// An array's key is an index of 4 bytes.
    IndexSize(u32),
    /// A key has 1 to [`MAX_KEY`] bytes.
    KeySize(u32),
    /// A value must have at least one byte.
    ValueSize(u32),
    /// A map must have at least one entry.
    NoEntries,
    /// A flag we do not have.
    Flags(u32),
    /// It does not fit into the profile's memory; so many bytes were asked for.
    OutOfMemory(u64),
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => {
                write!(
                    f,
                    "map type {kind} is not available (HASH 1, ARRAY 2, PERCPU_HASH 5, PERCPU_ARRAY 6 are)"
                )
            }
            Self::IndexSize(size) => write!(f, "the key of an array has 4 bytes, not {size}"),
            Self::KeySize(size) => write!(f, "a key of {size} bytes; it may have 1 to {MAX_KEY}"),
            Self::ValueSize(size) => write!(f, "a value of {size} bytes"),
            Self::NoEntries => f.write_str("max_entries is 0"),
            Self::Flags(flags) => write!(f, "map flags 0x{flags:x} are not available"),
            Self::OutOfMemory(bytes) => write!(f, "no memory for {bytes} bytes of values"),
        }
    }
}

impl core::error::Error for MapError {}

/// Most bytes of a key.
pub const MAX_KEY: usize = 64;

/// `BPF_F_NO_PREALLOC`: all memory is taken while loading anyway.
const NO_PREALLOC: u32 = 1;
/// `BPF_F_RDONLY_PROG`: programs may not write values.
const RDONLY_PROG: u32 = 1 << 7;
/// `BPF_F_MMAPABLE`: says how Linux lays the map out for user space; nothing to do here.
const MMAPABLE: u32 = 1 << 10;

impl<'a> MapDef<'a> {
    /// What a table of definitions starts with.
    pub const VACANT: Self = Self {
        name: "",
        kind: MapKind::Array,
        key_size: 4,
        value_size: 1,
        max_entries: 1,
        access: MapAccess::ReadOnly,
        initial: None,
    };

    /// Checks what an object asks for.
    ///
    /// # Errors
    /// What of it we cannot make.
    pub fn of(spec: &MapSpec<'a>) -> Result<Self, MapError> {
        let kind = match spec.kind {
            1 => MapKind::Hash,
            2 => MapKind::Array,
            5 => MapKind::PercpuHash,
            6 => MapKind::PercpuArray,
            other => return Err(MapError::Kind(other)),
        };
        check_key(kind, spec.key_size)?;
        if spec.value_size == 0 || spec.value_size > i32::MAX as u32 {
            return Err(MapError::ValueSize(spec.value_size));
        }
        if spec.max_entries == 0 {
            return Err(MapError::NoEntries);
        }
        let unknown = spec.flags & !(NO_PREALLOC | RDONLY_PROG | MMAPABLE);
        if unknown != 0 {
            return Err(MapError::Flags(unknown));
        }
        let access = if spec.flags & RDONLY_PROG == 0 { spec.access } else { MapAccess::ReadOnly };
        Ok(Self {
            name: spec.name,
            kind,
            key_size: spec.key_size,
            value_size: spec.value_size,
            max_entries: spec.max_entries,
            access,
            initial: spec.initial,
        })
    }
}

fn check_key(kind: MapKind, size: u32) -> Result<(), MapError> {
    match kind {
        MapKind::Array | MapKind::PercpuArray if size != 4 => Err(MapError::IndexSize(size)),
        MapKind::Hash | MapKind::PercpuHash if size == 0 || size as usize > MAX_KEY => {
            Err(MapError::KeySize(size))
        }
        _ => Ok(()),
    }
}

/// Flags of an update; 0 is `BPF_ANY`.
mod flag {
    /// `BPF_NOEXIST`
    pub(super) const NOEXIST: u64 = 1;
    /// `BPF_EXIST`
    pub(super) const EXIST: u64 = 2;
}

/// Linux's error numbers, as a helper returns them.
mod errno {
    pub(super) const NO_ENTRY: i64 = -2;
    pub(super) const INVALID: i64 = -22;
    pub(super) const TOO_BIG: i64 = -7;
    pub(super) const EXISTS: i64 = -17;
}

enum Storage<M: Reclaim> {
    Array(Array<M>),
    Hash(Hash<M>),
}

/// A live map in memory of strategy `M`.
pub struct Map<M: Reclaim> {
    storage: Storage<M>,
    kind: MapKind,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    access: MapAccess,
}

impl<M: Reclaim> Map<M> {
    /// Makes the map, with its initial value if it has one.
    ///
    /// # Errors
    /// [`MapError::OutOfMemory`].
    pub fn new(def: &MapDef<'_>) -> Result<Self, MapError> {
        let storage = match def.kind {
            MapKind::Array | MapKind::PercpuArray => Storage::Array(Array::new(def)?),
            MapKind::Hash | MapKind::PercpuHash => Storage::Hash(Hash::new(def)?),
        };
        Ok(Self { storage, ..Self::shaped(def) })
    }

    /// A map of no entries, which takes no memory: what a table of maps starts with.
    #[must_use]
    pub const fn vacant() -> Self {
        Self::shaped(&MapDef::VACANT)
    }

    const fn shaped(def: &MapDef<'_>) -> Self {
        let MapDef { kind, key_size, value_size, max_entries, access, .. } = *def;
        Self { storage: Storage::Array(Array::vacant()), kind, key_size, value_size, max_entries, access }
    }

    /// Whether what was proven with `def` holds with this map: the same shape, and of a map that programs only
    /// read, the same bytes.
    #[must_use]
    pub fn is_made_from(&self, def: &MapDef<'_>) -> bool {
        let MapDef { kind, key_size, value_size, max_entries, access, .. } = *def;
        let shape = (self.kind, self.key_size, self.value_size, self.max_entries, self.access);
        let same_bytes = match &self.storage {
            Storage::Array(array) => access == MapAccess::ReadWrite || array.holds_initial(def),
            Storage::Hash(_) => true,
        };
        shape == (kind, key_size, value_size, max_entries, access) && same_bytes
    }

    /// Makes it as it was when new. `def` is what it was made from.
    pub fn reset(&self, def: &MapDef<'_>) {
        match &self.storage {
            Storage::Array(array) => array.reset(def),
            Storage::Hash(hash) => hash.reset(),
        }
    }

    /// Bytes of a key.
    #[must_use]
    pub const fn key_size(&self) -> usize {
        self.key_size as usize
    }

    /// Bytes of a value.
    #[must_use]
    pub const fn value_size(&self) -> usize {
        self.value_size as usize
    }

    /// What programs may do with values.
    #[must_use]
    pub const fn access(&self) -> MapAccess {
        self.access
    }

    /// All values, as a program may touch them.
    #[must_use]
    pub const fn values(&self) -> &[Cell<u8>] {
        match &self.storage {
            Storage::Array(array) => array.values(),
            Storage::Hash(hash) => hash.values(),
        }
    }

    /// The value of `key`, as an offset into [`Self::values`].
    #[must_use]
    pub fn lookup(&self, key: &[u8]) -> Option<usize> {
        match &self.storage {
            Storage::Array(array) => array.lookup(key),
            Storage::Hash(hash) => hash.lookup(key),
        }
    }

    /// Sets the value of `key`; 0 or a negative error number, as `bpf_map_update_elem`.
    pub fn update(&self, key: &[u8], flags: u64, value: impl FnMut(usize) -> u8) -> i64 {
        match &self.storage {
            Storage::Array(array) => array.update(key, flags, value),
            Storage::Hash(hash) => hash.update(key, flags, value),
        }
    }

    /// Removes `key`; 0 or a negative error number, as `bpf_map_delete_elem`.
    pub fn delete(&self, key: &[u8]) -> i64 {
        match &self.storage {
            Storage::Array(_) => errno::INVALID,
            Storage::Hash(hash) => hash.delete(key),
        }
    }
}
