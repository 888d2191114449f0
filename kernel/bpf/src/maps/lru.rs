//! Hash tables that forget (`BPF_MAP_TYPE_LRU_HASH`): when full, a new key takes the place of the one that was
//! not looked up or updated for the longest time. Exactly that one, where Linux approximates.

use core::cell::Cell;

use super::hash::Hash;
use super::{MAX_KEY, MapDef};
use crate::memory::{Buffer, Reclaim};

/// A hash table and a list of its entries by age. Entries are numbered from 1; 0 is the list's end.
pub(super) struct Lru<M: Reclaim> {
    table: Hash<M>,
    /// The entry that was used after each.
    newer: Buffer<u32, M>,
    /// The entry that was used before each.
    older: Buffer<u32, M>,
    newest: Cell<u32>,
    oldest: Cell<u32>,
}

impl<M: Reclaim> Lru<M> {
    pub(super) fn new(def: &MapDef<'_>) -> Option<Self> {
        let entries = def.max_entries as usize;
        Some(Self {
            table: Hash::new(def, def.value_size as usize)?,
            newer: Buffer::zeroed(entries)?,
            older: Buffer::zeroed(entries)?,
            newest: Cell::new(0),
            oldest: Cell::new(0),
        })
    }

    pub(super) fn reset(&self) {
        self.table.reset();
        self.newest.set(0);
        self.oldest.set(0);
    }

    pub(super) const fn table(&self) -> &Hash<M> {
        &self.table
    }

    pub(super) fn lookup(&self, key: &[u8]) -> Option<usize> {
        let entry = self.table.place(key)?.entry();
        if entry == 0 {
            return None;
        }
        self.touch(entry);
        Some(self.table.offset(entry))
    }

    pub(super) fn update(&self, key: &[u8], flags: u64, fill: impl FnOnce(&[Cell<u8>])) -> i64 {
        let (place, known) = match self.table.admit(key, flags) {
            Ok(found) => found,
            Err(error) => return error,
        };
        if known != 0 {
            self.touch(known);
            fill(self.table.value(known));
            return 0;
        }
        let taken = self.table.insert(place, key).or_else(|| {
            self.forget_oldest();
            // The list that `place` ends may have lost its last entry.
            self.table.insert(self.table.place(key)?, key)
        });
        let Some(entry) = taken else {
            return super::errno::TOO_BIG;
        };
        self.link(entry);
        fill(self.table.value(entry));
        0
    }

    pub(super) fn delete(&self, key: &[u8]) -> Result<u32, i64> {
        let entry = self.table.delete(key)?;
        self.unlink(entry);
        Ok(entry)
    }

    fn forget_oldest(&self) {
        let mut key = [0; MAX_KEY];
        let entry = self.oldest.get();
        if let Some(len) = self.table.copy_key(entry, &mut key)
            && self.table.delete(&key[..len]).is_ok()
        {
            self.unlink(entry);
        }
    }

    fn touch(&self, entry: u32) {
        if self.newest.get() != entry {
            self.unlink(entry);
            self.link(entry);
        }
    }

    /// The two neighbours' cells that point to an entry: the newer one's `older`, the older one's `newer`.
    fn pointers(&self, newer: u32, older: u32) -> (&Cell<u32>, &Cell<u32>) {
        let from_newer = if newer == 0 { &self.newest } else { &self.older.cells()[newer as usize - 1] };
        let from_older = if older == 0 { &self.oldest } else { &self.newer.cells()[older as usize - 1] };
        (from_newer, from_older)
    }

    fn unlink(&self, entry: u32) {
        let index = entry as usize - 1;
        let (newer, older) = (self.newer.cells()[index].get(), self.older.cells()[index].get());
        let (from_newer, from_older) = self.pointers(newer, older);
        from_newer.set(older);
        from_older.set(newer);
    }

    /// Puts an entry in front of all.
    fn link(&self, entry: u32) {
        let index = entry as usize - 1;
        let before = self.newest.replace(entry);
        self.newer.cells()[index].set(0);
        self.older.cells()[index].set(before);
        match (before as usize).checked_sub(1) {
            Some(before) => self.newer.cells()[before].set(entry),
            None => self.oldest.set(entry),
        }
    }
}
