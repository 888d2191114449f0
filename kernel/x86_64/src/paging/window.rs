//! A window for machine code: 2 MiB of addresses whose pages are empty until they are taken, then writable, then
//! executable, never both, and which no other address leads to. Unsafe because it changes tables in force.

use core::ptr::NonNull;

use spin::Mutex;
use x86_64::PhysAddr;
use x86_64::VirtAddr;
use x86_64::instructions::tlb;
use x86_64::structures::paging::{PageTable, PageTableFlags as Flags};

use super::Access;
use super::pages::Pages;
use crate::physical::DIRECT_MAP;
use crate::ranges::{PAGE_BYTES, Range};

/// Where the window is: in the top 2 GiB, so that calls of the kernel reach it, far above the image.
pub const CODE_WINDOW: u64 = 0xffff_ffff_c000_0000;
/// How long: what one page table maps.
pub const CODE_WINDOW_BYTES: u64 = 512 * PAGE_BYTES;

/// The window, its frames and its page table.
#[derive(Debug)]
pub struct CodeWindow {
    frames: Range,
    /// Physical address of the table.
    table: u64,
    pages: Mutex<Pages>,
}

impl CodeWindow {
    /// A window over `frames`, whose page table lies at the physical address `table`.
    ///
    /// # Safety
    ///
    /// 1. The tables in force, or about to be, lead from [`CODE_WINDOW`] to `table`, which is empty, in the direct map
    ///    and changed by nobody else.
    /// 2. `frames` are [`CODE_WINDOW_BYTES`] of memory that nobody uses and nothing else maps.
    pub(super) unsafe fn new(frames: Range, table: u64) -> Self {
        Self { frames, table, pages: Mutex::new(Pages::new()) }
    }

    /// Pages for `bytes` bytes, writable, not executable, an empty page on either side. They may hold old code.
    pub fn map(&self, bytes: usize) -> Option<NonNull<[u8]>> {
        let count = (bytes.max(1) as u64).div_ceil(PAGE_BYTES) as usize;
        let first = self.pages.lock().take(count)?;
        self.set(first, count, Access::Writable.flags());
        let start = (CODE_WINDOW + first as u64 * PAGE_BYTES) as *mut u8;
        NonNull::new(core::ptr::slice_from_raw_parts_mut(start, count * PAGE_BYTES as usize))
    }

    /// Makes pages from [`Self::map`] executable and read-only.
    ///
    /// # Safety
    ///
    /// They were not given back, and nobody writes to them any more.
    pub unsafe fn seal(&self, pages: NonNull<[u8]>) {
        let (first, count) = Self::indices(pages);
        self.set(first, count, Access::Code.flags());
    }

    /// Takes pages from [`Self::map`] back.
    ///
    /// # Safety
    ///
    /// They were not given back, and nobody uses them any more.
    pub unsafe fn unmap(&self, pages: NonNull<[u8]>) {
        let (first, count) = Self::indices(pages);
        self.set(first, count, Flags::empty());
        self.pages.lock().give_back(first, count);
    }

    fn indices(pages: NonNull<[u8]>) -> (usize, usize) {
        let start = pages.cast::<u8>().as_ptr() as u64;
        (((start - CODE_WINDOW) / PAGE_BYTES) as usize, pages.len() / PAGE_BYTES as usize)
    }

    /// Changes the entries of pages that the caller owns; empty flags take them out.
    fn set(&self, first: usize, count: usize, flags: Flags) {
        // SAFETY: the table is in the direct map and this window's alone (`new`); the lock on the pages is held or
        // the pages are one owner's, and there is one core, so no other reference to the table lives.
        let table = unsafe { &mut *((DIRECT_MAP + self.table) as *mut PageTable) };
        for index in first..first + count {
            let entry = &mut table[index];
            if flags.is_empty() {
                entry.set_unused();
            } else {
                entry.set_addr(PhysAddr::new(self.frames.start() + index as u64 * PAGE_BYTES), flags);
            }
            tlb::flush(VirtAddr::new(CODE_WINDOW + index as u64 * PAGE_BYTES));
        }
    }
}
