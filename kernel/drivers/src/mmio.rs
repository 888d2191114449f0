//! Device registers in the address space.
//!
//! Unsafe because an address is all there is to go by; the one unsafe constructor takes every duty.

use crate::registers::Registers;

/// A block of device registers at an address of its own.
#[derive(Debug)]
pub struct Mmio {
    base: usize,
    bytes: usize,
}

impl Mmio {
    /// The `bytes` bytes of registers at `base`, a multiple of 4.
    ///
    /// # Safety
    /// 1. All of them are mapped, as device memory or not cached, whenever the result is used.
    /// 2. They are registers, or memory that is used in no other way: no Rust object lies there, and no value
    ///    written there makes a device write to memory that Rust uses.
    #[must_use]
    pub const unsafe fn new(base: usize, bytes: usize) -> Self {
        assert!(base.is_multiple_of(4) && bytes.is_multiple_of(4));
        Self { base, bytes }
    }

    /// The address of the register at `offset`.
    fn register(&self, offset: usize) -> *mut u32 {
        assert!(offset < self.bytes && offset.is_multiple_of(4), "no register at {offset:#x}");
        core::ptr::with_exposed_provenance_mut(self.base + offset)
    }
}

impl Registers for Mmio {
    fn read(&self, offset: usize) -> u32 {
        // SAFETY: `register` stays inside the block and aligned; the rest are the duties of `new`.
        unsafe { self.register(offset).read_volatile() }
    }

    fn write(&self, offset: usize, value: u32) {
        // SAFETY: as above.
        unsafe { self.register(offset).write_volatile(value) }
    }
}
