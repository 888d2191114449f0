//! Ownership of a block of strategy memory.

use core::cell::Cell;
use core::marker::PhantomData;
use core::ptr::NonNull;

use super::Reclaim;

/// Numbers that a buffer can hold.
///
/// # Implementation safety
/// 1. Every bit pattern is a value, zeros among them. 2. The alignment is at most 8.
pub unsafe trait Plain: Copy {}

// SAFETY: 1. and 2. An integer.
unsafe impl Plain for u8 {}
// SAFETY: 1. and 2. An integer.
unsafe impl Plain for u32 {}
// SAFETY: 1. and 2. An integer.
unsafe impl Plain for u64 {}

/// An owned block of zeroed numbers at a stable address, aligned to 8; freed when dropped.
///
/// They are cells: a program, a map operation and a report may hold the block at the same time on one core, so
/// nobody ever holds `&mut [T]` to it.
pub struct Buffer<T: Plain, M: Reclaim> {
    base: NonNull<u8>,
    len: usize,
    strategy: PhantomData<(T, M)>,
}

impl<T: Plain, M: Reclaim> Buffer<T, M> {
    /// A block of nothing, which takes no memory.
    #[must_use]
    pub const fn empty() -> Self {
        Self { base: NonNull::<u64>::dangling().cast(), len: 0, strategy: PhantomData }
    }

    /// A block of `len` zeros; `None` if the strategy has no room for it.
    #[must_use]
    pub fn zeroed(len: usize) -> Option<Self> {
        if len == 0 {
            return Some(Self::empty());
        }
        let bytes = len.checked_mul(size_of::<T>())?;
        let base = M::allocate(bytes)?;
        // SAFETY: 1. `Reclaim` promises `bytes` writable bytes at `base`, which nobody else has.
        unsafe { base.write_bytes(0, bytes) };
        Some(Self { base, len, strategy: PhantomData })
    }

    /// The numbers.
    #[must_use]
    pub const fn cells(&self) -> &[Cell<T>] {
        // SAFETY: 1. `base` is aligned and valid for `len` numbers while `self` lives (`Reclaim`, `Plain`), or
        // dangling with len 0. 2. They were zeroed, and zeros are a value (`Plain`). 3. `Cell<T>` has the layout
        // of `T` and permits shared writes; a `Buffer` is not `Sync`, so they stay on one core.
        unsafe { core::slice::from_raw_parts(self.base.cast::<Cell<T>>().as_ptr(), self.len) }
    }
}

impl<T: Plain, M: Reclaim> Drop for Buffer<T, M> {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: 1. `base` came from `M::allocate` of as many bytes in `zeroed`, where the product did not
            // overflow. 2. `self` was its one owner, and borrows of `cells` ended before the drop.
            unsafe { M::release(self.base, self.len * size_of::<T>()) };
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
        let buffer = Buffer::<u8, Memory>::zeroed(100).unwrap();
        assert_eq!(buffer.cells().len(), 100);
        assert!(buffer.cells().iter().all(|cell| cell.get() == 0));
        assert_eq!(buffer.cells().as_ptr().addr() % 8, 0);
    }

    #[test]
    fn buffers_do_not_overlap() {
        let (one, two) =
            (Buffer::<u8, Memory>::zeroed(64).unwrap(), Buffer::<u8, Memory>::zeroed(64).unwrap());
        one.cells().iter().for_each(|cell| cell.set(1));
        assert!(two.cells().iter().all(|cell| cell.get() == 0));
    }

    #[test]
    fn a_block_above_the_maximum_is_refused() {
        use crate::memory::MemoryStrategy;
        assert!(Buffer::<u8, Memory>::zeroed(Memory::MAX_ALLOCATION + 1).is_none());
        assert!(Buffer::<u8, Memory>::zeroed(0).is_some());
    }
}
