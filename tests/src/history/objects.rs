//! Files and maps whose numbers overflow.

use kernel_bpf::maps::{Map, MapDef, MapKind};
use kernel_bpf::object::Object;
use kernel_bpf::profile::{ActiveProfile, PhysicalProfile};

use super::{Defect, defect, that};
use crate::insn::{exit, mov};
use crate::object_file::Draft;

type LiveMap = Map<<ActiveProfile as PhysicalProfile>::MemoryStrategy>;

/// Numbers that overflow when something is added to them or they are multiplied.
const HUGE: [u64; 6] = [0x7fff_ffff, 0xffff_ffff, 0x1_0000_0000, 1 << 63, u64::MAX - 7, u64::MAX];
/// Of the header of a 64-bit ELF file: e_phoff, e_shoff; of an entry of its section table: sh_offset, sh_size.
const E_PHOFF: usize = 32;
const E_SHOFF: usize = 40;

pub(super) const DEFECTS: &[Defect] = &[
    defect("CVE-2021-38166", "entries times bytes overflowed when memory for a map was taken", || {
        for kind in [MapKind::Hash, MapKind::Array, MapKind::PercpuHash, MapKind::PercpuArray] {
            for (value_size, max_entries) in
                [(0x8000_0000, 2), (u32::MAX, u32::MAX), (0x10000, 0x10000), (8, u32::MAX), (u32::MAX, 1)]
            {
                let def = MapDef { kind, key_size: 4, value_size, max_entries, ..MapDef::VACANT };
                that(
                    LiveMap::new(&def).is_err(),
                    format!("{kind:?} of {max_entries} times {value_size} bytes"),
                )?;
            }
        }
        Ok(())
    }),
    defect("CVE-2021-46102", "the place of a section plus its size overflowed", || {
        let file = Draft::default().program("syscall", "two", &[mov(0, 2), exit()]).build();
        let table = number_at(&file, E_SHOFF) as usize;
        for entry in (table..file.len()).step_by(64).take(8) {
            for field in [24, 32] {
                for huge in HUGE {
                    look_at(&file, entry + field, huge);
                }
            }
        }
        Ok(())
    }),
    defect("goblin #23", "a table that is said to begin near the end of all addresses", || {
        let file = Draft::default().program("syscall", "two", &[mov(0, 2), exit()]).build();
        for huge in HUGE {
            look_at(&file, E_PHOFF, huge);
            that(!look_at(&file, E_SHOFF, huge), format!("a table of sections at {huge:#x} is found"))?;
        }
        Ok(())
    }),
];

fn number_at(file: &[u8], place: usize) -> u64 {
    file[place..place + 8].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// Links the file with another number in one place; whether that works. It must not panic.
fn look_at(file: &[u8], place: usize, number: u64) -> bool {
    let mut file = file.to_vec();
    match file.get_mut(place..place + 8) {
        Some(bytes) => bytes.copy_from_slice(&number.to_le_bytes()),
        None => return false,
    }
    Object::link(&mut file).is_ok_and(|object| object.programs().count() > 0)
}
