//! Longest-prefix-match tries (`BPF_MAP_TYPE_LPM_TRIE`): routing tables. A key is a length in bits and as many
//! bytes as the longest prefix has; a lookup finds the longest kept prefix of its key.
//!
//! A path-compressed binary trie of at most twice as many nodes as entries: every inner node that is no entry
//! has two children. Nodes are numbered from 1; 0 is none.

use core::cell::Cell;

use super::flag::{EXIST, NOEXIST};
use super::{MapDef, errno};
use crate::memory::{Buffer, Reclaim};

/// Bytes of the length in front of a key.
const LENGTH: usize = 4;

pub(super) struct Lpm<M: Reclaim> {
    /// Bits of each node's prefix; the next free node, of free ones.
    lengths: Buffer<u32, M>,
    /// Two children a node.
    children: Buffer<u32, M>,
    /// One more than the entry of a node's value; 0 for a node between.
    entries: Buffer<u32, M>,
    /// Each node's prefix.
    prefixes: Buffer<u8, M>,
    values: Buffer<u8, M>,
    /// Free values, as a list through this.
    free_values: Buffer<u32, M>,
    root: Cell<u32>,
    free_node: Cell<u32>,
    free_value: Cell<u32>,
    /// Bytes of a prefix.
    width: usize,
    value_size: usize,
    stride: usize,
}

/// Bytes that [`Lpm::new`] takes.
pub(super) fn bytes(def: &MapDef<'_>) -> u64 {
    let a_node = u64::from(def.key_size) - LENGTH as u64 + 16;
    let an_entry = u64::from(def.value_size).next_multiple_of(8) + 4 + 2 * a_node;
    u64::from(def.max_entries).saturating_mul(an_entry)
}

/// A key taken apart.
struct Key<'k> {
    bits: u32,
    prefix: &'k [u8],
}

impl<M: Reclaim> Lpm<M> {
    pub(super) fn new(def: &MapDef<'_>) -> Option<Self> {
        let (entries, value_size) = (def.max_entries as usize, def.value_size as usize);
        let (nodes, width) = (entries.checked_mul(2)?, def.key_size as usize - LENGTH);
        let stride = value_size.next_multiple_of(8);
        let trie = Self {
            lengths: Buffer::zeroed(nodes)?,
            children: Buffer::zeroed(nodes.checked_mul(2)?)?,
            entries: Buffer::zeroed(nodes)?,
            prefixes: Buffer::zeroed(nodes.checked_mul(width)?)?,
            values: Buffer::zeroed(entries.checked_mul(stride)?)?,
            free_values: Buffer::zeroed(entries)?,
            root: Cell::new(0),
            free_node: Cell::new(0),
            free_value: Cell::new(0),
            width,
            value_size,
            stride,
        };
        trie.reset();
        Some(trie)
    }

    pub(super) fn reset(&self) {
        self.root.set(0);
        for (list, first) in [(&self.lengths, &self.free_node), (&self.free_values, &self.free_value)] {
            let cells = list.cells();
            cells.iter().enumerate().for_each(|(index, next)| next.set(index as u32 + 2));
            if let Some(last) = cells.last() {
                last.set(0);
            }
            first.set(1);
        }
    }

    pub(super) const fn values(&self) -> &[Cell<u8>] {
        self.values.cells()
    }

    fn key<'k>(&self, key: &'k [u8]) -> Option<Key<'k>> {
        let (bits, prefix) = key.split_first_chunk::<LENGTH>()?;
        let bits = u32::from_le_bytes(*bits);
        (prefix.len() == self.width && bits as usize <= self.width * 8).then_some(Key { bits, prefix })
    }

    /// How many bits a node's prefix and a key have in common.
    fn common(&self, node: u32, key: &Key<'_>) -> u32 {
        let limit = self.bits(node).min(key.bits);
        let kept = &self.prefixes.cells()[(node as usize - 1) * self.width..][..self.width];
        let mut common = 0;
        for (kept, &byte) in kept.iter().zip(key.prefix) {
            let same = (kept.get() ^ byte).leading_zeros();
            common += same;
            if same < 8 || common >= limit {
                break;
            }
        }
        common.min(limit)
    }

    fn bits(&self, node: u32) -> u32 {
        self.lengths.cells()[node as usize - 1].get()
    }

    fn entry(&self, node: u32) -> &Cell<u32> {
        &self.entries.cells()[node as usize - 1]
    }

    fn child(&self, node: u32, side: usize) -> &Cell<u32> {
        &self.children.cells()[(node as usize - 1) * 2 + side]
    }

    pub(super) fn lookup(&self, key: &[u8]) -> Option<usize> {
        let key = self.key(key)?;
        let (mut node, mut found) = (self.root.get(), 0);
        while node != 0 {
            let (common, bits) = (self.common(node, &key), self.bits(node));
            if common < bits {
                break;
            }
            if self.entry(node).get() != 0 {
                found = self.entry(node).get();
            }
            if bits == key.bits {
                break;
            }
            node = self.child(node, bit(key.prefix, bits)).get();
        }
        (found != 0).then(|| (found as usize - 1) * self.stride)
    }

    /// Where a node with exactly this key is or would be: what points there, and how many bits agree.
    fn place(&self, key: &Key<'_>) -> (&Cell<u32>, u32) {
        let mut cell = &self.root;
        loop {
            let node = cell.get();
            if node == 0 {
                return (cell, 0);
            }
            let (common, bits) = (self.common(node, key), self.bits(node));
            if common < bits || bits == key.bits {
                return (cell, common);
            }
            cell = self.child(node, bit(key.prefix, bits));
        }
    }

    pub(super) fn update(&self, key: &[u8], flags: u64, fill: impl FnOnce(&[Cell<u8>])) -> i64 {
        let (Some(key), ..=EXIST) = (self.key(key), flags) else {
            return errno::INVALID;
        };
        let (cell, common) = self.place(&key);
        let node = cell.get();
        let is_there = node != 0 && common == key.bits && self.bits(node) == key.bits;
        let known = if is_there { self.entry(node).get() } else { 0 };
        let entry = match (known, flags) {
            (0, EXIST) => return errno::NO_ENTRY,
            (1.., NOEXIST) => return errno::EXISTS,
            (0, _) => match self.take_value() {
                Some(entry) => entry,
                None => return errno::NO_SPACE,
            },
            (entry, _) => entry,
        };
        if known == 0 {
            self.add(cell, common, is_there, &key, entry);
        }
        fill(&self.values.cells()[(entry as usize - 1) * self.stride..][..self.value_size]);
        0
    }

    /// Gives the key a node with `entry` at `cell`, whose node shares `common` bits with it.
    fn add(&self, cell: &Cell<u32>, common: u32, is_there: bool, key: &Key<'_>, entry: u32) {
        let node = cell.get();
        if is_there {
            return self.entry(node).set(entry);
        }
        // Of twice as many nodes as entries two are free while an entry is.
        let new = self.take_node(key, key.bits, entry);
        if node == 0 {
            return cell.set(new);
        }
        let own_side = |at: u32| {
            let prefix = &self.prefixes.cells()[(node as usize - 1) * self.width..][..self.width];
            usize::from(prefix[at as usize / 8].get() >> (7 - at % 8) & 1)
        };
        if common == key.bits {
            // The new node lies above.
            self.child(new, own_side(key.bits)).set(node);
            return cell.set(new);
        }
        let between = self.take_node(key, common, 0);
        self.child(between, own_side(common)).set(node);
        self.child(between, bit(key.prefix, common)).set(new);
        cell.set(between);
    }

    pub(super) fn delete(&self, key: &[u8]) -> i64 {
        let Some(key) = self.key(key) else {
            return errno::INVALID;
        };
        let (cell, common) = self.place(&key);
        let node = cell.get();
        if node == 0 || common != key.bits || self.bits(node) != key.bits || self.entry(node).get() == 0 {
            return errno::NO_ENTRY;
        }
        let value = self.entry(node).replace(0);
        self.free_values.cells()[value as usize - 1].set(self.free_value.replace(value));
        self.collapse(cell);
        self.collapse_above(&key);
        0
    }

    /// Removes the node at `cell` if it is no entry and has at most one child.
    fn collapse(&self, cell: &Cell<u32>) {
        let node = cell.get();
        if node == 0 || self.entry(node).get() != 0 {
            return;
        }
        let only = match (self.child(node, 0).get(), self.child(node, 1).get()) {
            (0, child) | (child, 0) => child,
            _ => return,
        };
        cell.set(only);
        self.lengths.cells()[node as usize - 1].set(self.free_node.replace(node));
    }

    /// A node between that lost a child may be one too many.
    fn collapse_above(&self, key: &Key<'_>) {
        let mut cell = &self.root;
        while cell.get() != 0 {
            self.collapse(cell);
            let node = cell.get();
            if node == 0 || self.bits(node) >= key.bits || self.common(node, key) < self.bits(node) {
                return;
            }
            cell = self.child(node, bit(key.prefix, self.bits(node)));
        }
    }

    fn take_value(&self) -> Option<u32> {
        let value = self.free_value.get();
        let index = (value as usize).checked_sub(1)?;
        self.free_value.set(self.free_values.cells()[index].get());
        Some(value)
    }

    fn take_node(&self, key: &Key<'_>, bits: u32, entry: u32) -> u32 {
        let node = self.free_node.get();
        let index = node as usize - 1;
        self.free_node.set(self.lengths.cells()[index].replace(bits));
        self.entries.cells()[index].set(entry);
        (0..2).for_each(|side| self.child(node, side).set(0));
        let kept = &self.prefixes.cells()[index * self.width..][..self.width];
        kept.iter().zip(key.prefix).for_each(|(kept, &byte)| kept.set(byte));
        node
    }
}

/// Bit `at` of a prefix, the highest of the first byte being 0.
fn bit(prefix: &[u8], at: u32) -> usize {
    prefix.get(at as usize / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1))
}
