//! Translation tables of stage 1 with a 4 KiB granule (Arm ARM D8.3): building and counting.
//!
//! The map is an identity map of the first 2 GiB. The first 4 MiB, where the image lies, are mapped page by
//! page; everything behind them in blocks of 2 MiB. The tables have a fixed shape, so no memory is taken to
//! build them, and nothing here touches the processor.

use core::ops::Range;

/// One table of 512 descriptors.
pub type Table = [u64; 512];

/// Bytes a page maps.
pub const PAGE_BYTES: u64 = 4096;
/// Bytes a block maps.
pub const BLOCK_BYTES: u64 = 512 * PAGE_BYTES;
const LEVEL_1_BYTES: u64 = 512 * BLOCK_BYTES;
/// What is mapped page by page.
pub const PAGED_BYTES: u64 = 2 * BLOCK_BYTES;
/// What can be mapped at all.
pub const MAPPABLE_BYTES: u64 = 2 * LEVEL_1_BYTES;

/// Where each table lies in [`Tables`]: level 1, two of level 2, two of level 3.
const LEVEL_1: usize = 0;
const LEVEL_2: usize = 1;
const LEVEL_3: usize = 3;
/// How many tables the map needs.
pub const TABLE_COUNT: usize = 5;

/// The tables of one map, in one piece.
#[repr(C, align(4096))]
pub struct Tables(pub [Table; TABLE_COUNT]);

const VALID: u64 = 1 << 0;
const TABLE_OR_PAGE: u64 = 1 << 1;
const READ_ONLY: u64 = 1 << 7;
const INNER_SHAREABLE: u64 = 0b11 << 8;
const ACCESSED: u64 = 1 << 10;
const PRIVILEGED_EXECUTE_NEVER: u64 = 1 << 53;
const EXECUTE_NEVER: u64 = 1 << 54;
const ADDRESS: u64 = 0x0000_ffff_ffff_f000;

/// What may be done with a piece of memory, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Instructions: fetch and read, cached.
    Code,
    /// Constants: read, cached.
    Constant,
    /// Variables: read and write, cached.
    Variable,
    /// Memory that a device reads and writes too: read and write, not cached.
    Shared,
    /// Device registers: read and write, each access as the program makes it.
    Device,
}

/// `MAIR_EL1` for the attribute indices used here (Arm ARM D17.2.97): 0 is Device-nGnRnE, 1 normal
/// write-back read- and write-allocate, 2 normal non-cacheable.
pub const MEMORY_ATTRIBUTES: u64 = 0x44_ff_00;

impl Access {
    /// The attribute bits of a page or block descriptor.
    const fn bits(self) -> u64 {
        let never = PRIVILEGED_EXECUTE_NEVER | EXECUTE_NEVER;
        let cached = 1 << 2 | INNER_SHAREABLE;
        let uncached = 2 << 2;
        ACCESSED
            | match self {
                // Never executable at EL0, where nothing of ours runs.
                Self::Code => cached | READ_ONLY | EXECUTE_NEVER,
                Self::Constant => cached | READ_ONLY | never,
                Self::Variable => cached | never,
                Self::Shared => uncached | never,
                Self::Device => never,
            }
    }
}

/// A piece of memory and what may be done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Physical addresses, which are the virtual ones too. Multiples of [`PAGE_BYTES`]; behind
    /// [`PAGED_BYTES`] of [`BLOCK_BYTES`].
    pub addresses: Range<u64>,
    /// What may be done with it.
    pub access: Access,
}

impl Tables {
    /// Tables that map nothing.
    pub const EMPTY: Self = Self([[0; 512]; TABLE_COUNT]);

    /// Fills the tables, which lie at physical address `base`, with `regions`; everything else is unmapped.
    ///
    /// # Panics
    /// If a region is not whole pages or blocks, or lies beyond [`MAPPABLE_BYTES`]: the regions are part of
    /// the program.
    pub fn fill(&mut self, base: u64, regions: &[Region]) {
        let table_at = |index: usize| (base + index as u64 * PAGE_BYTES) | TABLE_OR_PAGE | VALID;
        self.0.iter_mut().for_each(|table| table.fill(0));
        for gigabyte in 0..2 {
            self.0[LEVEL_1][gigabyte] = table_at(LEVEL_2 + gigabyte);
        }
        for block in 0..2 {
            self.0[LEVEL_2][block] = table_at(LEVEL_3 + block);
        }
        for region in regions {
            self.map(region);
        }
    }

    fn map(&mut self, region: &Region) {
        let Range { start, end } = region.addresses;
        assert!(end <= MAPPABLE_BYTES);
        let mut address = start;
        while address < end {
            address += self.map_one(address, end, region.access.bits());
        }
    }

    /// Maps one page or block at `address` and says how many bytes that were.
    fn map_one(&mut self, address: u64, end: u64, attributes: u64) -> u64 {
        let paged = address < PAGED_BYTES;
        let (bytes, kind) = if paged { (PAGE_BYTES, TABLE_OR_PAGE) } else { (BLOCK_BYTES, 0) };
        assert!(address.is_multiple_of(bytes) && end - address >= bytes);
        let index = (address / bytes) as usize;
        let first = if paged { LEVEL_3 } else { LEVEL_2 };
        self.0[first + index / 512][index % 512] = address | attributes | kind | VALID;
        bytes
    }
}

/// How much of a live map is what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapSummary {
    /// Pages that can be both written and executed at EL1, blocks counted as the pages they hold.
    pub writable_executable_pages: u64,
    /// Mapped pages at virtual address 0: 0 or 1.
    pub null_pages: u64,
    /// All mapped pages.
    pub pages: u64,
}

/// Walks the tables from the level 1 table at `root`. `read` gives the descriptor at a physical address.
///
/// It believes nothing about how the tables were built: it follows every valid descriptor of the 512 GiB a
/// level 1 table can span as the processor does, permission bits of table descriptors included.
pub fn summarize(root: u64, read: &impl Fn(u64) -> u64) -> MapSummary {
    let mut summary = MapSummary::default();
    // With T0SZ = 32 the processor uses the first four entries of level 1.
    for index in 0..4 {
        visit(read(root + index * 8), index * LEVEL_1_BYTES, LEVEL_1_BYTES, read, &mut summary);
    }
    summary
}

fn visit(descriptor: u64, address: u64, bytes: u64, read: &impl Fn(u64) -> u64, summary: &mut MapSummary) {
    if descriptor & VALID == 0 {
        return;
    }
    if bytes > PAGE_BYTES && descriptor & TABLE_OR_PAGE != 0 {
        for index in 0..512 {
            let next = read((descriptor & ADDRESS) + index * 8);
            visit(next, address + index * (bytes / 512), bytes / 512, read, summary);
        }
        return;
    }
    let pages = bytes / PAGE_BYTES;
    summary.pages += pages;
    summary.null_pages += u64::from(address == 0);
    if descriptor & (READ_ONLY | PRIVILEGED_EXECUTE_NEVER) == 0 {
        summary.writable_executable_pages += pages;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::boxed::Box;

    const BASE: u64 = 0x10_0000;

    fn built(regions: &[Region]) -> Box<Tables> {
        let mut tables = Box::new(Tables::EMPTY);
        tables.fill(BASE, regions);
        tables
    }

    fn region(addresses: Range<u64>, access: Access) -> Region {
        Region { addresses, access }
    }

    fn read(tables: &Tables) -> impl Fn(u64) -> u64 {
        |address| {
            let index = ((address - BASE) / 8) as usize;
            tables.0[index / 512][index % 512]
        }
    }

    /// The descriptor that translates `address`, as the processor finds it.
    fn translate(tables: &Tables, address: u64) -> u64 {
        let at = read(tables);
        let mut descriptor = at(BASE + address / LEVEL_1_BYTES * 8);
        for bytes in [BLOCK_BYTES, PAGE_BYTES] {
            if descriptor & 0b11 != 0b11 {
                break;
            }
            descriptor = at((descriptor & ADDRESS) + address / bytes % 512 * 8);
        }
        descriptor
    }

    #[test]
    fn the_map_is_an_identity_map_and_nothing_else_is_mapped() {
        let tables = built(&[
            region(0x8_0000..0x9_0000, Access::Code),
            region(0x20_0000..0x8000_0000 - BLOCK_BYTES, Access::Variable),
        ]);
        for address in [0x8_0000, 0x8_f000, 0x20_0000, 0x3f_f000, 0x40_0000, 0x4000_0000] {
            assert_eq!(translate(&tables, address) & ADDRESS, address, "{address:#x}");
        }
        for address in [0, 0x7_f000, 0x9_0000, 0x1f_f000, 0x8000_0000 - BLOCK_BYTES] {
            assert_eq!(translate(&tables, address), 0, "{address:#x}");
        }
        let pages = 16 + (0x8000_0000 - BLOCK_BYTES - 0x20_0000) / PAGE_BYTES;
        assert_eq!(summarize(BASE, &read(&tables)), MapSummary { pages, ..MapSummary::default() });
    }

    #[test]
    fn no_access_is_both_writable_and_executable() {
        for access in [Access::Code, Access::Constant, Access::Variable, Access::Shared, Access::Device] {
            let tables = built(&[region(0x1000..0x40_0000 + BLOCK_BYTES, access)]);
            assert_eq!(summarize(BASE, &read(&tables)).writable_executable_pages, 0, "{access:?}");
            let executable = translate(&tables, 0x1000) & PRIVILEGED_EXECUTE_NEVER == 0;
            assert_eq!(executable, access == Access::Code);
        }
    }

    #[test]
    fn a_writable_executable_block_or_page_is_counted() {
        let mut tables = built(&[region(0..0x40_0000 + BLOCK_BYTES, Access::Variable)]);
        tables.0[LEVEL_3][0] &= !PRIVILEGED_EXECUTE_NEVER;
        tables.0[LEVEL_2][2] &= !PRIVILEGED_EXECUTE_NEVER;
        let summary = summarize(BASE, &read(&tables));
        assert_eq!((summary.writable_executable_pages, summary.null_pages), (513, 1));
    }

    #[test]
    fn device_registers_are_neither_cached_nor_reordered() {
        let tables = built(&[region(0x3f00_0000..0x4000_0000 + BLOCK_BYTES, Access::Device)]);
        for address in [0x3f20_1000, 0x4000_0040] {
            let attribute = translate(&tables, address) >> 2 & 0b111;
            assert_eq!(MEMORY_ATTRIBUTES >> (8 * attribute) & 0xff, 0, "{address:#x}");
        }
    }
}
