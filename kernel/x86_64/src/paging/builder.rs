//! Building 4-level page tables in a slice of frames (Intel SDM vol. 3, section 5.5).

use core::fmt;

use x86_64::structures::paging::{PageTable, PageTableFlags as Flags};
use x86_64::{PhysAddr, VirtAddr};

use crate::ranges::{PAGE_BYTES, Range};

const LARGE_PAGE_BYTES: u64 = 2 << 20;

/// What a mapping is for. No kind is both writable and executable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Readable and executable.
    Code,
    /// Readable.
    Constants,
    /// Readable and writable.
    Writable,
    /// Readable and writable registers of a device, not cached.
    Device,
}

impl Access {
    pub(super) const fn flags(self) -> Flags {
        let present = Flags::PRESENT.union(Flags::GLOBAL);
        match self {
            Self::Code => present,
            Self::Constants => present.union(Flags::NO_EXECUTE),
            Self::Writable => present.union(Flags::NO_EXECUTE).union(Flags::WRITABLE),
            Self::Device => Self::Writable.flags().union(Flags::NO_CACHE).union(Flags::WRITE_THROUGH),
        }
    }
}

/// Why a mapping cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// An address or a size is not a multiple of a page.
    Misaligned(u64),
    /// The address is mapped already.
    Mapped(u64),
    /// The slice of frames is used up.
    OutOfTables,
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misaligned(address) => write!(f, "{address:#x} is not on a page"),
            Self::Mapped(address) => write!(f, "{address:#x} is mapped twice"),
            Self::OutOfTables => f.write_str("out of page tables"),
        }
    }
}

/// Tables in the making. The first frame of the slice is the root.
#[derive(Debug)]
pub struct Builder<'a> {
    tables: &'a mut [PageTable],
    /// Physical address of the first table.
    base: u64,
    used: usize,
}

impl<'a> Builder<'a> {
    /// An empty address space in `tables`, which lie at the physical address `base`.
    ///
    /// # Errors
    ///
    /// [`MapError::OutOfTables`] if the slice is empty, [`MapError::Misaligned`] if `base` is not on a page.
    pub fn new(tables: &'a mut [PageTable], base: u64) -> Result<Self, MapError> {
        if !base.is_multiple_of(PAGE_BYTES) {
            return Err(MapError::Misaligned(base));
        }
        let mut builder = Self { tables, base, used: 0 };
        builder.add_table()?;
        Ok(builder)
    }

    /// Maps `physical` at `virtual_start`, with large pages where both allow it.
    ///
    /// # Errors
    ///
    /// [`MapError`]; what came before the failing page stays mapped.
    pub fn map(&mut self, virtual_start: u64, physical: Range, access: Access) -> Result<(), MapError> {
        let unaligned = [virtual_start, physical.start(), physical.end()]
            .into_iter()
            .find(|address| !address.is_multiple_of(PAGE_BYTES));
        if let Some(address) = unaligned {
            return Err(MapError::Misaligned(address));
        }
        let mut done = 0;
        while done < physical.bytes() {
            let (to, from) = (virtual_start + done, physical.start() + done);
            done += self.map_page(to, from, physical.bytes() - done, access)?;
        }
        Ok(())
    }

    /// The physical address of the page table, empty so far, for the 2 MiB at `address`.
    ///
    /// # Errors
    ///
    /// [`MapError`]
    pub fn window(&mut self, address: u64) -> Result<u64, MapError> {
        if !address.is_multiple_of(LARGE_PAGE_BYTES) {
            return Err(MapError::Misaligned(address));
        }
        let virtual_address = VirtAddr::new(address);
        let directory = self.child(0, virtual_address.p4_index().into(), address)?;
        let directory = self.child(directory, virtual_address.p3_index().into(), address)?;
        let table = self.child(directory, virtual_address.p2_index().into(), address)?;
        Ok(self.base + table as u64 * PAGE_BYTES)
    }

    /// Maps one page of the largest size that fits into `room`, and says which size.
    fn map_page(&mut self, to: u64, from: u64, room: u64, access: Access) -> Result<u64, MapError> {
        let large = (to | from).is_multiple_of(LARGE_PAGE_BYTES) && room >= LARGE_PAGE_BYTES;
        let address = VirtAddr::new(to);
        let directory = self.child(0, address.p4_index().into(), to)?;
        let directory = self.child(directory, address.p3_index().into(), to)?;
        let (table, index, flags, bytes) = if large {
            let flags = access.flags() | Flags::HUGE_PAGE;
            (directory, address.p2_index(), flags, LARGE_PAGE_BYTES)
        } else {
            let table = self.child(directory, address.p2_index().into(), to)?;
            (table, address.p1_index(), access.flags(), PAGE_BYTES)
        };
        let entry = &mut self.tables[table][index];
        if !entry.is_unused() {
            return Err(MapError::Mapped(to));
        }
        entry.set_addr(PhysAddr::new(from), flags);
        Ok(bytes)
    }

    /// The table below entry `index` of `table`, made if there is none. `address` names it in errors.
    fn child(&mut self, table: usize, index: usize, address: u64) -> Result<usize, MapError> {
        let entry = &self.tables[table][index];
        if entry.flags().contains(Flags::HUGE_PAGE) {
            return Err(MapError::Mapped(address));
        }
        if !entry.is_unused() {
            // Every table comes from the slice, so the difference is an index into it.
            return Ok(((entry.addr().as_u64() - self.base) / PAGE_BYTES) as usize);
        }
        let child = self.add_table()?;
        let frame = PhysAddr::new(self.base + child as u64 * PAGE_BYTES);
        // Permissions stand in the leaves alone.
        self.tables[table][index].set_addr(frame, Flags::PRESENT | Flags::WRITABLE);
        Ok(child)
    }

    fn add_table(&mut self) -> Result<usize, MapError> {
        let index = self.used;
        self.tables.get_mut(index).ok_or(MapError::OutOfTables)?.zero();
        self.used += 1;
        Ok(index)
    }
}

/// An upper bound on the tables that mapping `range` once adds, the root not counted.
#[must_use]
pub const fn tables_needed(range: Range) -> u64 {
    // Both edges may need small pages; a range can straddle a boundary at each level.
    2 + (range.bytes() >> 30) + 2 + (range.bytes() >> 39) + 2
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::super::{executable_writable_pages, translate};
    use super::*;

    const BASE: u64 = 0x40_0000;
    const TO: u64 = 0xffff_8000_0000_0000;

    fn tables(count: usize) -> Vec<PageTable> {
        vec![PageTable::new(); count]
    }

    fn lookup<'t>(tables: &'t [PageTable]) -> impl Fn(u64) -> Option<&'t PageTable> {
        |address| tables.get((address.checked_sub(BASE)? / PAGE_BYTES) as usize)
    }

    #[test]
    fn every_page_of_a_ragged_range_leads_where_it_should() {
        let physical = Range::new(0x10_1000, 0x60_3000);
        let mut tables = tables(1 + tables_needed(physical) as usize);
        let to = TO + physical.start();
        Builder::new(&mut tables, BASE).unwrap().map(to, physical, Access::Writable).unwrap();
        for page in (physical.start()..physical.end()).step_by(4096) {
            assert_eq!(translate(BASE, TO + page + 5, lookup(&tables)), Some(page + 5));
        }
        for outside in [physical.start() - 1, physical.end(), 0] {
            assert_eq!(translate(BASE, TO + outside, lookup(&tables)), None);
        }
        assert_eq!(translate(BASE, 0, lookup(&tables)), None);
    }

    #[test]
    fn no_access_is_both_writable_and_executable() {
        for access in [Access::Code, Access::Constants, Access::Writable, Access::Device] {
            let mut tables = tables(8);
            let physical = Range::new(0x20_0000, 0x40_1000);
            Builder::new(&mut tables, BASE).unwrap().map(TO, physical, access).unwrap();
            assert_eq!(executable_writable_pages(BASE, &lookup(&tables)), 0, "{access:?}");
            assert!(access.flags().contains(Flags::NO_EXECUTE) || access == Access::Code);
        }
    }

    #[test]
    fn a_window_is_an_empty_table_of_its_own() {
        let mut tables = tables(8);
        let mut builder = Builder::new(&mut tables, BASE).unwrap();
        let window = builder.window(TO).unwrap();
        assert_eq!(builder.window(TO + 0x1000), Err(MapError::Misaligned(TO + 0x1000)));
        assert_eq!(translate(BASE, TO, lookup(&tables)), None);
        let table = lookup(&tables)(window).unwrap();
        assert!(table.iter().all(|entry| entry.is_unused()));
    }

    #[test]
    fn an_address_is_mapped_once() {
        let mut tables = tables(16);
        let mut builder = Builder::new(&mut tables, BASE).unwrap();
        builder.map(TO, Range::new(0, 0x20_0000), Access::Writable).unwrap();
        let page = Range::new(0x1000, 0x2000);
        assert_eq!(builder.map(TO + 0x1000, page, Access::Code), Err(MapError::Mapped(TO + 0x1000)));
        builder.map(TO + 0x20_0000, page, Access::Code).unwrap();
        let again = builder.map(TO + 0x20_0000, page, Access::Code);
        assert_eq!(again, Err(MapError::Mapped(TO + 0x20_0000)));
    }

    #[test]
    fn mistakes_are_errors_not_panics() {
        let mut few = tables(2);
        let mut builder = Builder::new(&mut few, BASE).unwrap();
        let page = Range::new(0x1000, 0x2000);
        assert_eq!(builder.map(TO, page, Access::Code), Err(MapError::OutOfTables));
        assert_eq!(builder.map(TO + 1, page, Access::Code), Err(MapError::Misaligned(TO + 1)));
        assert_eq!(Builder::new(&mut [], BASE).unwrap_err(), MapError::OutOfTables);
        assert_eq!(Builder::new(&mut few, 7).unwrap_err(), MapError::Misaligned(7));
    }

    #[test]
    fn the_bound_on_tables_holds_for_ranges_across_boundaries() {
        for start in [0x1000, 0x3fff_f000, 0x7f_ffff_f000] {
            for bytes in [0x1000, 0x2000, 0x20_0000, 0x4000_0000, 0xc000_1000] {
                let range = Range::sized(start, bytes).unwrap();
                let mut tables = tables(1 + tables_needed(range) as usize);
                let mut builder = Builder::new(&mut tables, BASE).unwrap();
                assert_eq!(builder.map(TO + start, range, Access::Writable), Ok(()), "{range:?}");
            }
        }
    }
}
