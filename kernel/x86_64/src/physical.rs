//! Reading physical memory that firmware filled. Unsafe because the direct map is a promise of the page tables.

use core::slice;

/// Where physical address 0 appears, before and after the kernel's own page tables are in force.
pub const DIRECT_MAP: u64 = 0xffff_8000_0000_0000;

/// Bytes at physical addresses.
pub trait Physical {
    /// `bytes` bytes from `address` on; `None` where they cannot be read.
    fn bytes(&self, address: u64, bytes: u64) -> Option<&[u8]>;

    /// The bytes of one `N`-byte field.
    fn field<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        self.bytes(address, N as u64)?.try_into().ok()
    }

    /// A little-endian 32-bit field.
    fn u32(&self, address: u64) -> Option<u32> {
        self.field(address).map(u32::from_le_bytes)
    }

    /// A little-endian 64-bit field.
    fn u64(&self, address: u64) -> Option<u64> {
        self.field(address).map(u64::from_le_bytes)
    }
}

/// The first 4 GiB of physical memory, as both doors map them until the kernel's own tables are in force.
#[derive(Debug)]
pub struct Firmware(());

impl Firmware {
    /// The end of what can be read.
    pub const END: u64 = 1 << 32;

    /// Reads through the direct map.
    ///
    /// # Safety
    ///
    /// 1. The first [`Self::END`] bytes of physical memory are mapped at [`DIRECT_MAP`] while this value lives.
    /// 2. Whatever is read through it is not written while a slice of it is held.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self(())
    }
}

impl Physical for Firmware {
    fn bytes(&self, address: u64, bytes: u64) -> Option<&[u8]> {
        let end = address.checked_add(bytes)?;
        if end > Self::END {
            return None;
        }
        let start = (DIRECT_MAP + address) as *const u8;
        // SAFETY: the range lies in the first 4 GiB, so it is mapped (duty 1) and constant (duty 2).
        Some(unsafe { slice::from_raw_parts(start, usize::try_from(bytes).ok()?) })
    }
}

#[cfg(test)]
impl Physical for [u8] {
    fn bytes(&self, address: u64, bytes: u64) -> Option<&[u8]> {
        let start = usize::try_from(address).ok()?;
        self.get(start..start.checked_add(usize::try_from(bytes).ok()?)?)
    }
}
