//! Hash tables of fixed capacity (`BPF_MAP_TYPE_HASH`): values at stable addresses, no memory taken while running.
//!
//! Entries are numbered from 1, so that zeroed memory is an empty table: each bucket is a list of entries
//! through their links, and so are the free entries. An entry that was deleted may be used again while a
//! program still holds the address of its value, as in Linux: it then sees the new value, never other memory.

use core::cell::Cell;

use super::flag::{EXIST, NOEXIST};
use super::{MapDef, errno};
use crate::memory::{Buffer, Reclaim};

/// A hash table.
pub(super) struct Hash<M: Reclaim> {
    /// First entry of each bucket; as many as a power of two.
    buckets: Buffer<u32, M>,
    /// The entry after each, in its bucket or among the free ones.
    links: Buffer<u32, M>,
    /// High bits of each entry's key's hash; 0 if it is free.
    tags: Buffer<u32, M>,
    /// Keys, padded with zeros to whole words.
    keys: Buffer<u64, M>,
    values: Buffer<u8, M>,
    key_size: usize,
    value_size: usize,
    stride: usize,
    free: Cell<u32>,
}

/// Where an entry is, or where it would be.
#[derive(Clone, Copy)]
pub(super) struct Place<'h> {
    /// What holds the entry's number: its bucket, or the link before it.
    cell: &'h Cell<u32>,
    tag: u32,
}

impl Place<'_> {
    /// The entry's number; 0 for none.
    pub(super) fn entry(self) -> u32 {
        self.cell.get()
    }
}

/// Bytes that [`Hash::new`] takes.
pub(super) fn bytes(def: &MapDef<'_>, value_size: u64) -> u64 {
    let entries = u64::from(def.max_entries);
    let an_entry = u64::from(def.key_size).next_multiple_of(8) + value_size.next_multiple_of(8) + 8;
    entries.saturating_mul(an_entry).saturating_add(entries.next_power_of_two() * 4)
}

impl<M: Reclaim> Hash<M> {
    pub(super) fn new(def: &MapDef<'_>, value_size: usize) -> Option<Self> {
        let (key_size, entries) = (def.key_size as usize, def.max_entries as usize);
        let stride = value_size.next_multiple_of(8);
        let table = Self {
            buckets: Buffer::zeroed(entries.checked_next_power_of_two()?)?,
            links: Buffer::zeroed(entries)?,
            tags: Buffer::zeroed(entries)?,
            keys: Buffer::zeroed(entries.checked_mul(key_size.div_ceil(8))?)?,
            values: Buffer::zeroed(entries.checked_mul(stride)?)?,
            key_size,
            value_size,
            stride,
            free: Cell::new(0),
        };
        table.reset();
        Some(table)
    }

    pub(super) fn reset(&self) {
        self.buckets.cells().iter().for_each(|bucket| bucket.set(0));
        self.tags.cells().iter().for_each(|tag| tag.set(0));
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

    pub(super) const fn capacity(&self) -> usize {
        self.links.cells().len()
    }

    pub(super) fn lookup(&self, key: &[u8]) -> Option<usize> {
        let entry = self.place(key)?.entry();
        (entry != 0).then(|| self.offset(entry))
    }

    pub(super) fn update(&self, key: &[u8], flags: u64, fill: impl FnOnce(&[Cell<u8>])) -> i64 {
        match self.admit(key, flags) {
            Ok((place, 0)) => match self.insert(place, key) {
                Some(entry) => fill(self.value(entry)),
                None => return errno::TOO_BIG,
            },
            Ok((_, entry)) => fill(self.value(entry)),
            Err(error) => return error,
        }
        0
    }

    /// The key's place and entry (0 for none), if the flags allow an update.
    pub(super) fn admit(&self, key: &[u8], flags: u64) -> Result<(Place<'_>, u32), i64> {
        let (Some(place), ..=EXIST) = (self.place(key), flags) else {
            return Err(errno::INVALID);
        };
        match (place.entry(), flags) {
            (0, EXIST) => Err(errno::NO_ENTRY),
            (1.., NOEXIST) => Err(errno::EXISTS),
            (entry, _) => Ok((place, entry)),
        }
    }

    pub(super) fn delete(&self, key: &[u8]) -> Result<u32, i64> {
        let place = self.place(key).ok_or(errno::INVALID)?;
        match place.entry() {
            0 => Err(errno::NO_ENTRY),
            entry => {
                self.remove(place);
                Ok(entry)
            }
        }
    }

    /// Frees the entry at `place`.
    pub(super) fn remove(&self, place: Place<'_>) {
        let entry = place.entry();
        let index = entry as usize - 1;
        let link = &self.links.cells()[index];
        self.tags.cells()[index].set(0);
        place.cell.set(link.get());
        link.set(self.free.replace(entry));
    }

    /// Where the number of `key`'s entry is kept: in its bucket or in the link before it. It holds 0, at the end
    /// of the list, if there is no such entry. `None` for a key of another size.
    #[inline]
    pub(super) fn place(&self, key: &[u8]) -> Option<Place<'_>> {
        if key.len() != self.key_size {
            return None;
        }
        let mixed = hash(words(key), key.len());
        let tag = (mixed >> 32) as u32 | 1;
        let buckets = self.buckets.cells();
        let mut cell = buckets.get(mixed as usize & (buckets.len() - 1))?;
        loop {
            let Some(index) = (cell.get() as usize).checked_sub(1) else {
                return Some(Place { cell, tag });
            };
            if self.tags.cells()[index].get() == tag && self.has_key(index, key) {
                return Some(Place { cell, tag });
            }
            cell = &self.links.cells()[index];
        }
    }

    #[inline]
    fn has_key(&self, index: usize, key: &[u8]) -> bool {
        self.key(index).iter().zip(words(key)).all(|(kept, word)| kept.get() == word)
    }

    fn key(&self, index: usize) -> &[Cell<u64>] {
        let len = self.key_size.div_ceil(8);
        &self.keys.cells()[index * len..][..len]
    }

    /// The key of entry `entry`, written to the front of `out`, if the entry is in use.
    pub(super) fn copy_key(&self, entry: u32, out: &mut [u8]) -> Option<usize> {
        let index = (entry as usize).checked_sub(1)?;
        if self.tags.cells().get(index)?.get() == 0 {
            return None;
        }
        let out = out.get_mut(..self.key_size)?;
        for (chunk, word) in out.chunks_mut(8).zip(self.key(index)) {
            chunk.copy_from_slice(&word.get().to_le_bytes()[..chunk.len()]);
        }
        Some(self.key_size)
    }

    /// Takes a free entry for `key` and puts it at `place`, the end of its list.
    pub(super) fn insert(&self, place: Place<'_>, key: &[u8]) -> Option<u32> {
        let entry = self.free.get();
        let index = (entry as usize).checked_sub(1)?;
        self.free.set(self.links.cells()[index].replace(0));
        self.tags.cells()[index].set(place.tag);
        place.cell.set(entry);
        self.key(index).iter().zip(words(key)).for_each(|(kept, word)| kept.set(word));
        Some(entry)
    }

    /// Where the value of entry `entry` begins.
    pub(super) const fn offset(&self, entry: u32) -> usize {
        (entry as usize - 1) * self.stride
    }

    pub(super) fn value(&self, entry: u32) -> &[Cell<u8>] {
        &self.values.cells()[self.offset(entry)..][..self.value_size]
    }
}

/// A key's bytes as words, the last one padded with zeros.
#[inline]
fn words(key: &[u8]) -> impl Iterator<Item = u64> + '_ {
    let (whole, rest) = key.as_chunks::<8>();
    let last = (!rest.is_empty()).then(|| match *rest {
        // The usual size of all.
        [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
        _ => rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    });
    whole.iter().map(|bytes| u64::from_le_bytes(*bytes)).chain(last)
}

/// Mixes every bit of the key into all others: multiply and fold, a word at a time.
#[inline]
pub(super) fn hash(words: impl Iterator<Item = u64>, seed: usize) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    words.fold(seed as u64 ^ 0x2545_f491_4f6c_dd1d, |mixed, word| {
        let product = u128::from(mixed ^ word) * u128::from(MULTIPLIER);
        (product >> 64) as u64 ^ product as u64
    })
}

/// Mixes a key of bytes with a seed, for those that need several hashes of one.
pub(super) fn hash_bytes(key: &[u8], seed: usize) -> u64 {
    hash(words(key), seed)
}
