//! What a map holds from the start, and walking over all that a map holds.

use core::cell::Cell;

use super::{Map, MapDef, MapKind, Storage};
use crate::memory::Reclaim;

/// Bytes of an initial reference in an object: see [`crate::object::MapSpec::initial`].
const SLOT: usize = 8;

impl<M: Reclaim> Map<M> {
    /// Puts the references in that the object gives.
    pub(super) fn fill(&self, def: &MapDef<'_>) {
        if !def.kind.holds_maps() && def.kind != MapKind::ProgArray {
            return;
        }
        let (slots, _) = def.initial.unwrap_or_default().as_chunks::<SLOT>();
        for (index, slot) in slots.iter().enumerate() {
            // As a relocation wrote it: one more than the number, in 32 bits.
            let [a, b, c, d, ..] = *slot;
            self.set_reference(index as u32, u32::from_le_bytes([a, b, c, d]));
        }
    }

    /// Makes value `index` of a map of maps refer to the map of handle `map`: a definition's
    /// [`MapDef::place`]. False if it has no such value.
    pub fn place(&self, index: u32, map: u32) -> bool {
        self.kind.holds_maps() && self.set_reference(index, map + 1)
    }

    /// `reference` is 0 for none, else one more than what is referred to.
    fn set_reference(&self, index: u32, reference: u32) -> bool {
        let write = |cells: &[Cell<u8>]| {
            cells.iter().zip(reference.to_le_bytes()).for_each(|(cell, byte)| cell.set(byte));
        };
        match &self.storage {
            _ if reference == 0 => true,
            Storage::Array(array) => array.update(&index.to_le_bytes(), 0, write) == 0,
            // libbpf numbers the keys of a hash, too.
            Storage::Hash(hash) => hash.update(&index.to_le_bytes(), 0, write) == 0,
            _ => false,
        }
    }

    fn read_reference(cells: &[Cell<u8>]) -> u32 {
        cells.iter().take(4).rev().fold(0, |number, byte| number << 8 | u32::from(byte.get()))
    }

    /// What the reference under `key` refers to: a map's handle or a program's first instruction.
    #[must_use]
    pub fn reference(&self, key: &[u8]) -> Option<u32> {
        let cells = match &self.storage {
            Storage::Array(array) => array.value(array.lookup(key)?),
            Storage::Hash(hash) => hash.value(Some(hash.place(key)?.entry()).filter(|&entry| entry != 0)?),
            _ => return None,
        };
        Self::read_reference(cells).checked_sub(1)
    }

    /// All that a map of maps or programs refers to.
    pub fn references(&self) -> impl Iterator<Item = u32> + '_ {
        let has_any = self.kind.holds_maps() || self.kind == MapKind::ProgArray;
        let count = if has_any { self.slots() } else { 0 };
        (0..count).filter_map(|slot| {
            let cells = match &self.storage {
                Storage::Array(array) => array.value(array.offset(slot)?),
                Storage::Hash(hash) => {
                    hash.copy_key(slot + 1, &mut [0; super::MAX_KEY])?;
                    hash.value(slot + 1)
                }
                _ => return None,
            };
            Self::read_reference(cells).checked_sub(1)
        })
    }

    /// How many places for entries there are, used or not: what [`Self::entry`] goes over.
    #[must_use]
    pub fn slots(&self) -> u32 {
        match &self.storage {
            Storage::Array(array) => array.entries() as u32,
            Storage::Hash(hash) => hash.capacity() as u32,
            Storage::Lru(lru) => lru.table().capacity() as u32,
            _ => 0,
        }
    }

    /// The entry in place `slot`: its key is written to the front of `key`; returns the key's length and the
    /// value's offset into [`Self::values`]. `None` if the place is free.
    pub fn entry(&self, slot: u32, key: &mut [u8]) -> Option<(usize, usize)> {
        match &self.storage {
            Storage::Array(array) => {
                key.get_mut(..4)?.copy_from_slice(&slot.to_le_bytes());
                Some((4, array.offset(slot)?))
            }
            Storage::Hash(hash) => Some((hash.copy_key(slot + 1, key)?, hash.offset(slot + 1))),
            Storage::Lru(lru) => Some((lru.table().copy_key(slot + 1, key)?, lru.table().offset(slot + 1))),
            _ => None,
        }
    }
}
