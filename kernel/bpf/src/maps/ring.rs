//! Ring buffers (`BPF_MAP_TYPE_RINGBUF`), and what a perf event array's events go through: records for whoever
//! reads the report, in the order they were reserved.
//!
//! Each record has a header of 8 bytes in front: its length, and whether it is still being written or was
//! discarded. Linux maps the memory twice so that a record may run over the end; here the rest of the ring is
//! skipped with a discarded record instead. Positions only grow; a place is a position modulo the size.

use core::cell::Cell;

use super::{MapDef, MapKind, errno};
use crate::memory::{Buffer, Reclaim};

/// Bytes in front of a record.
const HEADER: usize = 8;
/// The record is being written (`BPF_RINGBUF_BUSY_BIT`).
const BUSY: u32 = 1 << 31;
/// Nobody wants the record (`BPF_RINGBUF_DISCARD_BIT`).
const DISCARDED: u32 = 1 << 30;
/// Bytes of a perf event array's ring: its definition does not say.
const EVENT_BYTES: u64 = 4096;

pub(super) struct Ring<M: Reclaim> {
    bytes: Buffer<u8, M>,
    /// Where the next record goes.
    produced: Cell<u64>,
    /// Where the first record nobody has read begins.
    consumed: Cell<u64>,
}

/// What becomes of a reserved record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is to be read.
    Submit,
    /// It is not.
    Discard,
}

/// Bytes of the ring: `max_entries` rounded up to a power of two.
pub(super) fn bytes(def: &MapDef<'_>) -> u64 {
    match def.kind {
        MapKind::PerfEventArray => EVENT_BYTES,
        _ => u64::from(def.max_entries).next_power_of_two().max(64),
    }
}

impl<M: Reclaim> Ring<M> {
    pub(super) fn new(def: &MapDef<'_>) -> Option<Self> {
        let bytes = Buffer::zeroed(usize::try_from(bytes(def)).ok()?)?;
        Some(Self { bytes, produced: Cell::new(0), consumed: Cell::new(0) })
    }

    pub(super) fn reset(&self) {
        self.produced.set(0);
        self.consumed.set(0);
    }

    pub(super) const fn bytes(&self) -> &[Cell<u8>] {
        self.bytes.cells()
    }

    fn place(&self, position: u64) -> usize {
        (position % self.bytes.cells().len() as u64) as usize
    }

    fn header(&self, place: usize) -> u32 {
        let bytes = &self.bytes.cells()[place..place + 4];
        bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(byte.get()))
    }

    fn set_header(&self, place: usize, header: u32) {
        let cells = &self.bytes.cells()[place..place + 4];
        cells.iter().zip(header.to_le_bytes()).for_each(|(cell, byte)| cell.set(byte));
    }

    /// Room for a record of `size` bytes, as an offset into [`Self::bytes`]; `None` if there is none now.
    pub(super) fn reserve(&self, size: u64) -> Option<usize> {
        let capacity = self.bytes.cells().len() as u64;
        let needed = size.checked_add(HEADER as u64)?.checked_next_multiple_of(8)?;
        if needed > capacity || size >= u64::from(DISCARDED) {
            return None;
        }
        let place = self.place(self.produced.get());
        let to_end = capacity - place as u64;
        let skipped = if needed > to_end { to_end } else { 0 };
        let end = self.produced.get() + skipped + needed;
        if end - self.consumed.get() > capacity {
            return None;
        }
        if skipped > 0 {
            self.set_header(place, DISCARDED | (skipped as u32 - HEADER as u32));
        }
        let start = self.place(self.produced.get() + skipped);
        self.set_header(start, BUSY | size as u32);
        self.produced.set(end);
        Some(start + HEADER)
    }

    /// Ends the writing of the record at `offset`; false if none is being written there.
    pub(super) fn finish(&self, offset: usize, fate: Fate) -> bool {
        let Some(place) = offset.checked_sub(HEADER).filter(|place| place.is_multiple_of(8)) else {
            return false;
        };
        if offset > self.bytes.cells().len() || self.header(place) & BUSY == 0 {
            return false;
        }
        let length = self.header(place) & !BUSY;
        self.set_header(place, if fate == Fate::Discard { length | DISCARDED } else { length });
        true
    }

    /// Reserves, fills and submits a record.
    pub(super) fn output(&self, size: u64, fill: impl FnOnce(&[Cell<u8>])) -> i64 {
        let Some(start) = self.reserve(size) else {
            return errno::TRY_AGAIN;
        };
        fill(&self.bytes.cells()[start..start + size as usize]);
        self.finish(start, Fate::Submit);
        0
    }

    /// `bpf_ringbuf_query`.
    pub(super) fn query(&self, what: u64) -> u64 {
        match what {
            0 => self.produced.get() - self.consumed.get(),
            1 => self.bytes.cells().len() as u64,
            2 => self.consumed.get(),
            3 => self.produced.get(),
            _ => 0,
        }
    }

    /// Reads the records that are finished, oldest first, up to one that is not.
    pub(super) fn consume(&self, mut read: impl FnMut(&[Cell<u8>])) {
        while self.consumed.get() < self.produced.get() {
            let place = self.place(self.consumed.get());
            let header = self.header(place);
            if header & BUSY != 0 {
                return;
            }
            let length = (header & !DISCARDED) as usize;
            // A header is ours alone, but it lies where programs write.
            let record = self.bytes.cells().get(place + HEADER..).and_then(|rest| rest.get(..length));
            let Some(record) = record else { return };
            if header & DISCARDED == 0 {
                read(record);
            }
            self.consumed.set(self.consumed.get() + (length + HEADER).next_multiple_of(8) as u64);
        }
    }
}
