//! Bloom filters (`BPF_MAP_TYPE_BLOOM_FILTER`): whether a value was pushed; "no" is certain, "yes" is not.

use core::cell::Cell;

use super::hash::hash_bytes;
use super::{MapDef, errno};
use crate::memory::{Buffer, Reclaim};

/// Hash functions, where `map_extra` names none (Linux's default).
const DEFAULT_HASHES: u32 = 5;
/// `map_extra` has four bits for them.
const MAX_HASHES: u32 = 15;

pub(super) struct Bloom<M: Reclaim> {
    /// As many bits as a power of two.
    words: Buffer<u64, M>,
    hashes: usize,
}

/// Words of the bit set: entries times functions times 7/5, as Linux has it, rounded up to a power of two.
pub(super) fn words(def: &MapDef<'_>) -> u64 {
    let bits = u64::from(def.max_entries) * u64::from(hashes(def)) * 7 / 5;
    bits.next_power_of_two().max(64) / 64
}

fn hashes(def: &MapDef<'_>) -> u32 {
    if def.extra & MAX_HASHES == 0 { DEFAULT_HASHES } else { def.extra & MAX_HASHES }
}

impl<M: Reclaim> Bloom<M> {
    pub(super) fn new(def: &MapDef<'_>) -> Option<Self> {
        let words = Buffer::zeroed(usize::try_from(words(def)).ok()?)?;
        Some(Self { words, hashes: hashes(def) as usize })
    }

    pub(super) fn reset(&self) {
        self.words.cells().iter().for_each(|word| word.set(0));
    }

    fn bits<'b>(&'b self, value: &'b [u8]) -> impl Iterator<Item = (&'b Cell<u64>, u64)> {
        let cells = self.words.cells();
        (0..self.hashes).map(move |seed| {
            let bit = hash_bytes(value, seed) as usize & (cells.len() * 64 - 1);
            (&cells[bit / 64], 1 << (bit % 64))
        })
    }

    pub(super) fn push(&self, flags: u64, value: &[u8]) -> i64 {
        if flags != 0 {
            return errno::INVALID;
        }
        self.bits(value).for_each(|(word, bit)| word.set(word.get() | bit));
        0
    }

    pub(super) fn peek(&self, value: &[u8]) -> i64 {
        if self.bits(value).all(|(word, bit)| word.get() & bit != 0) { 0 } else { errno::NO_ENTRY }
    }
}
