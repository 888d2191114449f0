//! Arrays: a fixed number of values by index, zero at first (`BPF_MAP_TYPE_ARRAY`).

use core::cell::Cell;

use super::flag::{EXIST, NOEXIST};
use super::{MapDef, errno};
use crate::memory::{Buffer, Reclaim};

/// The bytes a new array holds, without end.
fn initial<'d>(def: &MapDef<'d>) -> impl Iterator<Item = u8> + use<'d> {
    def.initial.unwrap_or_default().iter().copied().chain(core::iter::repeat(0))
}

/// An array's values, each at a multiple of 8 bytes.
pub(super) struct Array<M: Reclaim> {
    values: Buffer<u8, M>,
    value_size: usize,
    stride: usize,
    entries: usize,
}

/// Bytes that [`Array::new`] takes.
pub(super) fn bytes(def: &MapDef<'_>, value_size: u64) -> u64 {
    value_size.next_multiple_of(8).saturating_mul(u64::from(def.max_entries))
}

impl<M: Reclaim> Array<M> {
    pub(super) fn new(def: &MapDef<'_>, value_size: usize) -> Option<Self> {
        let values = Buffer::zeroed(usize::try_from(bytes(def, value_size as u64)).ok()?)?;
        let (stride, entries) = (value_size.next_multiple_of(8), def.max_entries as usize);
        Some(Self { values, value_size, stride, entries })
    }

    pub(super) const fn vacant() -> Self {
        Self { values: Buffer::empty(), value_size: 0, stride: 0, entries: 0 }
    }

    /// Zeros, but for the first value the object gives, if these are plain values.
    pub(super) fn reset(&self, def: &MapDef<'_>) {
        self.values.cells().iter().for_each(|cell| cell.set(0));
        if def.kind.is_array() {
            self.values.cells().iter().zip(initial(def)).for_each(|(cell, byte)| cell.set(byte));
        }
    }

    pub(super) fn holds_initial(&self, def: &MapDef<'_>) -> bool {
        self.values.cells().iter().zip(initial(def)).all(|(cell, byte)| cell.get() == byte)
    }

    pub(super) const fn values(&self) -> &[Cell<u8>] {
        self.values.cells()
    }

    pub(super) const fn entries(&self) -> usize {
        self.entries
    }

    pub(super) fn lookup(&self, key: &[u8]) -> Option<usize> {
        self.offset(u32::from_le_bytes(key.try_into().ok()?))
    }

    pub(super) fn offset(&self, index: u32) -> Option<usize> {
        ((index as usize) < self.entries).then(|| index as usize * self.stride)
    }

    pub(super) fn value(&self, start: usize) -> &[Cell<u8>] {
        &self.values.cells()[start..start + self.value_size]
    }

    pub(super) fn update(&self, key: &[u8], flags: u64, fill: impl FnOnce(&[Cell<u8>])) -> i64 {
        if flags > EXIST {
            return errno::INVALID;
        }
        let Some(start) = self.lookup(key) else {
            return errno::TOO_BIG;
        };
        if flags == NOEXIST {
            return errno::EXISTS;
        }
        fill(self.value(start));
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maps::{Map, MapError, MapKind};
    use crate::object::MapAccess;
    use crate::profile::{ActiveProfile, PhysicalProfile};

    type Memory = <ActiveProfile as PhysicalProfile>::MemoryStrategy;

    fn map(value_size: u32, max_entries: u32) -> Map<Memory> {
        let (kind, access) = (MapKind::Array, MapAccess::ReadWrite);
        let initial = Some(&b"abc"[..]);
        Map::new(&MapDef {
            name: "m",
            kind,
            key_size: 4,
            value_size,
            max_entries,
            access,
            initial,
            ..MapDef::VACANT
        })
        .unwrap()
    }

    #[test]
    fn every_index_below_the_size_has_a_value_and_no_other() {
        let map = map(3, 4);
        assert_eq!(map.lookup(&3u32.to_le_bytes()), Some(24));
        assert_eq!(map.lookup(&4u32.to_le_bytes()), None);
        assert_eq!(map.lookup(&u32::MAX.to_le_bytes()), None);
        assert_eq!(map.lookup(&[0; 3]), None);
    }

    #[test]
    fn update_sets_one_value_and_returns_linuxs_errors() {
        let map = map(3, 2);
        assert_eq!(map.values()[1].get(), b'b');
        assert_eq!(map.update(&1u32.to_le_bytes(), 0, |index| index as u8 + 1), 0);
        assert_eq!(map.values()[8..12].iter().map(Cell::get).collect::<std::vec::Vec<_>>(), [1, 2, 3, 0]);
        assert_eq!(map.update(&2u32.to_le_bytes(), 0, |_| 0), -7);
        assert_eq!(map.update(&0u32.to_le_bytes(), NOEXIST, |_| 0), -17);
        assert_eq!(map.update(&0u32.to_le_bytes(), EXIST, |_| 9), 0);
        assert_eq!(map.update(&0u32.to_le_bytes(), 4, |_| 0), -22);
    }

    #[test]
    fn a_map_is_made_from_its_own_definition_and_no_other() {
        let (kind, access) = (MapKind::Array, MapAccess::ReadOnly);
        let def = MapDef { kind, key_size: 4, value_size: 8, max_entries: 2, access, ..MapDef::VACANT };
        let map = Map::<Memory>::new(&def).unwrap();
        assert!(map.is_made_from(&def));
        assert!(!map.is_made_from(&MapDef { value_size: 7, ..def }));
        assert!(!map.is_made_from(&MapDef { max_entries: 3, ..def }));
        assert!(!map.is_made_from(&MapDef { access: MapAccess::ReadWrite, ..def }));
        assert!(!map.is_made_from(&MapDef { initial: Some(b"x"), ..def }));
    }

    #[test]
    fn a_size_that_overflows_is_out_of_memory() {
        let (kind, access) = (MapKind::Array, MapAccess::ReadWrite);
        let (value_size, max_entries) = (i32::MAX as u32, u32::MAX);
        let def = MapDef { name: "m", kind, key_size: 4, value_size, max_entries, access, ..MapDef::VACANT };
        assert!(matches!(Map::<Memory>::new(&def), Err(MapError::OutOfMemory(_))));
    }
}
