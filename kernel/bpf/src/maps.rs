//! Maps: what programs share with each other and keep between runs.
//!
//! A map takes all its memory when it is made, from its profile's strategy, and none later. Values have
//! addresses that do not change while it lives. Where Linux has one value a processor, there is one: programs
//! run on one processor.

mod array;
mod assembly;
mod bloom;
mod definition;
mod fill;
mod hash;
mod kind;
mod lpm;
mod lru;
mod queue;
#[cfg(feature = "cloud-profile")]
mod resize;
mod ring;
mod series;
#[cfg(test)]
mod tests;

use core::cell::Cell;

use array::Array;
use bloom::Bloom;
use hash::Hash;
use lpm::Lpm;
use lru::Lru;
use queue::Queue;
use ring::Ring;
use series::Series;

pub use assembly::{define, place, reset};
pub use definition::{MAX_KEY, MAX_PREFIX, MapDef, MapError};
pub use kind::MapKind;
#[cfg(feature = "cloud-profile")]
pub use resize::Growable;
pub use ring::Fate;

use crate::memory::Reclaim;
use crate::object::MapAccess;

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
    pub(super) const TOO_BIG: i64 = -7;
    pub(super) const TRY_AGAIN: i64 = -11;
    pub(super) const EXISTS: i64 = -17;
    pub(super) const INVALID: i64 = -22;
    pub(super) const NO_SPACE: i64 = -28;
    pub(super) const NOT_SUPPORTED: i64 = -95;
}

enum Storage<M: Reclaim> {
    Array(Array<M>),
    Hash(Hash<M>),
    Lru(Lru<M>),
    Lpm(Lpm<M>),
    Queue(Queue<M>),
    Ring(Ring<M>),
    Bloom(Bloom<M>),
    Series(Series<M>),
}

/// A live map in memory of strategy `M`.
pub struct Map<M: Reclaim> {
    storage: Storage<M>,
    kind: MapKind,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    access: MapAccess,
    template: bool,
    refused: bool,
}

/// Bytes a value takes in memory: a reference has 4, and a device 8.
const fn stored_size(def: &MapDef<'_>) -> usize {
    match def.kind {
        MapKind::ProgArray | MapKind::ArrayOfMaps | MapKind::HashOfMaps => 4,
        _ => def.value_size as usize,
    }
}

/// Bytes of strategy memory that a map of this definition takes, up to rounding of its parts.
#[must_use]
pub fn bytes(def: &MapDef<'_>) -> u64 {
    use MapKind as K;
    let size = stored_size(def) as u64;
    match def.kind {
        _ if def.template || def.refused.is_some() => 0,
        K::Hash | K::PercpuHash | K::HashOfMaps | K::DevmapHash => hash::bytes(def, size),
        K::LruHash | K::LruPercpuHash => hash::bytes(def, size) + u64::from(def.max_entries) * 8,
        K::LpmTrie => lpm::bytes(def),
        K::Queue | K::Stack => u64::from(def.max_entries).saturating_mul(size),
        K::Ringbuf | K::PerfEventArray => ring::bytes(def),
        K::BloomFilter => bloom::words(def).saturating_mul(8),
        K::TimeSeries => series::bytes(def),
        _ => array::bytes(def, size),
    }
}

impl<M: Reclaim> Map<M> {
    /// Makes the map, with what it holds from the start. A template or a refused definition makes a map of
    /// nothing.
    ///
    /// # Errors
    /// [`MapError::OutOfMemory`], [`MapError::Facility`].
    pub fn new(def: &MapDef<'_>) -> Result<Self, MapError> {
        if def.template || def.refused.is_some() {
            return Ok(Self::shaped(def));
        }
        if def.kind.missing().is_some() {
            return Err(MapError::Facility(def.kind));
        }
        let storage = Self::storage(def).ok_or(MapError::OutOfMemory(bytes(def)))?;
        let map = Self { storage, ..Self::shaped(def) };
        map.reset(def);
        Ok(map)
    }

    fn storage(def: &MapDef<'_>) -> Option<Storage<M>> {
        use MapKind as K;
        let size = stored_size(def);
        Some(match def.kind {
            K::Hash | K::PercpuHash | K::HashOfMaps | K::DevmapHash => Storage::Hash(Hash::new(def, size)?),
            K::LruHash | K::LruPercpuHash => Storage::Lru(Lru::new(def)?),
            K::LpmTrie => Storage::Lpm(Lpm::new(def)?),
            K::Queue | K::Stack => Storage::Queue(Queue::new(def)?),
            K::Ringbuf | K::PerfEventArray => Storage::Ring(Ring::new(def)?),
            K::BloomFilter => Storage::Bloom(Bloom::new(def)?),
            K::TimeSeries => Storage::Series(Series::new(def)?),
            _ => Storage::Array(Array::new(def, size)?),
        })
    }

    /// A map of no entries, which takes no memory: what a table of maps starts with.
    #[must_use]
    pub const fn vacant() -> Self {
        Self::shaped(&MapDef::VACANT)
    }

    const fn shaped(def: &MapDef<'_>) -> Self {
        let MapDef { kind, key_size, value_size, max_entries, access, template, .. } = *def;
        let refused = def.refused.is_some();
        let storage = Storage::Array(Array::vacant());
        Self { storage, kind, key_size, value_size, max_entries, access, template, refused }
    }

    /// Whether what was proven with `def` holds with this map: the same shape, and of a map that programs only
    /// read, the same bytes.
    #[must_use]
    pub fn is_made_from(&self, def: &MapDef<'_>) -> bool {
        let shape = (self.kind, self.key_size, self.value_size, self.access);
        let MapDef { kind, key_size, value_size, access, .. } = *def;
        // A map that has grown holds all that it held; of one whose bytes are known there is one value.
        let entries = match access {
            MapAccess::ReadOnly => self.max_entries == def.max_entries,
            _ => self.max_entries >= def.max_entries,
        };
        let same_bytes = match &self.storage {
            Storage::Array(array) if access == MapAccess::ReadOnly && kind.is_array() => {
                array.holds_initial(def)
            }
            _ => true,
        };
        let is_real = (self.template, self.refused) == (def.template, def.refused.is_some());
        shape == (kind, key_size, value_size, access) && entries && same_bytes && is_real
    }

    /// Makes it as it was when new. `def` is what it was made from.
    pub fn reset(&self, def: &MapDef<'_>) {
        match &self.storage {
            Storage::Array(array) => array.reset(def),
            Storage::Hash(hash) => hash.reset(),
            Storage::Lru(lru) => lru.reset(),
            Storage::Lpm(lpm) => lpm.reset(),
            Storage::Queue(queue) => queue.reset(),
            Storage::Ring(ring) => ring.reset(),
            Storage::Bloom(bloom) => bloom.reset(),
            Storage::Series(series) => series.reset(),
        }
        self.fill(def);
    }

    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> MapKind {
        self.kind
    }

    /// Bytes of a key.
    #[must_use]
    pub const fn key_size(&self) -> usize {
        self.key_size as usize
    }

    /// Bytes of a value that programs can touch.
    #[must_use]
    pub const fn value_size(&self) -> usize {
        self.value_size as usize
    }

    /// What it was made for: entries, or bytes of a ring.
    #[must_use]
    pub const fn max_entries(&self) -> u32 {
        self.max_entries
    }

    /// What programs may do with values.
    #[must_use]
    pub const fn access(&self) -> MapAccess {
        self.access
    }

    /// All values that programs may touch through their addresses: none where values are references, or only
    /// ever copied.
    #[must_use]
    pub const fn values(&self) -> &[Cell<u8>] {
        match &self.storage {
            _ if self.value_size == 0 && !matches!(self.kind, MapKind::Ringbuf) => &[],
            Storage::Array(array) => array.values(),
            Storage::Hash(hash) => hash.values(),
            Storage::Lru(lru) => lru.table().values(),
            Storage::Lpm(lpm) => lpm.values(),
            Storage::Series(series) => series.values(),
            Storage::Ring(ring) => ring.bytes(),
            Storage::Queue(_) | Storage::Bloom(_) => &[],
        }
    }

    /// The value of `key`, as an offset into [`Self::values`]. Of a time series, as of its newest sample.
    #[must_use]
    pub fn lookup(&self, key: &[u8]) -> Option<usize> {
        self.lookup_at(key, 0)
    }

    /// The value of `key` at time `now` (nanoseconds), as an offset into [`Self::values`].
    #[must_use]
    #[inline]
    pub fn lookup_at(&self, key: &[u8], now: u64) -> Option<usize> {
        match &self.storage {
            // An array of devices or sockets may have none at an index.
            Storage::Array(array) if self.kind.is_filled_by_owner() => {
                array.lookup(key).filter(|&start| array.value(start).iter().any(|byte| byte.get() != 0))
            }
            Storage::Array(array) => array.lookup(key),
            Storage::Hash(hash) => hash.lookup(key),
            Storage::Lru(lru) => lru.lookup(key),
            Storage::Lpm(lpm) => lpm.lookup(key),
            Storage::Series(series) => series.lookup(key, now),
            Storage::Queue(_) | Storage::Ring(_) | Storage::Bloom(_) => None,
        }
    }

    /// Sets the value of `key`, byte by byte; 0 or a negative error number, as `bpf_map_update_elem`.
    pub fn update(&self, key: &[u8], flags: u64, mut value: impl FnMut(usize) -> u8) -> i64 {
        self.update_at(key, flags, 0, |cells| {
            cells.iter().enumerate().for_each(|(index, cell)| cell.set(value(index)));
        })
    }

    /// As [`Self::update`] at time `now`: `fill` writes the value in place.
    #[inline]
    pub fn update_at(&self, key: &[u8], flags: u64, now: u64, fill: impl FnOnce(&[Cell<u8>])) -> i64 {
        if self.kind.holds_maps() || self.kind == MapKind::ProgArray {
            // What was proven of programs says what these hold.
            return errno::INVALID;
        }
        match &self.storage {
            Storage::Array(array) => array.update(key, flags, fill),
            Storage::Hash(hash) => hash.update(key, flags, fill),
            Storage::Lru(lru) => lru.update(key, flags, fill),
            Storage::Lpm(lpm) => lpm.update(key, flags, fill),
            Storage::Series(series) => {
                let mut sample = [0; 8];
                fill(Cell::from_mut(&mut sample[..]).as_slice_of_cells());
                series.add(key, flags, now, i64::from_le_bytes(sample))
            }
            Storage::Queue(_) | Storage::Ring(_) | Storage::Bloom(_) => errno::INVALID,
        }
    }

    /// Removes `key`; 0 or a negative error number, as `bpf_map_delete_elem`.
    pub fn delete(&self, key: &[u8]) -> i64 {
        match &self.storage {
            _ if self.kind.holds_maps() || self.kind == MapKind::ProgArray => errno::INVALID,
            Storage::Hash(hash) => hash.delete(key).err().unwrap_or(0),
            Storage::Lru(lru) => lru.delete(key).err().unwrap_or(0),
            Storage::Lpm(lpm) => lpm.delete(key),
            _ => errno::INVALID,
        }
    }

    /// Adds a value, as `bpf_map_push_elem`.
    pub fn push(&self, flags: u64, fill: impl FnOnce(&[Cell<u8>])) -> i64 {
        match &self.storage {
            Storage::Queue(queue) => queue.push(flags, fill),
            Storage::Bloom(bloom) => self.with_copy(fill, |value| bloom.push(flags, value)),
            _ => errno::NOT_SUPPORTED,
        }
    }

    /// Takes the next value out, as `bpf_map_pop_elem`.
    pub fn pop(&self, show: impl FnOnce(&[Cell<u8>])) -> i64 {
        match &self.storage {
            Storage::Queue(queue) => queue.pop(show),
            _ => errno::NOT_SUPPORTED,
        }
    }

    /// Shows the next value, as `bpf_map_peek_elem`.
    pub fn peek(&self, show: impl FnOnce(&[Cell<u8>])) -> i64 {
        match &self.storage {
            Storage::Queue(queue) => queue.peek(show),
            _ => errno::NOT_SUPPORTED,
        }
    }

    /// Whether a filter may have seen a value: 0, or `-ENOENT`.
    pub fn test(&self, value: impl FnOnce(&[Cell<u8>])) -> i64 {
        match &self.storage {
            Storage::Bloom(bloom) => self.with_copy(value, |value| bloom.peek(value)),
            _ => errno::NOT_SUPPORTED,
        }
    }

    /// A filter looks at a value several times, and a program may change it meanwhile: it gets a copy, of at
    /// most as many bytes as a key has.
    fn with_copy(&self, fill: impl FnOnce(&[Cell<u8>]), then: impl FnOnce(&[u8]) -> i64) -> i64 {
        let mut copy = [0; MAX_KEY];
        let Some(copy) = copy.get_mut(..self.value_size()) else {
            return errno::TOO_BIG;
        };
        fill(Cell::from_mut(&mut *copy).as_slice_of_cells());
        then(copy)
    }

    fn ring(&self) -> Option<&Ring<M>> {
        match &self.storage {
            Storage::Ring(ring) => Some(ring),
            _ => None,
        }
    }

    /// Room for a record of `size` bytes in a ring buffer, as an offset into [`Self::values`].
    #[must_use]
    pub fn reserve(&self, size: u64) -> Option<usize> {
        self.ring()?.reserve(size)
    }

    /// Ends the writing of the record at `offset` of [`Self::values`]; false if none is being written there.
    pub fn finish(&self, offset: usize, fate: Fate) -> bool {
        self.ring().is_some_and(|ring| ring.finish(offset, fate))
    }

    /// Writes a record; 0 or `-EAGAIN` if there is no room.
    pub fn output(&self, size: u64, fill: impl FnOnce(&[Cell<u8>])) -> i64 {
        self.ring().map_or(errno::INVALID, |ring| ring.output(size, fill))
    }

    /// What `bpf_ringbuf_query` says.
    #[must_use]
    pub fn query(&self, what: u64) -> u64 {
        self.ring().map_or(0, |ring| ring.query(what))
    }

    /// Reads the finished records of a ring, oldest first; they are gone then.
    pub fn consume(&self, read: impl FnMut(&[Cell<u8>])) {
        if let Some(ring) = self.ring() {
            ring.consume(read);
        }
    }
}
