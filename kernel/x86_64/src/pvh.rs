//! The PVH handover: `hvm_start_info` and what it points to (Xen, `public/arch-x86/hvm/start_info.h`).

use core::fmt;

use crate::handover::{COMMAND_LINE_BYTES, CommandLine, Handover, PHYSICAL_END};
use crate::physical::Physical;
use crate::ranges::{Range, Ranges};

const MAGIC: u32 = 0x336e_c578;
/// The first version with a memory map.
const VERSION: u32 = 1;
/// More entries than any machine has; a larger count is taken for damage.
const MAX_MEMORY_MAP_ENTRIES: u32 = 512;
const MEMORY_MAP_ENTRY_BYTES: u64 = 24;
const TYPE_RAM: u32 = 1;

/// Why a handover cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PvhError {
    /// No structure starts with this.
    Magic(u32),
    /// The structure is too old to have a memory map.
    Version(u32),
    /// A part of the handover lies where it cannot be read.
    Unreachable {
        /// Which part.
        part: &'static str,
        /// Its physical address.
        address: u64,
    },
    /// The memory map has no entries, or more than any machine has.
    MemoryMapEntries(u32),
    /// The initrd does not lie in RAM clear of the kernel.
    Initrd {
        /// Its physical address.
        address: u64,
        /// Its size.
        bytes: u64,
    },
}

impl fmt::Display for PvhError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Magic(magic) => write!(f, "start info magic is {magic:#x}, not {MAGIC:#x}"),
            Self::Version(version) => {
                write!(f, "start info version {version} has no memory map; {VERSION} is needed")
            }
            Self::Unreachable { part, address } => write!(f, "{part} at {address:#x} is out of reach"),
            Self::MemoryMapEntries(count) => write!(f, "a memory map of {count} entries"),
            Self::Initrd { address, bytes } => {
                write!(f, "the initrd ({bytes} bytes at {address:#x}) is not in RAM clear of the kernel")
            }
        }
    }
}

/// Reads the handover that `start_info` points to; `image` is where the kernel lies.
///
/// # Errors
///
/// [`PvhError`] if any part is missing, unreachable or contradicts the memory map.
pub fn read<P: Physical + ?Sized>(physical: &P, start_info: u64, image: Range) -> Result<Handover, PvhError> {
    let fields = Fields { physical, start_info };
    match (fields.u32("start info", 0)?, fields.u32("start info", 4)?) {
        (MAGIC, version) if version < VERSION => return Err(PvhError::Version(version)),
        (MAGIC, _) => {}
        (magic, _) => return Err(PvhError::Magic(magic)),
    }
    let ram = fields.ram()?;
    let initrd = fields.initrd(&ram, image)?;
    let mut handover = Handover::new(ram, image, initrd);
    handover.command_line = fields.command_line()?;
    handover.rsdp = Some(fields.u64("start info", 32)?).filter(|&address| address != 0);
    Ok(handover)
}

/// The fields of `hvm_start_info`, each read when asked for.
struct Fields<'a, P: ?Sized> {
    physical: &'a P,
    start_info: u64,
}

impl<P: Physical + ?Sized> Fields<'_, P> {
    fn ram(&self) -> Result<Ranges, PvhError> {
        let first = self.u64("start info", 40)?;
        let count = self.u32("start info", 48)?;
        if !(1..=MAX_MEMORY_MAP_ENTRIES).contains(&count) {
            return Err(PvhError::MemoryMapEntries(count));
        }
        let mut ram = Ranges::new();
        // What any entry calls reserved is reserved, even where another calls it RAM.
        for reserved in [false, true] {
            for index in 0..u64::from(count) {
                let (range, kind) = self.memory_map_entry(first, index)?;
                match (reserved, kind == TYPE_RAM) {
                    (false, true) => ram.add(range.pages_inside()),
                    (true, false) => ram.subtract(range.pages_around()),
                    _ => {}
                }
            }
        }
        ram.clip(Range::new(0, PHYSICAL_END));
        Ok(ram)
    }

    fn memory_map_entry(&self, first: u64, index: u64) -> Result<(Range, u32), PvhError> {
        let entry = first.saturating_add(index * MEMORY_MAP_ENTRY_BYTES);
        let start = self.at("memory map", entry, P::u64)?;
        let bytes = self.at("memory map", entry.saturating_add(8), P::u64)?;
        let kind = self.at("memory map", entry.saturating_add(16), P::u32)?;
        Ok((Range::new(start, start.saturating_add(bytes)), kind))
    }

    /// Module 0 is the initrd.
    fn initrd(&self, ram: &Ranges, image: Range) -> Result<Range, PvhError> {
        if self.u32("start info", 12)? == 0 {
            return Ok(Range::EMPTY);
        }
        let module = self.u64("start info", 16)?;
        let address = self.at("module list", module, P::u64)?;
        let bytes = self.at("module list", module.saturating_add(8), P::u64)?;
        if bytes == 0 {
            return Ok(Range::EMPTY);
        }
        let clear = |range: &Range| ram.contains(*range) && range.intersection(image).is_empty();
        Range::sized(address, bytes).filter(clear).ok_or(PvhError::Initrd { address, bytes })
    }

    fn command_line(&self) -> Result<CommandLine, PvhError> {
        let address = self.u64("start info", 24)?;
        if address == 0 {
            return Ok(CommandLine::empty());
        }
        let bytes = self.physical.bytes(address, COMMAND_LINE_BYTES as u64);
        bytes.map(CommandLine::new).ok_or(PvhError::Unreachable { part: "command line", address })
    }

    fn u32(&self, part: &'static str, offset: u64) -> Result<u32, PvhError> {
        self.at(part, self.start_info.saturating_add(offset), P::u32)
    }

    fn u64(&self, part: &'static str, offset: u64) -> Result<u64, PvhError> {
        self.at(part, self.start_info.saturating_add(offset), P::u64)
    }

    fn at<T>(
        &self,
        part: &'static str,
        address: u64,
        read: impl Fn(&P, u64) -> Option<T>,
    ) -> Result<T, PvhError> {
        read(self.physical, address).ok_or(PvhError::Unreachable { part, address })
    }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;

    const START_INFO: u64 = 0x6000;
    const MODULES: u64 = 0x6040;
    const MEMORY_MAP: u64 = 0x7000;
    const COMMAND_LINE: u64 = 0x8000;
    const IMAGE: Range = Range::new(0x20_0000, 0x40_0000);

    /// A handover as Firecracker lays it out: 128 MiB, an initrd at the end.
    fn memory() -> Vec<u8> {
        let mut memory = vec![0; 0x1_0000];
        put32(&mut memory, START_INFO, &[MAGIC, 1, 0, 1]);
        put64(&mut memory, START_INFO + 16, &[MODULES, COMMAND_LINE, 0xe_0000, MEMORY_MAP]);
        put32(&mut memory, START_INFO + 48, &[3]);
        put64(&mut memory, MODULES, &[0x7ff_0000, 0x1234]);
        entry(&mut memory, 0, [0, 0x9_fc00], 1);
        entry(&mut memory, 1, [0xf_0000, 0x1_0000], 2);
        entry(&mut memory, 2, [0x10_0000, 0x7f0_0000], 1);
        memory[COMMAND_LINE as usize..][..15].copy_from_slice(b"exit=isa-debug\0");
        memory
    }

    fn put32(memory: &mut [u8], at: u64, values: &[u32]) {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        memory[at as usize..][..bytes.len()].copy_from_slice(&bytes);
    }

    fn put64(memory: &mut [u8], at: u64, values: &[u64]) {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        memory[at as usize..][..bytes.len()].copy_from_slice(&bytes);
    }

    fn entry(memory: &mut [u8], index: u64, range: [u64; 2], kind: u32) {
        put64(memory, MEMORY_MAP + index * 24, &range);
        put32(memory, MEMORY_MAP + index * 24 + 16, &[kind]);
    }

    fn read(memory: &[u8]) -> Result<Handover, PvhError> {
        super::read(memory, START_INFO, IMAGE)
    }

    #[test]
    fn a_sound_handover_is_read_whole() {
        let handover = read(&memory()).unwrap();
        assert_eq!(handover.initrd, Range::new(0x7ff_0000, 0x7ff_1234));
        assert_eq!(handover.command_line.value("exit"), Some("isa-debug"));
        assert_eq!(handover.rsdp, Some(0xe_0000));
        assert_eq!(handover.memory.bytes(), 0x7f0_0000 - IMAGE.bytes() - 0x2000);
    }

    #[test]
    fn another_magic_and_an_old_version_are_refused() {
        let mut memory = memory();
        put32(&mut memory, START_INFO, &[MAGIC, 0]);
        assert_eq!(read(&memory).unwrap_err(), PvhError::Version(0));
        put32(&mut memory, START_INFO, &[7, 1]);
        assert_eq!(read(&memory).unwrap_err(), PvhError::Magic(7));
    }

    #[test]
    fn reserved_memory_stays_reserved_in_any_order() {
        let mut memory = memory();
        entry(&mut memory, 0, [0x100_0000, 0x1800], 2);
        let handover = read(&memory).unwrap();
        assert!(!handover.memory.contains(Range::new(0x100_1800, 0x100_1801)));
        assert!(handover.memory.contains(Range::new(0x100_2000, 0x100_3000)));
    }

    #[test]
    fn an_initrd_outside_ram_or_over_the_kernel_is_refused() {
        for place in [[0xf_0000, 16], [0x1f_fff0, 17], [u64::MAX, 2], [0x7ff_f000, 0x1001]] {
            let mut memory = memory();
            put64(&mut memory, MODULES, &place);
            let error = PvhError::Initrd { address: place[0], bytes: place[1] };
            assert_eq!(read(&memory).unwrap_err(), error);
        }
    }

    #[test]
    fn every_pointer_to_nowhere_is_named() {
        let parts = [(16, "module list"), (24, "command line"), (40, "memory map")];
        for (offset, part) in parts {
            for address in [0xffff, u64::MAX, u64::MAX - 7] {
                let mut memory = memory();
                put64(&mut memory, START_INFO + offset, &[address]);
                assert_eq!(read(&memory).unwrap_err(), PvhError::Unreachable { part, address });
            }
        }
    }

    #[test]
    fn no_flipped_byte_makes_the_reader_panic_or_give_away_the_kernel() {
        for at in (START_INFO..START_INFO + 64).chain(MEMORY_MAP..MEMORY_MAP + 72) {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut memory = memory();
                memory[at as usize] = value;
                if let Ok(handover) = read(&memory) {
                    let taken = |each: Range| !each.intersection(IMAGE).is_empty();
                    assert!(!handover.memory.iter().any(taken), "byte {at:#x} = {value:#x}");
                }
            }
        }
    }
}
