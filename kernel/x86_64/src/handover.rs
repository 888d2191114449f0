//! What a boot loader hands over, in one shape for every door.

use core::str;

use crate::ranges::{Range, Ranges};

/// The first address the kernel uses; below are firmware, its tables and the null page.
pub const LOW_MEMORY_END: u64 = 1 << 20;

/// Addresses from here on are out of reach of the direct map; no machine has memory there.
pub const PHYSICAL_END: u64 = 1 << 46;

/// What is known when the kernel proper starts. All addresses are physical.
#[derive(Clone, Debug)]
pub struct Handover {
    /// RAM that nobody uses: without the first MiB, the kernel image, the initrd and the loader's own data.
    pub memory: Ranges,
    /// The initrd, to the byte; empty if there is none.
    pub initrd: Range,
    /// What the user told the kernel.
    pub command_line: CommandLine,
    /// Where the ACPI tables start, if the loader knows.
    pub rsdp: Option<u64>,
}

impl Handover {
    /// Takes what is in use out of `ram`: the first MiB, the `image` and the `initrd`.
    #[must_use]
    pub fn new(ram: Ranges, image: Range, initrd: Range) -> Self {
        let mut memory = ram;
        memory.clip(Range::new(LOW_MEMORY_END, PHYSICAL_END));
        memory.subtract(image.pages_around());
        memory.subtract(initrd.pages_around());
        Self { memory, initrd, command_line: CommandLine::empty(), rsdp: None }
    }
}

/// The longest command line kept, in bytes: Firecracker's limit.
pub const COMMAND_LINE_BYTES: usize = 2048;

/// Words like `exit=isa-debug`, separated by spaces.
#[derive(Clone, Debug)]
pub struct CommandLine {
    text: [u8; COMMAND_LINE_BYTES],
    len: usize,
}

impl CommandLine {
    /// No words.
    #[must_use]
    pub const fn empty() -> Self {
        Self { text: [0; COMMAND_LINE_BYTES], len: 0 }
    }

    /// Keeps `text` up to its first byte that is no ASCII, to its first NUL, or to the limit.
    #[must_use]
    pub fn new(text: &[u8]) -> Self {
        let mut line = Self::empty();
        let stop = |&byte: &u8| byte == 0 || !byte.is_ascii();
        line.len = text.iter().position(stop).unwrap_or(text.len()).min(COMMAND_LINE_BYTES);
        line.text[..line.len].copy_from_slice(&text[..line.len]);
        line
    }

    /// The value of the last `key=value` word with this key.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        let words = self.as_str().split_ascii_whitespace();
        words
            .filter_map(|word| word.split_once('='))
            .filter(|word| word.0 == key)
            .map(|word| word.1)
            .next_back()
    }

    /// All of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.text[..self.len]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_memory_is_not_free() {
        let mut ram = Ranges::new();
        ram.add(Range::new(0, 0x9_fc00));
        ram.add(Range::new(0x10_0000, 0x800_0000));
        let initrd = Range::new(0x7ff_e123, 0x7ff_f456);
        let handover = Handover::new(ram, Range::new(0x20_0000, 0x40_0000), initrd);
        let free = [Range::new(0x10_0000, 0x20_0000), Range::new(0x40_0000, 0x7ff_e000)];
        assert!(free.iter().all(|&range| handover.memory.contains(range)));
        assert_eq!(handover.memory.bytes(), free.iter().map(|range| range.bytes()).sum());
    }

    #[test]
    fn a_value_is_found_by_its_whole_key_and_the_last_wins() {
        let line = CommandLine::new(b"noexit=1 exit=acpi  quiet exit=isa-debug\0exit=junk");
        assert_eq!(line.value("exit"), Some("isa-debug"));
        assert_eq!(line.value("quiet"), None);
        assert_eq!(line.value("exi"), None);
    }

    #[test]
    fn a_hostile_command_line_is_cut_not_trusted() {
        assert_eq!(CommandLine::new(b"a=\xff\xfe").as_str(), "a=");
        assert_eq!(CommandLine::new(&[b'x'; 5000]).as_str().len(), COMMAND_LINE_BYTES);
    }
}
