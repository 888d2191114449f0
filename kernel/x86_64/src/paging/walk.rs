//! Reading page tables as the processor does (Intel SDM vol. 3, sections 5.5 and 5.6).

use x86_64::structures::paging::page_table::PageTableLevel;
use x86_64::structures::paging::{PageTable, PageTableFlags as Flags};
use x86_64::{PhysAddr, VirtAddr};

const SMALL_PAGE_BITS: u32 = 12;

/// The physical address behind `address`, walking from the root table at `root`; `lookup` finds the table at
/// a physical address.
pub fn translate<'t>(root: u64, address: u64, lookup: impl Fn(u64) -> Option<&'t PageTable>) -> Option<u64> {
    let virtual_address = VirtAddr::try_new(address).ok()?;
    let mut table = root;
    let mut level = PageTableLevel::Four;
    loop {
        let entry = &lookup(table)?[virtual_address.page_table_index(level)];
        if !entry.flags().contains(Flags::PRESENT) {
            return None;
        }
        match level.next_lower_level() {
            Some(next) if !entry.flags().contains(Flags::HUGE_PAGE) => {
                (table, level) = (entry.addr().as_u64(), next);
            }
            _ => {
                let offset_mask = level.entry_address_space_alignment() - 1;
                // Bit 12 of a large entry is an attribute, not a part of the address.
                return Some(entry.addr().as_u64() & !offset_mask | address & offset_mask);
            }
        }
    }
}

/// 4 KiB pages that are both writable and executable. A large page counts as all its small ones.
pub fn executable_writable_pages<'t>(root: u64, lookup: &impl Fn(u64) -> Option<&'t PageTable>) -> u64 {
    let rights = Rights { writable: true, executable: true };
    count(PhysAddr::new_truncate(root), PageTableLevel::Four, rights, lookup)
}

/// What every level so far allows.
#[derive(Clone, Copy)]
struct Rights {
    writable: bool,
    executable: bool,
}

fn count<'t>(
    table: PhysAddr,
    level: PageTableLevel,
    above: Rights,
    lookup: &impl Fn(u64) -> Option<&'t PageTable>,
) -> u64 {
    let Some(table) = lookup(table.as_u64()) else { return 0 };
    let present = table.iter().filter(|entry| entry.flags().contains(Flags::PRESENT));
    present
        .map(|entry| {
            let rights = Rights {
                writable: above.writable && entry.flags().contains(Flags::WRITABLE),
                executable: above.executable && !entry.flags().contains(Flags::NO_EXECUTE),
            };
            match level.next_lower_level() {
                _ if !(rights.writable && rights.executable) => 0,
                Some(next) if !entry.flags().contains(Flags::HUGE_PAGE) => {
                    count(entry.addr(), next, rights, lookup)
                }
                _ => level.entry_address_space_alignment() >> SMALL_PAGE_BITS,
            }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: u64 = 0x10_0000;

    fn link(tables: &mut [PageTable], from: usize, index: usize, flags: Flags) {
        let child = PhysAddr::new(TABLES + (from as u64 + 1) * 4096);
        tables[from][index].set_addr(child, flags);
    }

    fn wx(tables: &[PageTable]) -> u64 {
        executable_writable_pages(TABLES, &|at| tables.get(((at - TABLES) / 4096) as usize))
    }

    fn chain(leaf_level: usize, leaf: Flags) -> [PageTable; 4] {
        let mut tables = [const { PageTable::new() }; 4];
        for level in 0..leaf_level {
            link(&mut tables, level, 3, Flags::PRESENT | Flags::WRITABLE);
        }
        tables[leaf_level][5].set_addr(PhysAddr::new(0x4000_0000), leaf);
        tables
    }

    #[test]
    fn a_writable_executable_page_of_each_size_is_counted_in_small_pages() {
        let open = Flags::PRESENT | Flags::WRITABLE;
        assert_eq!(wx(&chain(3, open)), 1);
        assert_eq!(wx(&chain(2, open | Flags::HUGE_PAGE)), 512);
        assert_eq!(wx(&chain(1, open | Flags::HUGE_PAGE)), 512 * 512);
    }

    #[test]
    fn one_level_that_forbids_is_enough() {
        let open = Flags::PRESENT | Flags::WRITABLE;
        for level in 0..4 {
            for forbidding in [Flags::PRESENT, open | Flags::NO_EXECUTE] {
                let mut tables = chain(3, open);
                let index = if level == 3 { 5 } else { 3 };
                tables[level][index].set_flags(forbidding);
                assert_eq!(wx(&tables), 0, "level {level} {forbidding:?}");
            }
        }
    }

    #[test]
    fn a_large_page_translates_with_its_offset_and_without_its_attribute_bit() {
        let mut tables = chain(2, Flags::PRESENT | Flags::HUGE_PAGE);
        tables[2][5].set_addr(PhysAddr::new(0x4000_1000), Flags::PRESENT | Flags::HUGE_PAGE);
        let address = 3 << 39 | 3 << 30 | 5 << 21 | 0x1_2345;
        let lookup = |at: u64| tables.get(((at - TABLES) / 4096) as usize);
        assert_eq!(translate(TABLES, address, lookup), Some(0x4001_2345));
        assert_eq!(translate(TABLES, address + (1 << 21), lookup), None);
        assert_eq!(translate(TABLES, 1 << 60, lookup), None);
    }
}
