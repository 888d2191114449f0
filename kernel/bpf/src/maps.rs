//! Maps: what programs share with each other and keep between runs.

mod array;

use core::cell::Cell;
use core::fmt;

pub use array::Array;

use crate::memory::Reclaim;
use crate::object::{MapAccess, MapSpec};

/// Map types we have, with Linux's numbers (`enum bpf_map_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapKind {
    /// Fixed number of values, by index.
    Array = 2,
    /// One array a processor; this kernel runs programs on one.
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
                write!(f, "map type {kind} is not available (ARRAY 2 and PERCPU_ARRAY 6 are)")
            }
            Self::KeySize(size) => write!(f, "the key of an array has 4 bytes, not {size}"),
            Self::ValueSize(size) => write!(f, "a value of {size} bytes"),
            Self::NoEntries => f.write_str("max_entries is 0"),
            Self::Flags(flags) => write!(f, "map flags 0x{flags:x} are not available"),
            Self::OutOfMemory(bytes) => write!(f, "no memory for {bytes} bytes of values"),
        }
    }
}

impl core::error::Error for MapError {}

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
            2 => MapKind::Array,
            6 => MapKind::PercpuArray,
            other => return Err(MapError::Kind(other)),
        };
        if spec.key_size != 4 {
            return Err(MapError::KeySize(spec.key_size));
        }
        if spec.value_size == 0 || spec.value_size > i32::MAX as u32 {
            return Err(MapError::ValueSize(spec.value_size));
        }
        if spec.max_entries == 0 {
            return Err(MapError::NoEntries);
        }
        let unknown = spec.flags & !(RDONLY_PROG | MMAPABLE);
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

/// `-EINVAL`, `-E2BIG`, `-EEXIST` as a helper returns them.
mod errno {
    pub(super) const INVALID: i64 = -22;
    pub(super) const TOO_BIG: i64 = -7;
    pub(super) const EXISTS: i64 = -17;
}

/// A live map in memory of strategy `M`.
pub struct Map<M: Reclaim> {
    array: Array<M>,
    access: MapAccess,
}

impl<M: Reclaim> Map<M> {
    /// Makes the map, with its initial value if it has one.
    ///
    /// # Errors
    /// [`MapError::OutOfMemory`].
    pub fn new(def: &MapDef<'_>) -> Result<Self, MapError> {
        Ok(Self { array: Array::new(def)?, access: def.access })
    }

    /// A map of no entries, which takes no memory: what a table of maps starts with.
    #[must_use]
    pub const fn vacant() -> Self {
        Self { array: Array::vacant(), access: MapAccess::ReadOnly }
    }

    /// Whether what was proven with `def` holds with this map: the same shape, and of a map that programs only
    /// read, the same bytes.
    #[must_use]
    pub fn is_made_from(&self, def: &MapDef<'_>) -> bool {
        let shape = self.array.value_size() == def.value_size as usize
            && self.array.entries() == def.max_entries as usize
            && self.access == def.access;
        shape && (def.access == MapAccess::ReadWrite || self.array.holds_initial(def))
    }

    /// Makes it as it was when new. `def` is what it was made from.
    pub fn reset(&self, def: &MapDef<'_>) {
        self.array.reset(def);
    }

    /// Bytes of a key.
    #[must_use]
    pub const fn key_size(&self) -> usize {
        4
    }

    /// Bytes of a value.
    #[must_use]
    pub const fn value_size(&self) -> usize {
        self.array.value_size()
    }

    /// What programs may do with values.
    #[must_use]
    pub const fn access(&self) -> MapAccess {
        self.access
    }

    /// All values, as a program may touch them.
    #[must_use]
    pub fn values(&self) -> &[Cell<u8>] {
        self.array.values()
    }

    /// The value of `key`, as an offset into [`Self::values`].
    #[must_use]
    pub fn lookup(&self, key: &[u8]) -> Option<usize> {
        self.array.lookup(key)
    }

    /// Sets the value of `key`; 0 or a negative error number, as `bpf_map_update_elem`.
    pub fn update(&self, key: &[u8], flags: u64, value: impl FnMut(usize) -> u8) -> i64 {
        self.array.update(key, flags, value)
    }
}
