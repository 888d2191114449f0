//! What the kernel's crates need of an operating system to run on it, for tools and tests: memory for machine code.
//! Unsafe because it maps pages.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::{self, NonNull};

use kernel_bpf::jit::{CodeMemory, Features};

/// Code memory from `mmap` and `mprotect`.
#[derive(Debug)]
pub struct HostCodeMemory(());

static MEMORY: HostCodeMemory = HostCodeMemory(());

/// This machine's code memory; `None` if its processor is no x86-64.
#[must_use]
pub fn code_memory() -> Option<&'static dyn CodeMemory> {
    cfg!(target_arch = "x86_64").then_some(&MEMORY)
}

/// Memory for code that never runs: without system calls, to measure a compiler alone. Sealing it fails, so nothing in
/// it can be called.
#[must_use]
pub fn discarding_memory() -> &'static dyn CodeMemory {
    &DiscardingMemory
}

struct DiscardingMemory;

// SAFETY: 1. `map` returns a fresh block of the heap, aligned to a page, which is not executable. 2. `seal` never
// returns true. 3. `features` are a subset of what any x86-64 has; no code of it is executed anyway.
unsafe impl CodeMemory for DiscardingMemory {
    fn map(&self, bytes: usize) -> Option<NonNull<[u8]>> {
        let layout = Layout::from_size_align(bytes.max(1), 64).ok()?;
        // SAFETY: 1. The size is not 0.
        let block = unsafe { alloc_zeroed(layout) };
        NonNull::new(ptr::slice_from_raw_parts_mut(block, bytes.max(1))).filter(|_| !block.is_null())
    }

    unsafe fn seal(&self, _: NonNull<[u8]>) -> bool {
        false
    }

    unsafe fn unmap(&self, pages: NonNull<[u8]>) {
        if let Ok(layout) = Layout::from_size_align(pages.len(), 64) {
            // SAFETY: 1. `map` allocated it with this layout, and nobody uses it (the caller's duty).
            unsafe { dealloc(pages.cast().as_ptr(), layout) };
        }
    }

    fn features(&self) -> Features {
        MEMORY.features()
    }
}

fn page_bytes() -> usize {
    // SAFETY: 1. It only reads a setting.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).unwrap_or(4096)
}

// SAFETY: 1. `mmap` returns fresh pages, the first and the last of which stay without any access. 2. `mprotect` takes
// the right to write away, and an anonymous private mapping has one address. 3. `code_memory` hands the one value out
// on x86-64 only, and `features` asks the processor.
unsafe impl CodeMemory for HostCodeMemory {
    fn map(&self, bytes: usize) -> Option<NonNull<[u8]>> {
        let page = page_bytes();
        let inner = bytes.max(1).checked_next_multiple_of(page)?;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: 1. A new anonymous mapping touches no memory that exists.
        let base = unsafe { libc::mmap(ptr::null_mut(), inner + 2 * page, libc::PROT_NONE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return None;
        }
        let pages = base.cast::<u8>().wrapping_add(page);
        // SAFETY: 1. These pages are inside the mapping just made.
        if unsafe { libc::mprotect(pages.cast(), inner, libc::PROT_READ | libc::PROT_WRITE) } != 0 {
            // SAFETY: 1. The whole mapping just made, which nobody uses.
            unsafe { libc::munmap(base, inner + 2 * page) };
            return None;
        }
        NonNull::new(ptr::slice_from_raw_parts_mut(pages, inner))
    }

    unsafe fn seal(&self, pages: NonNull<[u8]>) -> bool {
        // SAFETY: 1. Pages of a mapping of `map` (the caller's duty), which nobody writes any more.
        unsafe { libc::mprotect(pages.cast().as_ptr(), pages.len(), libc::PROT_READ | libc::PROT_EXEC) == 0 }
    }

    unsafe fn unmap(&self, pages: NonNull<[u8]>) {
        let page = page_bytes();
        let base = pages.cast::<u8>().as_ptr().wrapping_sub(page);
        // SAFETY: 1. `map` made the mapping with a page on either side. 2. Nobody uses it (the caller's duty).
        unsafe { libc::munmap(base.cast(), pages.len() + 2 * page) };
    }

    #[cfg(target_arch = "x86_64")]
    fn features(&self) -> Features {
        Features { bmi2: is_x86_feature_detected!("bmi2"), movbe: is_x86_feature_detected!("movbe") }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn features(&self) -> Features {
        Features::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What may be done with the page of an address, as Linux tells: `rw-p`, `r-xp`.
    fn rights(address: usize) -> Option<String> {
        let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
        maps.lines().find_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (start, end) = range.split_once('-')?;
            let bound = |text| usize::from_str_radix(text, 16).ok();
            (bound(start)?..bound(end)?).contains(&address).then(|| rest.get(..4).unwrap_or_default().into())
        })
    }

    #[test]
    fn pages_are_writable_or_executable_and_have_guards() {
        let Some(memory) = code_memory() else { return };
        let pages = memory.map(100).unwrap();
        let start = pages.cast::<u8>().as_ptr().addr();
        assert_eq!(rights(start).as_deref(), Some("rw-p"));
        assert_eq!(rights(start - 1).as_deref(), Some("---p"));
        assert_eq!(rights(start + pages.len()).as_deref(), Some("---p"));
        // SAFETY: 1. `pages` was mapped above, and nobody writes to it.
        assert!(unsafe { memory.seal(pages) });
        assert_eq!(rights(start).as_deref(), Some("r-xp"));
        // SAFETY: 1. `pages` was mapped above, and nobody uses it.
        unsafe { memory.unmap(pages) };
    }
}
