//! Heap memory for the cloud profile. The one file that names `alloc`.

extern crate alloc;

use alloc::alloc::Layout;
use core::ptr::NonNull;

use super::{MemoryStrategy, Reclaim, sealed::Sealed};

/// Memory for compiling, which ends before the first run.
pub(crate) use alloc::vec::Vec;

/// Memory from the image's heap.
#[derive(Clone, Copy, Debug)]
pub struct ElasticMemory;

const ALIGNMENT: usize = 8;

impl MemoryStrategy for ElasticMemory {
    const IS_STATIC: bool = false;
    const CAN_GROW: bool = true;
    const MAX_ALLOCATION: usize = 16 * 1024 * 1024; // 16 MB

    fn allocate(size: usize) -> Option<NonNull<u8>> {
        if size == 0 || size > Self::MAX_ALLOCATION {
            return None;
        }
        let layout = Layout::from_size_align(size, ALIGNMENT).ok()?;
        // SAFETY: 1. `size` is not 0.
        NonNull::new(unsafe { alloc::alloc::alloc(layout) })
    }
}

impl Sealed for ElasticMemory {}

// SAFETY: 1. The global allocator returns blocks of the layout's size and alignment that overlap no other.
// 2. Sealed.
unsafe impl Reclaim for ElasticMemory {
    unsafe fn release(block: NonNull<u8>, size: usize) {
        if let Ok(layout) = Layout::from_size_align(size, ALIGNMENT) {
            // SAFETY: 1. The caller got `block` from `allocate(size)`, which used this layout. 2. It is
            // released once.
            unsafe { alloc::alloc::dealloc(block.as_ptr(), layout) };
        }
    }
}
