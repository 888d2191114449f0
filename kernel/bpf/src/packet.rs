//! The packet of a run, which programs may make longer and shorter at both ends.

use core::cell::Cell;

/// Bytes in front of a packet that it may grow into (Linux's `XDP_PACKET_HEADROOM`).
pub const HEADROOM: usize = 256;
/// Bytes behind a packet of the largest size that it may grow into.
pub const TAILROOM: usize = 256;
/// Most bytes a packet ever has.
pub const MOST_BYTES: usize = HEADROOM + crate::MAX_PACKET + TAILROOM;
/// Bytes of an Ethernet header: no packet is made shorter.
const ETHERNET_HEADER: u64 = 14;
/// Most bytes of metadata in front of a packet.
const MAX_METADATA: u64 = 255;

const INVALID: i64 = -22;
const ACCESS: i64 = -13;

/// Where the packet lies in its memory. The first three fields are what the context's pointer fields yield, at
/// fixed places for machine code.
#[derive(Debug)]
#[repr(C)]
pub struct Window<'a> {
    /// Address of the first byte.
    pub start: Cell<u64>,
    /// Address past the last byte.
    pub end: Cell<u64>,
    /// Address of the metadata, which ends where the packet starts.
    pub meta: Cell<u64>,
    memory: &'a [Cell<u8>],
}

impl<'a> Window<'a> {
    /// There is no packet.
    #[must_use]
    pub const fn none() -> Self {
        Self { start: Cell::new(0), end: Cell::new(0), meta: Cell::new(0), memory: &[] }
    }

    /// A packet of `len` bytes, [`HEADROOM`] bytes from the start of `memory`. It is cut to what fits.
    #[must_use]
    pub fn new(memory: &'a [Cell<u8>], len: usize) -> Self {
        let base = memory.as_ptr().expose_provenance() as u64;
        let first = HEADROOM.min(memory.len());
        let start = base + first as u64;
        let end = start + len.min(memory.len() - first) as u64;
        Self { start: Cell::new(start), end: Cell::new(end), meta: Cell::new(start), memory }
    }

    fn base(&self) -> u64 {
        self.memory.as_ptr().addr() as u64
    }

    /// Bytes of the packet.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.end.get() - self.start.get()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All memory the packet may grow into.
    #[must_use]
    pub const fn memory(&self) -> &'a [Cell<u8>] {
        self.memory
    }

    /// `len` bytes of the packet from `offset`, if it has them.
    #[must_use]
    pub fn bytes(&self, offset: u64, len: u64) -> Option<&'a [Cell<u8>]> {
        let end = offset.checked_add(len).filter(|&end| end <= self.len())?;
        let first = self.start.get() - self.base();
        self.memory.get((first + offset) as usize..(first + end) as usize)
    }

    /// `bpf_xdp_adjust_head`: moves the start by `delta` bytes, and the metadata with it.
    pub fn adjust_head(&self, delta: i32) -> i64 {
        let metadata = self.start.get() - self.meta.get();
        let start = self.start.get().wrapping_add_signed(delta.into());
        if start < self.base() + metadata || start + ETHERNET_HEADER > self.end.get() {
            return INVALID;
        }
        let (from, to) = (self.meta.get() - self.base(), start - metadata - self.base());
        self.move_bytes(from as usize, to as usize, metadata as usize);
        self.start.set(start);
        self.meta.set(start - metadata);
        0
    }

    fn move_bytes(&self, from: usize, to: usize, len: usize) {
        let copy = |index: usize| self.memory[to + index].set(self.memory[from + index].get());
        if to <= from { (0..len).for_each(copy) } else { (0..len).rev().for_each(copy) }
    }

    /// `bpf_xdp_adjust_tail`: moves the end by `delta` bytes; new ones are zeros.
    pub fn adjust_tail(&self, delta: i32) -> i64 {
        let end = self.end.get().wrapping_add_signed(delta.into());
        let limit = self.base() + self.memory.len() as u64;
        if end > limit || end < self.start.get() + ETHERNET_HEADER {
            return INVALID;
        }
        for place in self.end.get()..end {
            self.memory[(place - self.base()) as usize].set(0);
        }
        self.end.set(end);
        0
    }

    /// `bpf_xdp_adjust_meta`: moves the start of the metadata by `delta` bytes.
    pub fn adjust_meta(&self, delta: i32) -> i64 {
        let meta = self.meta.get().wrapping_add_signed(delta.into());
        if meta < self.base() || meta > self.start.get() {
            return INVALID;
        }
        let metadata = self.start.get() - meta;
        if !metadata.is_multiple_of(4) || metadata > MAX_METADATA {
            return ACCESS;
        }
        self.meta.set(meta);
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_grows_and_shrinks_at_both_ends_within_its_memory() {
        let mut memory = [1u8; HEADROOM + 64 + TAILROOM];
        let cells = Cell::from_mut(&mut memory[..]).as_slice_of_cells();
        let packet = Window::new(cells, 64);
        assert_eq!((packet.len(), packet.adjust_head(-4), packet.len()), (64, 0, 68));
        assert_eq!(
            (packet.adjust_head(-253), packet.adjust_head(i32::MIN), packet.len()),
            (INVALID, INVALID, 68)
        );
        assert_eq!((packet.adjust_head(-252), packet.adjust_head(306), packet.len()), (0, 0, 14));
        assert_eq!((packet.adjust_head(1), packet.adjust_tail(-1)), (INVALID, INVALID));
        assert_eq!(
            (packet.adjust_tail(TAILROOM as i32 + 1), packet.adjust_tail(TAILROOM as i32)),
            (INVALID, 0)
        );
        assert_eq!(packet.bytes(14, 2).unwrap()[1].get(), 0);
        assert!(packet.bytes(0, packet.len()).is_some() && packet.bytes(1, packet.len()).is_none());
        assert!(packet.bytes(u64::MAX, 2).is_none());
    }

    #[test]
    fn metadata_moves_with_the_start() {
        let mut memory = [0u8; HEADROOM + 64];
        let cells = Cell::from_mut(&mut memory[..]).as_slice_of_cells();
        let packet = Window::new(cells, 64);
        assert_eq!(
            (packet.adjust_meta(-3), packet.adjust_meta(4), packet.adjust_meta(-256)),
            (ACCESS, INVALID, ACCESS)
        );
        assert_eq!(packet.adjust_meta(-8), 0);
        cells[HEADROOM - 8].set(7);
        assert_eq!(packet.adjust_head(20), 0);
        assert_eq!((packet.start.get() - packet.meta.get(), cells[HEADROOM + 12].get()), (8, 7));
    }
}
