//! Jumps (RFC 9669 section 4.3).

use super::{Vector, operands};
use crate::insn::{Source, Width, add, alu, exit, jump, jump_if, jump_long, load_imm, mov};

const MAX: u64 = u64::MAX;
/// Equal to 5 in its low half.
const HIGH_5: u64 = 0x1_0000_0005;
const BIT_32: u64 = 1 << 32;
const BIT_31: u64 = 1 << 31;

/// Code, operands, and whether the 64-bit and the 32-bit form jump.
#[rustfmt::skip]
const CONDITIONS: &[(&str, u8, [u64; 2], [bool; 2])] = &[
    ("jeq", 0x10, [5, 5], [true, true]),
    ("jeq", 0x10, [HIGH_5, 5], [false, true]),
    ("jeq", 0x10, [MAX, MAX], [true, true]),
    ("jgt", 0x20, [MAX, 1], [true, true]),
    ("jgt", 0x20, [5, 5], [false, false]),
    ("jgt", 0x20, [BIT_32, 1], [true, false]),
    ("jge", 0x30, [5, 5], [true, true]),
    ("jge", 0x30, [0, MAX], [false, false]),
    ("jge", 0x30, [BIT_32, 1], [true, false]),
    ("jset", 0x40, [6, 2], [true, true]),
    ("jset", 0x40, [6, 1], [false, false]),
    ("jset", 0x40, [BIT_32, MAX], [true, false]),
    ("jne", 0x50, [5, 6], [true, true]),
    ("jne", 0x50, [HIGH_5, 5], [true, false]),
    ("jsgt", 0x60, [1, MAX], [true, true]),
    ("jsgt", 0x60, [BIT_31, 0], [true, false]),
    ("jsgt", 0x60, [5, 5], [false, false]),
    ("jsge", 0x70, [5, 5], [true, true]),
    ("jsge", 0x70, [MAX, 0], [false, false]),
    ("jsge", 0x70, [BIT_31, 0], [true, false]),
    ("jlt", 0xa0, [1, MAX], [true, true]),
    ("jlt", 0xa0, [BIT_32, 1], [false, true]),
    ("jlt", 0xa0, [5, 5], [false, false]),
    ("jle", 0xb0, [5, 5], [true, true]),
    ("jle", 0xb0, [MAX, 1], [false, false]),
    ("jle", 0xb0, [BIT_32, 1], [false, true]),
    ("jslt", 0xc0, [MAX, 0], [true, true]),
    ("jslt", 0xc0, [BIT_31, 0], [false, true]),
    ("jslt", 0xc0, [5, 5], [false, false]),
    ("jsle", 0xd0, [5, 5], [true, true]),
    ("jsle", 0xd0, [1, MAX], [false, false]),
    ("jsle", 0xd0, [BIT_31, 0], [false, true]),
];

pub(super) fn vectors() -> Vec<Vector> {
    let conditional = CONDITIONS.iter().flat_map(|&(name, code, [first, second], [wide, narrow])| {
        let mut vectors = Vec::new();
        for (before, source) in operands(second, 4) {
            for (width, jumps) in [(Width::W64, wide), (Width::W32, narrow)] {
                let mut program = load_imm(3, first).to_vec();
                program.extend(&before);
                program.extend([mov(0, 1), jump_if(width, code, 3, source, 1), mov(0, 0), exit()]);
                let name = format!("{name} {first:#x}, {second:#x}, {width:?} {source:?}");
                vectors.push(Vector::new(name, &program, u64::from(jumps)));
            }
        }
        vectors
    });
    conditional.chain(unconditional()).collect()
}

fn unconditional() -> [Vector; 5] {
    let skipping = |jump| [mov(0, 7), jump, mov(0, 1), mov(0, 2), exit()];
    [
        Vector::new("ja over nothing", &[mov(0, 7), jump(0), exit()], 7),
        Vector::new("ja over two", &skipping(jump(2)), 7),
        Vector::new("gotol over two", &skipping(jump_long(2)), 7),
        Vector::new("ja backwards", &sum_to_ten(jump(-4)), 55),
        Vector::new("gotol backwards", &sum_to_ten(jump_long(-4)), 55),
    ]
}

/// 1 + 2 + … + 10, with `back` at the end of the loop.
fn sum_to_ten(back: crate::insn::Slot) -> [crate::insn::Slot; 7] {
    [
        mov(0, 0),
        mov(3, 0),
        jump_if(Width::W64, 0x10, 3, Source::Imm(10), 3),
        add(3, 1),
        alu(Width::W64, 0x00, 0, 0, Source::Reg(3)),
        back,
        exit(),
    ]
}
