//! Where the linker put the image. Unsafe because the linker's symbols are addresses, not values.

use super::Access;
use crate::entry::LOAD_OFFSET;
use crate::ranges::{Range, Ranges};
use crate::stacks;

// SAFETY: linker/pc.ld and linker/sections.ld define all of these, and only their addresses are taken.
unsafe extern "C" {
    safe static __image_start: u8;
    safe static __image_end: u8;
    safe static __text_start: u8;
    safe static __text_end: u8;
    safe static __rodata_start: u8;
    safe static __rodata_end: u8;
    safe static __data_start: u8;
    safe static __bss_end: u8;
}

fn between(start: &'static u8, end: &'static u8) -> Range {
    Range::new(&raw const *start as u64, &raw const *end as u64)
}

/// Where a PVH loader put the image, by physical address.
#[must_use]
pub fn image_range() -> Range {
    let linked = between(&__image_start, &__image_end);
    Range::new(linked.start() - LOAD_OFFSET, linked.end() - LOAD_OFFSET)
}

/// The parts of the image by virtual address, each whole pages.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Machine code.
    pub text: Range,
    /// Constants.
    pub constants: Range,
    /// Everything writable, guard pages left out.
    pub writable: Ranges,
}

impl Layout {
    /// The image that is running.
    #[must_use]
    pub fn of_image() -> Self {
        let mut writable = Ranges::new();
        writable.add(between(&__data_start, &__bss_end));
        stacks::guards().into_iter().for_each(|guard| writable.subtract(guard));
        let text = between(&__text_start, &__text_end);
        Self { text, constants: between(&__rodata_start, &__rodata_end), writable }
    }

    /// All parts with what may be done there.
    pub fn parts(&self) -> impl Iterator<Item = (Range, Access)> + '_ {
        [(self.text, Access::Code), (self.constants, Access::Constants)]
            .into_iter()
            .chain(self.writable.iter().map(|part| (part, Access::Writable)))
    }
}
