//! Loads, stores and 64-bit immediates (RFC 9669 sections 5.1, 5.2 and 5.4).

use super::Vector;
use crate::insn::{Size, add, copy, exit, load, load_imm, load_signed, mov, slot, store, store_imm};

/// Bytes with their highest bits set, so that sign extension shows.
const NEGATIVE: [u8; 16] =
    [0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90];
const POSITIVE: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

/// Size, offset, and what `NEGATIVE` and `POSITIVE` hold there.
const LOADS: &[(Size, i16, u64, u64)] = &[
    (Size::B, 1, 0x82, 0x02),
    (Size::H, 2, 0x8483, 0x0403),
    (Size::W, 4, 0x8887_8685, 0x0807_0605),
    (Size::DW, 8, 0x908f_8e8d_8c8b_8a89, 0x100f_0e0d_0c0b_0a09),
];

/// Size, offset from the start of 8 bytes of zeros, and the 8 bytes after -2 was stored there.
const STORES: &[(Size, i16, u64)] = &[
    (Size::B, 1, 0xfe00),
    (Size::H, 2, 0xfffe_0000),
    (Size::W, 4, 0xffff_fffe_0000_0000),
    (Size::DW, 0, 0xffff_ffff_ffff_fffe),
];

pub(super) fn vectors() -> Vec<Vector> {
    let mut vectors: Vec<_> = LOADS.iter().flat_map(loads).chain(STORES.iter().flat_map(stores)).collect();
    for value in [0x1122_3344_5566_7788, 0xffff_ffff, 1 << 63] {
        let [low, high] = load_imm(0, value);
        vectors.push(Vector::new(format!("64-bit immediate {value:#x}"), &[low, high, exit()], value));
    }
    vectors
}

/// Zero- and sign-extending, with an offset on either side of the base.
fn loads(&(size, offset, negative, positive): &(Size, i16, u64, u64)) -> Vec<Vector> {
    let mut vectors = Vec::new();
    for (memory, value) in [(&NEGATIVE, negative), (&POSITIVE, positive)] {
        let name = |form: &str| format!("{form} of {value:#x}");
        let plain = [load(size, 0, 1, offset), exit()];
        vectors.push(Vector::new(name("load"), &plain, value).with_memory(memory));
        let from_the_end = [copy(3, 1), add(3, 16), load(size, 0, 3, offset - 16), exit()];
        vectors.push(Vector::new(name("load from above"), &from_the_end, value).with_memory(memory));
        let signed = [load_signed(size, 0, 1, offset), exit()];
        if let Some(extended) = sign_extended(size, value) {
            vectors.push(Vector::new(name("signed load"), &signed, extended).with_memory(memory));
        }
    }
    vectors
}

/// There is no signed load of 8 bytes.
fn sign_extended(size: Size, value: u64) -> Option<u64> {
    match size {
        Size::B => Some(value as i8 as u64),
        Size::H => Some(value as i16 as u64),
        Size::W => Some(value as i32 as u64),
        Size::DW => None,
    }
}

/// From an immediate and from a register, to the stack and to memory.
fn stores(&(size, offset, result): &(Size, i16, u64)) -> Vec<Vector> {
    let program = |base: u8, start: i16, stored: fn(Size, u8, i16) -> crate::insn::Slot| {
        [
            mov(4, -2),
            store_imm(Size::DW, base, start, 0),
            stored(size, base, start + offset),
            load(Size::DW, 0, base, start),
            exit(),
        ]
    };
    let immediate = |size, base, at| store_imm(size, base, at, -2);
    let register = |size, base, at| store(size, base, at, 4);
    [("immediate", immediate as fn(Size, u8, i16) -> _), ("register", register)]
        .into_iter()
        .flat_map(|(name, stored)| {
            let name = |place: &str| format!("store of an {name} ({size:?}) to {place}");
            [
                Vector::new(name("the stack"), &program(10, -8, stored), result),
                Vector::new(name("memory"), &program(1, 8, stored), result).with_memory(&[0xff; 16]),
            ]
        })
        .chain([store_at_the_bottom_of_the_frame(size)])
        .collect()
}

/// A frame has 512 bytes, and all of them can be used.
fn store_at_the_bottom_of_the_frame(size: Size) -> Vector {
    let program = [mov(4, 1), store(size, 10, -512, 4), load(size, 0, 10, -512), slot(0x95, 0, 0, 0, 0)];
    Vector::new(format!("the lowest {size:?} of the frame"), &program, 1)
}
