//! Memory for tests: it counts its blocks and fails when told to.

extern crate alloc;

use alloc::alloc::Layout;
use core::cell::Cell;
use core::ptr::NonNull;

use super::{MemoryStrategy, Reclaim, sealed::Sealed};

std::thread_local! {
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
    static LIVE: Cell<usize> = const { Cell::new(0) };
}

/// The allocations of this thread after the next `count` fail.
pub(crate) fn fail_after(count: usize) {
    LEFT.set(count);
}

/// Blocks of this thread that were not released.
pub(crate) fn live_blocks() -> usize {
    LIVE.get()
}

/// The strategy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted;

impl MemoryStrategy for Counted {
    const IS_STATIC: bool = false;
    const CAN_GROW: bool = false;
    const MAX_ALLOCATION: usize = 1 << 24;

    fn allocate(size: usize) -> Option<NonNull<u8>> {
        if size == 0 || size > Self::MAX_ALLOCATION || LEFT.get() == 0 {
            return None;
        }
        LEFT.set(LEFT.get() - 1);
        // SAFETY: 1. `size` is not 0.
        let block = NonNull::new(unsafe { alloc::alloc::alloc(Layout::from_size_align(size, 8).ok()?) })?;
        LIVE.set(LIVE.get() + 1);
        Some(block)
    }
}

impl Sealed for Counted {}

// SAFETY: 1. The global allocator returns blocks of the layout's size and alignment that overlap no other.
// 2. Sealed.
unsafe impl Reclaim for Counted {
    unsafe fn release(block: NonNull<u8>, size: usize) {
        if let Ok(layout) = Layout::from_size_align(size, 8) {
            LIVE.set(LIVE.get() - 1);
            // SAFETY: 1. The caller got `block` from `allocate(size)`, which used this layout. 2. It is
            // released once.
            unsafe { alloc::alloc::dealloc(block.as_ptr(), layout) };
        }
    }
}
