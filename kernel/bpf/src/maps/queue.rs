//! Queues and stacks (`BPF_MAP_TYPE_QUEUE`, `BPF_MAP_TYPE_STACK`): values without keys.

use core::cell::Cell;

use super::flag::{EXIST, NOEXIST};
use super::{MapDef, MapKind, errno};
use crate::memory::{Buffer, Reclaim};

/// Which value comes out next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    OldestFirst,
    NewestFirst,
}

pub(super) struct Queue<M: Reclaim> {
    values: Buffer<u8, M>,
    order: Order,
    value_size: usize,
    capacity: usize,
    /// Place of the oldest value.
    first: Cell<usize>,
    len: Cell<usize>,
}

impl<M: Reclaim> Queue<M> {
    pub(super) fn new(def: &MapDef<'_>) -> Option<Self> {
        let (capacity, value_size) = (def.max_entries as usize, def.value_size as usize);
        let order = if def.kind == MapKind::Stack { Order::NewestFirst } else { Order::OldestFirst };
        let values = Buffer::zeroed(capacity.checked_mul(value_size)?)?;
        Some(Self { values, order, value_size, capacity, first: Cell::new(0), len: Cell::new(0) })
    }

    pub(super) fn reset(&self) {
        self.first.set(0);
        self.len.set(0);
    }

    fn value(&self, position: usize) -> &[Cell<u8>] {
        let place = (self.first.get() + position) % self.capacity;
        &self.values.cells()[place * self.value_size..][..self.value_size]
    }

    /// Adds a value. With `BPF_EXIST` a full one loses its oldest value for it.
    pub(super) fn push(&self, flags: u64, fill: impl FnOnce(&[Cell<u8>])) -> i64 {
        match flags {
            0 | EXIST => {}
            NOEXIST.. => return errno::INVALID,
        }
        if self.len.get() == self.capacity {
            if flags != EXIST {
                return errno::TOO_BIG;
            }
            self.first.set((self.first.get() + 1) % self.capacity);
            self.len.set(self.len.get() - 1);
        }
        fill(self.value(self.len.get()));
        self.len.set(self.len.get() + 1);
        0
    }

    /// Shows the next value; `-ENOENT` if there is none.
    pub(super) fn peek(&self, show: impl FnOnce(&[Cell<u8>])) -> i64 {
        let Some(last) = self.len.get().checked_sub(1) else {
            return errno::NO_ENTRY;
        };
        show(self.value(if self.order == Order::OldestFirst { 0 } else { last }));
        0
    }

    /// Shows the next value and removes it.
    pub(super) fn pop(&self, show: impl FnOnce(&[Cell<u8>])) -> i64 {
        let result = self.peek(show);
        if result == 0 {
            self.len.set(self.len.get() - 1);
            if self.order == Order::OldestFirst {
                self.first.set((self.first.get() + 1) % self.capacity);
            }
        }
        result
    }
}
