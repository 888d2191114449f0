//! Where the linker script put things.
//!
//! Unsafe only to declare the script's symbols; their addresses are all that is ever used of them.

use core::ops::Range;

/// Declares a function that gives the addresses between two symbols of the linker script.
macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident = $start:ident .. $end:ident;)*) => {
        // SAFETY: `linker/sections.ld` and the board's linker script define these symbols; the link fails
        // if one is missing. Nothing is stored there that a reference could reach.
        unsafe extern "C" {
            $(safe static $start: u8; safe static $end: u8;)*
        }
        $($(#[$doc])*
        #[must_use]
        pub fn $name() -> Range<u64> {
            (&raw const $start) as u64..(&raw const $end) as u64
        })*
    };
}

parts! {
    /// Instructions.
    text = __text_start..__text_end;
    /// Constants.
    constants = __rodata_start..__rodata_end;
    /// Initialised variables.
    data = __data_start..__data_end;
    /// Zeroed variables.
    bss = __bss_start..__bss_end;
    /// Translation tables.
    tables = __tables_start..__tables_end;
    /// The page the video processor writes.
    shared = __shared_start..__shared_end;
    /// Stack of exception handling; a guard page lies below.
    exception_stack = __exception_stack_start..__exception_stack_end;
    /// Stack of the main program; a guard page lies below.
    stack = __stack_start..__stack_end;
    /// The whole image in memory.
    image = __image_start..__image_end;
}
