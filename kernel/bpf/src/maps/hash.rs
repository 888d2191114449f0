//! Hash tables of fixed capacity (`BPF_MAP_TYPE_HASH`): values at stable addresses, no memory taken while running.
//!
//! Entries are numbered from 1, so that zeroed memory is an empty table: each bucket is a list of entries
//! through their links, and so are the free entries. An entry that was deleted may be used again while a
//! program still holds the address of its value, as in Linux: it then sees the new value, never other memory.

use core::cell::Cell;

use super::flag::{EXIST, NOEXIST};
use super::{MapDef, MapError, errno};
use crate::memory::{Buffer, Reclaim};

/// A hash table.
pub(super) struct Hash<M: Reclaim> {
    /// First entry of each bucket; as many as a power of two.
    buckets: Buffer<u32, M>,
    /// The entry after each, in its bucket or among the free ones.
    links: Buffer<u32, M>,
    keys: Buffer<u8, M>,
    values: Buffer<u8, M>,
    key_size: usize,
    value_size: usize,
    stride: usize,
    free: Cell<u32>,
}

impl<M: Reclaim> Hash<M> {
    pub(super) fn new(def: &MapDef<'_>) -> Result<Self, MapError> {
        let (key_size, value_size) = (def.key_size as usize, def.value_size as usize);
        let (entries, stride) = (def.max_entries as usize, value_size.next_multiple_of(8));
        let bytes = (key_size as u64 + stride as u64 + 8).saturating_mul(entries as u64);
        let make = || {
            Some(Self {
                buckets: Buffer::zeroed(entries.checked_next_power_of_two()?)?,
                links: Buffer::zeroed(entries)?,
                keys: Buffer::zeroed(entries.checked_mul(key_size)?)?,
                values: Buffer::zeroed(entries.checked_mul(stride)?)?,
                key_size,
                value_size,
                stride,
                free: Cell::new(0),
            })
        };
        let table = make().ok_or(MapError::OutOfMemory(bytes))?;
        table.reset();
        Ok(table)
    }

    pub(super) fn reset(&self) {
        self.buckets.cells().iter().for_each(|bucket| bucket.set(0));
        let links = self.links.cells();
        links.iter().enumerate().for_each(|(index, link)| link.set(index as u32 + 2));
        if let Some(last) = links.last() {
            last.set(0);
        }
        self.free.set(1);
    }

    pub(super) const fn values(&self) -> &[Cell<u8>] {
        self.values.cells()
    }

    pub(super) fn lookup(&self, key: &[u8]) -> Option<usize> {
        let entry = self.place(key)?.get();
        (entry != 0).then(|| (entry as usize - 1) * self.stride)
    }

    pub(super) fn update(&self, key: &[u8], flags: u64, mut value: impl FnMut(usize) -> u8) -> i64 {
        let (Some(place), ..=EXIST) = (self.place(key), flags) else {
            return errno::INVALID;
        };
        let entry = match (place.get(), flags) {
            (0, EXIST) => return errno::NO_ENTRY,
            (0, _) => match self.insert(place, key) {
                Some(entry) => entry,
                None => return errno::TOO_BIG,
            },
            (_, NOEXIST) => return errno::EXISTS,
            (entry, _) => entry,
        };
        let start = (entry as usize - 1) * self.stride;
        let cells = &self.values.cells()[start..start + self.value_size];
        cells.iter().enumerate().for_each(|(index, cell)| cell.set(value(index)));
        0
    }

    pub(super) fn delete(&self, key: &[u8]) -> i64 {
        let Some(place) = self.place(key) else {
            return errno::INVALID;
        };
        let entry = place.get();
        if entry == 0 {
            return errno::NO_ENTRY;
        }
        let link = &self.links.cells()[entry as usize - 1];
        place.set(link.get());
        link.set(self.free.replace(entry));
        0
    }

    /// Where the number of `key`'s entry is kept: in its bucket or in the link before it. It holds 0, at the end
    /// of the list, if there is no such entry. `None` for a key of another size.
    fn place(&self, key: &[u8]) -> Option<&Cell<u32>> {
        if key.len() != self.key_size {
            return None;
        }
        let buckets = self.buckets.cells();
        let mut place = buckets.get(hash(key) as usize & (buckets.len() - 1))?;
        loop {
            match place.get() {
                0 => return Some(place),
                entry if self.has_key(entry, key) => return Some(place),
                entry => place = &self.links.cells()[entry as usize - 1],
            }
        }
    }

    fn has_key(&self, entry: u32, key: &[u8]) -> bool {
        let start = (entry as usize - 1) * self.key_size;
        let kept = &self.keys.cells()[start..start + self.key_size];
        kept.iter().zip(key).all(|(kept, &byte)| kept.get() == byte)
    }

    /// Takes a free entry for `key` and puts it at `place`, the end of its list.
    fn insert(&self, place: &Cell<u32>, key: &[u8]) -> Option<u32> {
        let entry = self.free.get();
        let index = (entry as usize).checked_sub(1)?;
        self.free.set(self.links.cells()[index].replace(0));
        place.set(entry);
        let kept = &self.keys.cells()[index * self.key_size..][..self.key_size];
        kept.iter().zip(key).for_each(|(kept, &byte)| kept.set(byte));
        Some(entry)
    }
}

/// Mixes every bit of the key into the low bits: multiply and fold, eight bytes at a time.
fn hash(key: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut mixed = key.len() as u64;
    for chunk in key.chunks(8) {
        let word = chunk.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
        let product = u128::from(mixed ^ word) * u128::from(MULTIPLIER);
        mixed = (product >> 64) as u64 ^ product as u64;
    }
    mixed
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::vec::Vec;

    use super::*;
    use crate::maps::{Map, MapKind};
    use crate::object::MapAccess;
    use crate::profile::{ActiveProfile, PhysicalProfile};

    type Memory = <ActiveProfile as PhysicalProfile>::MemoryStrategy;

    fn map(key_size: u32, value_size: u32, max_entries: u32) -> Map<Memory> {
        let (kind, access) = (MapKind::Hash, MapAccess::ReadWrite);
        Map::new(&MapDef { kind, key_size, value_size, max_entries, access, ..MapDef::VACANT }).unwrap()
    }

    fn value(map: &Map<Memory>, key: &[u8]) -> Option<Vec<u8>> {
        let start = map.lookup(key)?;
        Some(map.values()[start..start + map.value_size()].iter().map(Cell::get).collect())
    }

    #[test]
    fn it_agrees_with_a_plain_model_over_random_operations() {
        let map = map(3, 5, 16);
        let mut model = HashMap::<[u8; 3], [u8; 5]>::new();
        let mut random = 0x1234_5678_9abc_def1_u64;
        for _ in 0..100_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let key = [(random % 6) as u8, (random >> 8) as u8 % 4, 7];
            let new: [u8; 5] = random.to_le_bytes()[..5].try_into().unwrap();
            let (known, full, flags) = (model.contains_key(&key), model.len() == 16, random >> 40 & 3);
            match random >> 20 & 3 {
                0 => {
                    let expected = if model.remove(&key).is_some() { 0 } else { -2 };
                    assert_eq!(map.delete(&key), expected);
                }
                1 => assert_eq!(value(&map, &key), model.get(&key).map(|value| value.to_vec())),
                _ => {
                    let expected = match flags {
                        3 => -22,
                        EXIST if !known => -2,
                        NOEXIST if known => -17,
                        _ if !known && full => -7,
                        _ => 0,
                    };
                    assert_eq!(map.update(&key, flags, |index| new[index]), expected);
                    if expected == 0 {
                        model.insert(key, new);
                    }
                }
            }
        }
        assert!(model.iter().all(|(key, expected)| value(&map, key).as_deref() == Some(&expected[..])));
    }

    #[test]
    fn a_full_table_takes_no_new_key_until_one_is_deleted() {
        let map = map(4, 8, 3);
        let key = |number: u32| number.to_le_bytes();
        assert!((0..3).all(|number| map.update(&key(number), 0, |_| number as u8) == 0));
        assert_eq!(map.update(&key(3), 0, |_| 3), -7);
        assert_eq!(map.update(&key(2), 0, |_| 9), 0);
        assert_eq!(map.delete(&key(0)), 0);
        assert_eq!(map.update(&key(3), 0, |_| 3), 0);
        assert_eq!((map.lookup(&key(0)), value(&map, &key(3))), (None, Some([3; 8].into())));
    }

    #[test]
    fn a_reset_table_is_empty_and_takes_as_many_as_a_new_one() {
        let map = map(4, 8, 3);
        assert_eq!(map.update(&[1; 4], 0, |_| 1), 0);
        map.reset(&MapDef { kind: MapKind::Hash, ..MapDef::VACANT });
        assert_eq!(map.lookup(&[1; 4]), None);
        assert!((0..3u32).all(|number| map.update(&number.to_le_bytes(), 0, |_| 0) == 0));
    }

    #[test]
    fn keys_of_another_size_are_refused() {
        let map = map(4, 8, 3);
        assert_eq!((map.lookup(&[0; 3]), map.update(&[0; 5], 0, |_| 0), map.delete(&[])), (None, -22, -22));
    }
}
