//! Ownership of a block of strategy memory.

use core::cell::Cell;
use core::marker::PhantomData;
use core::ptr::NonNull;

use super::Reclaim;

/// An owned block of zeroed bytes at a stable address, aligned to 8; freed when dropped.
///
/// Its bytes are cells: a program, a map operation and a report may hold the block at the same time on one
/// core, so nobody ever holds `&mut [u8]` to it.
pub struct Buffer<M: Reclaim> {
    base: NonNull<u8>,
    len: usize,
    strategy: PhantomData<M>,
}

impl<M: Reclaim> Buffer<M> {
    /// A block of no bytes, which takes no memory.
    #[must_use]
    pub const fn empty() -> Self {
        Self { base: NonNull::<u64>::dangling().cast(), len: 0, strategy: PhantomData }
    }

    /// A block of `len` zero bytes; `None` if the strategy has no room for it.
    #[must_use]
    pub fn zeroed(len: usize) -> Option<Self> {
        if len == 0 {
            return Some(Self::empty());
        }
        let base = M::allocate(len)?;
        // SAFETY: 1. `Reclaim` promises `len` writable bytes at `base`, which nobody else has.
        unsafe { base.write_bytes(0, len) };
        Some(Self { base, len, strategy: PhantomData })
    }

    /// The bytes.
    #[must_use]
    pub fn cells(&self) -> &[Cell<u8>] {
        // SAFETY: 1. `base` is valid for `len` bytes while `self` lives (`Reclaim`), or dangling with len 0.
        // 2. They were zeroed, so they are initialised. 3. `Cell<u8>` has the layout of `u8` and permits
        // shared writes; a `Buffer` is not `Sync`, so they stay on one core.
        unsafe { core::slice::from_raw_parts(self.base.cast::<Cell<u8>>().as_ptr(), self.len) }
    }
}

impl<M: Reclaim> Drop for Buffer<M> {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: 1. `base` came from `M::allocate(len)` in `zeroed`. 2. `self` was its one owner, and
            // borrows of `cells` ended before the drop.
            unsafe { M::release(self.base, self.len) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{ActiveProfile, PhysicalProfile};

    type Memory = <ActiveProfile as PhysicalProfile>::MemoryStrategy;

    #[test]
    fn a_buffer_starts_as_zeros_at_an_aligned_address() {
        let buffer = Buffer::<Memory>::zeroed(100).unwrap();
        assert_eq!(buffer.cells().len(), 100);
        assert!(buffer.cells().iter().all(|cell| cell.get() == 0));
        assert_eq!(buffer.cells().as_ptr().addr() % 8, 0);
    }

    #[test]
    fn buffers_do_not_overlap() {
        let (one, two) = (Buffer::<Memory>::zeroed(64).unwrap(), Buffer::<Memory>::zeroed(64).unwrap());
        one.cells().iter().for_each(|cell| cell.set(1));
        assert!(two.cells().iter().all(|cell| cell.get() == 0));
    }

    #[test]
    fn a_block_above_the_maximum_is_refused() {
        use crate::memory::MemoryStrategy;
        assert!(Buffer::<Memory>::zeroed(Memory::MAX_ALLOCATION + 1).is_none());
        assert!(Buffer::<Memory>::zeroed(0).is_some());
    }
}
