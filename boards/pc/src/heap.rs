//! The heap: all free memory, as a few `linked_list_allocator` heaps, one a range of the memory map. Memory is
//! touched when it is handed out, not before. Unsafe because it makes memory out of addresses.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};

use kernel_x86_64::physical::DIRECT_MAP;
use kernel_x86_64::ranges::Ranges;
use linked_list_allocator::Heap;
use spin::Mutex;

/// Ranges in use, the largest ones. A PC splits its memory at 2 or 3 GiB and around firmware: two or three.
const HEAPS: usize = 8;
/// A range below this is not worth a heap.
const MIN_HEAP_BYTES: u64 = 64 << 10;

/// The heap of the image.
#[global_allocator]
pub(crate) static HEAP: KernelHeap = KernelHeap(Mutex::new(Heaps::new()));

/// Heaps behind a lock, which interrupts never take.
pub(crate) struct KernelHeap(Mutex<Heaps>);

struct Heaps {
    heaps: [Heap; HEAPS],
    used: usize,
    high: usize,
}

impl KernelHeap {
    /// Gives the heap its memory.
    ///
    /// # Safety
    ///
    /// 1. The ranges are physical memory, mapped writable in the direct map for good, that nobody else uses.
    /// 2. Called once.
    pub(crate) unsafe fn fill(&self, mut free: Ranges) {
        for heap in &mut self.0.lock().heaps {
            let Some(range) = free.take_largest().filter(|range| range.bytes() >= MIN_HEAP_BYTES) else {
                return;
            };
            // SAFETY: duty 1; each heap is empty and initialised once (duty 2).
            unsafe { heap.init((DIRECT_MAP + range.start()) as *mut u8, range.bytes() as usize) };
        }
    }

    /// Most bytes ever in use.
    pub(crate) fn high_water_bytes(&self) -> u64 {
        self.0.lock().high as u64
    }
}

impl Heaps {
    const fn new() -> Self {
        Self { heaps: [const { Heap::empty() }; HEAPS], used: 0, high: 0 }
    }

    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let pointer = self.heaps.iter_mut().find_map(|heap| heap.allocate_first_fit(layout).ok())?;
        self.used += layout.size();
        self.high = self.high.max(self.used);
        Some(pointer)
    }

    /// # Safety
    ///
    /// `pointer` came from `allocate` with the same layout.
    unsafe fn release(&mut self, pointer: NonNull<u8>, layout: Layout) {
        let owner = |heap: &&mut Heap| (heap.bottom()..heap.top()).contains(&pointer.as_ptr());
        if let Some(heap) = self.heaps.iter_mut().find(owner) {
            self.used -= layout.size();
            // SAFETY: this heap gave it out: heaps are disjoint, and only this one has the address.
            unsafe { heap.deallocate(pointer, layout) };
        }
    }
}

// SAFETY: blocks come from disjoint heaps that own their memory, and the lock keeps each operation whole.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.lock().allocate(layout).map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if let Some(pointer) = NonNull::new(pointer) {
            // SAFETY: the caller's duty by the trait.
            unsafe { self.0.lock().release(pointer, layout) };
        }
    }
}
