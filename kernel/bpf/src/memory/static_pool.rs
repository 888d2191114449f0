//! The static pool of the embedded profile: 64 KiB, handed out by a bump of its watermark.
//!
//! Maps are taken while loading and stay; stacks and contexts are taken and given back last in, first out,
//! as runs nest. A block given back out of that order is reclaimed when everything above it is gone or,
//! at the latest, when the pool is empty.

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::{MemoryStrategy, Reclaim, sealed::Sealed};

/// Size of the pool in bytes.
const POOL_BYTES: usize = 64 * 1024;
const ALIGNMENT: usize = 8;

/// Memory from the static pool.
#[derive(Clone, Copy, Debug)]
pub struct StaticMemory;

impl MemoryStrategy for StaticMemory {
    const IS_STATIC: bool = true;
    const CAN_GROW: bool = false;
    const MAX_ALLOCATION: usize = 64 * 1024; // 64 KB total pool

    fn allocate(size: usize) -> Option<NonNull<u8>> {
        // Uses static pool with bump allocator
        StaticPool::allocate(size)
    }
}

impl Sealed for StaticMemory {}

// SAFETY: 1. `StaticPool::allocate` hands out disjoint aligned ranges of one static. 2. `memory::sealed`
// names this type.
unsafe impl Reclaim for StaticMemory {
    unsafe fn release(block: NonNull<u8>, size: usize) {
        StaticPool::release(block, size);
    }
}

/// How much of the pool is in use, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUse {
    /// Now.
    pub used: usize,
    /// At most so far.
    pub high: usize,
    /// In all.
    pub total: usize,
}

/// The pool: one static for the whole image.
#[derive(Debug)]
pub struct StaticPool;

#[repr(align(4096))]
struct Bytes(UnsafeCell<[u8; POOL_BYTES]>);

// SAFETY: 1. The bytes are reached only through blocks from `StaticPool::allocate`, which are disjoint; each
// has one owner.
unsafe impl Sync for Bytes {}

static BYTES: Bytes = Bytes(UnsafeCell::new([0; POOL_BYTES]));
/// Watermark in the low half, live blocks in the high half: one word, so one atomic step changes both.
static STATE: AtomicU64 = AtomicU64::new(0);
static HIGH: AtomicUsize = AtomicUsize::new(0);

const ONE_BLOCK: u64 = 1 << 32;

const fn watermark(state: u64) -> usize {
    (state & 0xffff_ffff) as usize
}

const fn rounded(size: usize) -> usize {
    size.next_multiple_of(ALIGNMENT)
}

impl StaticPool {
    /// A block of `size` bytes aligned to 8; `None` if `size` is 0 or does not fit.
    #[must_use]
    pub fn allocate(size: usize) -> Option<NonNull<u8>> {
        if size == 0 || size > POOL_BYTES {
            return None;
        }
        let taken = STATE.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
            (watermark(state) + rounded(size) <= POOL_BYTES).then(|| state + ONE_BLOCK + rounded(size) as u64)
        });
        let start = watermark(taken.ok()?);
        HIGH.fetch_max(start + rounded(size), Ordering::Relaxed);
        let base = NonNull::new(BYTES.0.get().cast::<u8>())?;
        // SAFETY: 1. `start + size` is at most POOL_BYTES, so the result lies in `BYTES`.
        Some(unsafe { base.add(start) })
    }

    /// Use of the pool.
    #[must_use]
    pub fn usage() -> PoolUse {
        PoolUse {
            used: watermark(STATE.load(Ordering::Acquire)),
            high: HIGH.load(Ordering::Relaxed),
            total: POOL_BYTES,
        }
    }

    fn release(block: NonNull<u8>, size: usize) {
        let start = block.as_ptr().addr() - BYTES.0.get().addr();
        // The closure always returns `Some`, so the update cannot fail.
        let _ = STATE.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
            Some(match state - ONE_BLOCK {
                rest if rest < ONE_BLOCK => 0,
                rest if watermark(rest) == start + rounded(size) => rest - rounded(size) as u64,
                rest => rest,
            })
        });
    }
}
