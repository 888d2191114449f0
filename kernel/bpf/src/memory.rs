//! Where programs' memory comes from: a heap (cloud) or a fixed pool (embedded).
//!
//! [`MemoryStrategy`] is what a profile names; [`Buffer`] is how memory of a strategy is owned.

mod buffer;
#[cfg(test)]
mod counted;
#[cfg(feature = "cloud-profile")]
mod elastic;
#[cfg(feature = "embedded-profile")]
mod static_pool;

use core::ptr::NonNull;

pub use buffer::Buffer;
#[cfg(test)]
pub(crate) use counted::{Counted, fail_after, live_blocks};
#[cfg(feature = "cloud-profile")]
pub use elastic::ElasticMemory;
#[cfg(feature = "cloud-profile")]
pub(crate) use elastic::Vec;
#[cfg(feature = "embedded-profile")]
pub use static_pool::{PoolUse, StaticMemory, StaticPool};

/// A source of memory for maps, stacks and contexts.
pub trait MemoryStrategy {
    /// All of it is set aside when the image is built.
    const IS_STATIC: bool;
    /// It may grow while the image runs.
    const CAN_GROW: bool;
    /// The largest block, in bytes.
    const MAX_ALLOCATION: usize;

    /// A block of `size` bytes, aligned to 8, not initialised. `None` if there is no room or `size` is 0.
    fn allocate(size: usize) -> Option<NonNull<u8>>;
}

/// A strategy whose blocks [`Buffer`] can own.
///
/// # Implementation safety
/// 1. `allocate` returns blocks of at least `size` bytes, aligned to 8, that may be read and written until
///    they are released and that overlap no other live block.
/// 2. The trait is sealed: only the strategies of this module implement it.
pub unsafe trait Reclaim: MemoryStrategy + sealed::Sealed + 'static {
    /// Gives a block back.
    ///
    /// # Safety
    /// 1. `block` came from `allocate(size)` of the same strategy, with this `size`.
    /// 2. It was not released before and nothing refers to it any more.
    unsafe fn release(block: NonNull<u8>, size: usize);
}

mod sealed {
    pub trait Sealed {}
}
