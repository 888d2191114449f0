//! The tables in force. Unsafe because switching them changes what every address means.

use core::{fmt, slice};

use x86_64::PhysAddr;
use x86_64::registers::control::{Cr3, Cr3Flags};
use x86_64::structures::paging::{PageTable, PhysFrame};

use super::window::{CODE_WINDOW, CODE_WINDOW_BYTES, CodeWindow};
use super::{Access, Builder, Layout, MapError, executable_writable_pages, tables_needed, translate};
use crate::handover::{Handover, LOW_MEMORY_END};
use crate::physical::{DIRECT_MAP, Firmware};
use crate::ranges::{PAGE_BYTES, Range, Ranges};

/// Why the kernel's tables cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PagingError {
    /// A mapping was refused.
    Map(MapError),
    /// There is no free memory for the tables.
    NoRoom {
        /// What they need.
        bytes: u64,
    },
    /// The loader did not map this address of the image.
    ImageNotMapped(u64),
}

impl From<MapError> for PagingError {
    fn from(error: MapError) -> Self {
        Self::Map(error)
    }
}

impl fmt::Display for PagingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Map(error) => error.fmt(f),
            Self::NoRoom { bytes } => write!(f, "no {bytes} free bytes for page tables below 4 GiB"),
            Self::ImageNotMapped(address) => write!(f, "the loader left {address:#x} unmapped"),
        }
    }
}

/// Memory after the switch.
#[derive(Debug)]
pub struct Mapped {
    /// Free memory by physical address, mapped in the direct map: the page tables are taken out.
    pub free: Ranges,
    /// The initrd.
    pub initrd: &'static mut [u8],
    /// Where machine code may go, if there was room for it.
    pub code: Option<CodeWindow>,
}

/// Builds the kernel's own tables and switches to them. They map the image, the free memory, the initrd and
/// the pages of `devices`, and nothing else.
///
/// # Errors
///
/// [`PagingError`]; the old tables stay in force.
///
/// # Safety
///
/// 1. The loader's tables are in force and map the first 4 GiB at [`DIRECT_MAP`].
/// 2. Nobody uses the free memory or the initrd of `handover`, and this is called once.
/// 3. The caller runs on the boot stack and keeps nothing that only the loader maps.
pub unsafe fn switch(handover: &Handover, devices: impl Iterator<Item = u64>) -> Result<Mapped, PagingError> {
    let below_4_gib = Range::new(LOW_MEMORY_END, Firmware::END);
    let code = handover.memory.find(CODE_WINDOW_BYTES, below_4_gib);
    let mut memory = handover.memory.clone();
    code.into_iter().for_each(|frames| memory.subtract(frames));
    // SAFETY: duties 1 and 2.
    let (frames, table) = unsafe { build(&memory, handover.initrd, devices) }?;
    // SAFETY: `build` gave the window a table of its own, and its frames were taken out of what it maps.
    let code = code.map(|frames| unsafe { CodeWindow::new(frames, table) });
    let root = PhysFrame::containing_address(PhysAddr::new(frames.start()));
    // SAFETY: the new tables map the image, with this code and the boot stack, where it was (duty 3).
    unsafe { Cr3::write(root, Cr3Flags::empty()) };
    let mut free = memory;
    free.subtract(frames);
    // SAFETY: mapped by the new tables; nobody else has it (duty 2).
    let initrd = unsafe { slice_of(handover.initrd) };
    Ok(Mapped { free, initrd, code })
}

/// Builds the tables and returns their frames, the root first, and the physical address of the code window's table.
///
/// # Safety
///
/// Duties 1 and 2 of [`switch`].
unsafe fn build(
    free: &Ranges,
    initrd: Range,
    devices: impl Iterator<Item = u64>,
) -> Result<(Range, u64), PagingError> {
    let initrd_pages = initrd.pages_around();
    let memory = || free.iter().chain((!initrd_pages.is_empty()).then_some(initrd_pages));
    let layout = Layout::of_image();
    let frames = table_frames(free, memory(), &layout)?;
    // SAFETY: free (duty 2), below 4 GiB and so mapped (duty 1), page aligned; every bit pattern is a table.
    let tables = unsafe {
        let first = (DIRECT_MAP + frames.start()) as *mut PageTable;
        slice::from_raw_parts_mut(first, (frames.bytes() / PAGE_BYTES) as usize)
    };
    let mut builder = Builder::new(tables, frames.start())?;
    for range in memory() {
        builder.map(DIRECT_MAP + range.start(), range, Access::Writable)?;
    }
    for page in devices.filter(|&page| !memory().any(|range| range.contains(page_at(page)))) {
        builder.map(DIRECT_MAP + page, page_at(page), Access::Device)?;
    }
    map_image(&mut builder, &layout)?;
    Ok((frames, builder.window(CODE_WINDOW)?))
}

/// The root, three tables for each of at most five device pages, and three for the code window.
const EXTRA_TABLES: u64 = 19;

fn table_frames(
    free: &Ranges,
    memory: impl Iterator<Item = Range>,
    layout: &Layout,
) -> Result<Range, PagingError> {
    let image: u64 = layout.parts().map(|(part, _)| tables_needed(part)).sum();
    let bytes = (memory.map(tables_needed).sum::<u64>() + image + EXTRA_TABLES) * PAGE_BYTES;
    let window = Range::new(LOW_MEMORY_END, Firmware::END);
    free.find(bytes, window).ok_or(PagingError::NoRoom { bytes })
}

/// A disk loader scatters the image, so each page is looked up.
fn map_image(builder: &mut Builder<'_>, layout: &Layout) -> Result<(), PagingError> {
    for (part, access) in layout.parts() {
        for page in (part.start()..part.end()).step_by(PAGE_BYTES as usize) {
            let frame = physical_address(page).ok_or(PagingError::ImageNotMapped(page))?;
            builder.map(page, page_at(frame), access)?;
        }
    }
    Ok(())
}

/// 4 KiB pages that are both writable and executable in the tables in force.
#[must_use]
pub fn wx_pages() -> u64 {
    executable_writable_pages(root(), &table_at)
}

/// The physical address that the tables in force give for `address`.
#[must_use]
pub fn physical_address(address: u64) -> Option<u64> {
    translate(root(), address, table_at)
}

fn root() -> u64 {
    Cr3::read().0.start_address().as_u64()
}

fn page_at(address: u64) -> Range {
    Range::new(address, address.saturating_add(PAGE_BYTES))
}

/// The table at a physical address that CR3 or another table names.
fn table_at(address: u64) -> Option<&'static PageTable> {
    // SAFETY: the loader's tables lie below 4 GiB, which they map at the direct map; the kernel's lie in its
    // free memory, which it maps there. Only the code window's table changes while in force, between walks: there is
    // one core, and no walk goes on meanwhile.
    Some(unsafe { &*((DIRECT_MAP + address) as *const PageTable) })
}

/// # Safety
///
/// `range` is mapped in the direct map and nobody else uses it.
unsafe fn slice_of(range: Range) -> &'static mut [u8] {
    if range.is_empty() {
        return &mut [];
    }
    let start = (DIRECT_MAP + range.start()) as *mut u8;
    // SAFETY: the caller's duty.
    unsafe { slice::from_raw_parts_mut(start, range.bytes() as usize) }
}
