//! Time series (`BPF_MAP_TYPE_TIMESERIES`, 0x8001; not Linux's): a ring of timestamped samples of one number,
//! and what it was over the last while. What control programs ask for: the mean of the last second, its extremes.
//!
//! An update of key 0 adds its value, a signed 64-bit number, as a sample. A lookup gives a number over the
//! samples of the window, `map_extra` milliseconds back from now, or over all that are kept if that is 0: key 0
//! the newest, 1 the smallest, 2 the largest, 3 the mean (rounded towards zero), 4 how many there are. There is
//! nothing to look up while no sample lies in the window, but how many.

use core::cell::Cell;

use super::flag::EXIST;
use super::{MapDef, errno};
use crate::memory::{Buffer, Reclaim};

/// Numbers a series can be asked for.
const FIGURES: usize = 5;

pub(super) struct Series<M: Reclaim> {
    times: Buffer<u64, M>,
    samples: Buffer<u64, M>,
    /// What lookups found: a program holds the address.
    figures: Buffer<u8, M>,
    /// Nanoseconds; 0 for all.
    window: u64,
    /// Samples ever added.
    added: Cell<u64>,
}

/// Bytes that [`Series::new`] takes.
pub(super) fn bytes(def: &MapDef<'_>) -> u64 {
    u64::from(def.max_entries) * 16 + FIGURES as u64 * 8
}

/// What is known of some samples.
#[derive(Clone, Copy)]
struct Summary {
    smallest: i64,
    largest: i64,
    sum: i128,
    count: u64,
}

impl<M: Reclaim> Series<M> {
    pub(super) fn new(def: &MapDef<'_>) -> Option<Self> {
        let entries = def.max_entries as usize;
        let window = u64::from(def.extra) * 1_000_000;
        let (times, samples) = (Buffer::zeroed(entries)?, Buffer::zeroed(entries)?);
        Some(Self { times, samples, figures: Buffer::zeroed(FIGURES * 8)?, window, added: Cell::new(0) })
    }

    pub(super) fn reset(&self) {
        self.added.set(0);
    }

    pub(super) const fn values(&self) -> &[Cell<u8>] {
        self.figures.cells()
    }

    pub(super) fn add(&self, key: &[u8], flags: u64, now: u64, sample: i64) -> i64 {
        if key != [0; 4] || flags > EXIST {
            return errno::INVALID;
        }
        let place = self.place(self.added.get());
        self.times.cells()[place].set(now);
        self.samples.cells()[place].set(sample.cast_unsigned());
        self.added.set(self.added.get() + 1);
        0
    }

    fn place(&self, number: u64) -> usize {
        (number % self.times.cells().len() as u64) as usize
    }

    /// The kept samples of the window, newest first.
    fn recent(&self, now: u64) -> impl Iterator<Item = i64> {
        let kept = self.added.get().min(self.times.cells().len() as u64);
        let first = if self.window == 0 { 0 } else { now.saturating_sub(self.window) };
        let numbers = (self.added.get() - kept..self.added.get()).rev().map(|number| self.place(number));
        let recent = numbers.take_while(move |&place| self.times.cells()[place].get() >= first);
        recent.map(|place| self.samples.cells()[place].get().cast_signed())
    }

    pub(super) fn lookup(&self, key: &[u8], now: u64) -> Option<usize> {
        let figure = u32::from_le_bytes(key.try_into().ok()?) as usize;
        let start = Summary { smallest: i64::MAX, largest: i64::MIN, sum: 0, count: 0 };
        let all = self.recent(now).fold(start, |so_far, sample| Summary {
            smallest: so_far.smallest.min(sample),
            largest: so_far.largest.max(sample),
            sum: so_far.sum + i128::from(sample),
            count: so_far.count + 1,
        });
        let number = match figure {
            0 => self.recent(now).next()?,
            1 if all.count > 0 => all.smallest,
            2 if all.count > 0 => all.largest,
            3 if all.count > 0 => (all.sum / i128::from(all.count)) as i64,
            4 => all.count.cast_signed(),
            _ => return None,
        };
        let cells = &self.figures.cells()[figure * 8..][..8];
        cells.iter().zip(number.to_le_bytes()).for_each(|(cell, byte)| cell.set(byte));
        Some(figure * 8)
    }
}
