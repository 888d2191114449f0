//! Register blocks that a test plays the device for.

use core::cell::RefCell;
use std::boxed::Box;
use std::vec::Vec;

use crate::registers::Registers;

/// What a device answers to a read: given everything written so far, the value at an offset.
type Answer = Box<dyn Fn(&[(usize, u32)], usize) -> u32>;

/// A register block that notes what is written and answers reads by a function.
pub(crate) struct Fake {
    writes: RefCell<Vec<(usize, u32)>>,
    answer: Answer,
}

impl Fake {
    /// A device that answers by `answer`.
    pub(crate) fn answering(answer: impl Fn(&[(usize, u32)], usize) -> u32 + 'static) -> Self {
        Self { writes: RefCell::new(Vec::new()), answer: Box::new(answer) }
    }

    /// Plain memory: a register reads as it was last written, at first 0.
    pub(crate) fn memory() -> Self {
        Self::answering(last)
    }

    /// All writes so far, as offset and value, in order.
    pub(crate) fn writes(&self) -> Vec<(usize, u32)> {
        self.writes.borrow().clone()
    }

    /// What was written to one register, in order.
    pub(crate) fn writes_to(&self, offset: usize) -> Vec<u32> {
        self.writes().into_iter().filter(|write| write.0 == offset).map(|write| write.1).collect()
    }
}

/// What a register that is plain memory reads as.
pub(crate) fn last(writes: &[(usize, u32)], offset: usize) -> u32 {
    writes.iter().rev().find(|write| write.0 == offset).map_or(0, |write| write.1)
}

impl Registers for &Fake {
    fn read(&self, offset: usize) -> u32 {
        (self.answer)(&self.writes.borrow(), offset)
    }

    fn write(&self, offset: usize, value: u32) {
        self.writes.borrow_mut().push((offset, value));
    }
}
