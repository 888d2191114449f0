//! Arithmetic and byte order (RFC 9669 sections 4.1 and 4.2).

use super::{Vector, operands};
use crate::insn::{Source, Width, alu, exit, load_imm, slot};

const MAX: u64 = u64::MAX;
const LONG_MIN: u64 = 1 << 63;
/// The smallest 32-bit number, sign-extended.
const INT_MIN: u64 = 0xffff_ffff_8000_0000;

/// A two-operand instruction on one pair of operands.
struct Row {
    name: &'static str,
    code: u8,
    offset: i16,
    first: u64,
    second: u64,
    /// The result of the 64-bit form.
    wide: u64,
    /// The result of the 32-bit form, which takes the low halves and clears the high half.
    narrow: u64,
}

const fn row(name: &'static str, code: u8, offset: i16, operands: [u64; 2], results: [u64; 2]) -> Row {
    let ([first, second], [wide, narrow]) = (operands, results);
    Row { name, code, offset, first, second, wide, narrow }
}

const fn signed(value: i64) -> u64 {
    value as u64
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("add carries into bit 32", 0x00, 0, [0xffff_ffff, 1], [1 << 32, 0]),
    row("add wraps", 0x00, 0, [MAX, 2], [1, 1]),
    row("sub wraps", 0x10, 0, [0, 1], [MAX, 0xffff_ffff]),
    row("mul", 0x20, 0, [0x1_0000_0001, 3], [0x3_0000_0003, 3]),
    row("mul of -1 and -1", 0x20, 0, [MAX, MAX], [1, 1]),
    row("div is unsigned", 0x30, 0, [MAX, 2], [0x7fff_ffff_ffff_ffff, 0x7fff_ffff]),
    row("div sees a negative immediate as unsigned", 0x30, 0, [MAX, MAX], [1, 1]),
    row("div takes the low half", 0x30, 0, [1 << 32, 2], [1 << 31, 0]),
    row("div by 0 is 0", 0x30, 0, [7, 0], [0, 0]),
    row("sdiv rounds towards 0", 0x30, 1, [signed(-7), 2], [signed(-3), 0xffff_fffd]),
    row("sdiv by a negative number", 0x30, 1, [7, signed(-2)], [signed(-3), 0xffff_fffd]),
    row("sdiv of the smallest number by -1", 0x30, 1, [LONG_MIN, MAX], [LONG_MIN, 0]),
    row("sdiv of the smallest 32-bit number by -1", 0x30, 1, [INT_MIN, MAX], [1 << 31, 1 << 31]),
    row("sdiv by 0 is 0", 0x30, 1, [signed(-7), 0], [0, 0]),
    row("or", 0x40, 0, [0xf0, 0x0f], [0xff, 0xff]),
    row("or sign-extends its immediate", 0x40, 0, [0, signed(-16)], [signed(-16), 0xffff_fff0]),
    row("and", 0x50, 0, [0x1_0000_00ff, 0x0f], [0x0f, 0x0f]),
    row("and sign-extends its immediate", 0x50, 0, [MAX, signed(-16)], [signed(-16), 0xffff_fff0]),
    row("lsh", 0x60, 0, [1, 31], [1 << 31, 1 << 31]),
    row("lsh masks its count", 0x60, 0, [3, 33], [3 << 33, 6]),
    row("lsh masks a count of the whole width", 0x60, 0, [1, 64], [1, 1]),
    row("rsh brings in zeros", 0x70, 0, [MAX, 1], [0x7fff_ffff_ffff_ffff, 0x7fff_ffff]),
    row("rsh masks its count", 0x70, 0, [MAX, 33], [0x7fff_ffff, 0x7fff_ffff]),
    row("mod is unsigned", 0x90, 0, [MAX, 10], [5, 5]),
    row("mod by 0 leaves the number", 0x90, 0, [0x1_0000_0007, 0], [0x1_0000_0007, 7]),
    row("smod has the sign of the dividend", 0x90, 1, [signed(-13), 3], [MAX, 0xffff_ffff]),
    row("smod by a negative number", 0x90, 1, [13, signed(-3)], [1, 1]),
    row("smod of the smallest number by -1", 0x90, 1, [LONG_MIN, MAX], [0, 0]),
    row("smod of the smallest 32-bit number by -1", 0x90, 1, [INT_MIN, MAX], [0, 0]),
    row("smod by 0 leaves the number", 0x90, 1, [signed(-13), 0], [signed(-13), 0xffff_fff3]),
    row("xor", 0xa0, 0, [0xff, 0x0f], [0xf0, 0xf0]),
    row("xor sign-extends its immediate", 0xa0, 0, [0, MAX], [MAX, 0xffff_ffff]),
    row("mov", 0xb0, 0, [MAX, 5], [5, 5]),
    row("mov sign-extends its immediate", 0xb0, 0, [0, signed(-5)], [signed(-5), 0xffff_fffb]),
    row("arsh brings in the sign", 0xc0, 0, [LONG_MIN, 63], [MAX, 0]),
    row("arsh takes the sign of its width", 0xc0, 0, [0x8000_0000, 4], [0x0800_0000, 0xf800_0000]),
    row("arsh masks its count", 0xc0, 0, [INT_MIN, 36], [MAX, 0xf800_0000]),
];

/// Sign-extending moves (RFC 9669 table 9): bits taken, the source, and the result for both widths. A move
/// of 32 bits has no 32-bit form.
#[rustfmt::skip]
const SIGN_EXTENDING: &[(i16, u64, u64, Option<u64>)] = &[
    (8, 0x80, signed(-0x80), Some(0xffff_ff80)),
    (8, 0x17f, 0x7f, Some(0x7f)),
    (16, 0x8000, signed(-0x8000), Some(0xffff_8000)),
    (16, 0x1_7fff, 0x7fff, Some(0x7fff)),
    (32, 0x8000_0000, signed(-0x8000_0000), None),
    (32, 0x1_7fff_ffff, 0x7fff_ffff, None),
];

/// Negation, for both widths.
const NEGATIONS: &[(u64, u64, u64)] =
    &[(5, signed(-5), 0xffff_fffb), (LONG_MIN, LONG_MIN, 0), (1 << 31, INT_MIN, 1 << 31), (0, 0, 0)];

const SAMPLE: u64 = 0x1122_3344_5566_7788;

/// Byte order: opcode, bits, result.
const SWAPS: &[(&str, u8, i32, u64)] = &[
    ("le16", 0xd4, 16, 0x7788),
    ("le32", 0xd4, 32, 0x5566_7788),
    ("le64", 0xd4, 64, SAMPLE),
    ("be16", 0xdc, 16, 0x8877),
    ("be32", 0xdc, 32, 0x8877_6655),
    ("be64", 0xdc, 64, 0x8877_6655_4433_2211),
    ("bswap16", 0xd7, 16, 0x8877),
    ("bswap32", 0xd7, 32, 0x8877_6655),
    ("bswap64", 0xd7, 64, 0x8877_6655_4433_2211),
];

pub(super) fn vectors() -> Vec<Vector> {
    let mut vectors: Vec<_> = ROWS.iter().flat_map(two_operands).collect();
    for &(bits, source, wide, narrow) in SIGN_EXTENDING {
        let moves = [(Width::W64, Some(wide)), (Width::W32, narrow)];
        vectors.extend(moves.into_iter().filter_map(|(width, result)| {
            let [low, high] = load_imm(1, source);
            let program = [low, high, alu(width, 0xb0, bits, 0, Source::Reg(1)), exit()];
            Some(Vector::new(format!("movsx{bits} of {source:#x}, {width:?}"), &program, result?))
        }));
    }
    for &(value, wide, narrow) in NEGATIONS {
        for (width, result) in [(Width::W64, wide), (Width::W32, narrow)] {
            let negate = alu(width, 0x80, 0, 0, Source::Imm(0));
            vectors.push(in_place(format!("neg of {value:#x}, {width:?}"), value, negate, result));
        }
    }
    let swap = |&(name, opcode, bits, result): &(&str, u8, i32, u64)| {
        in_place(name.into(), SAMPLE, slot(opcode, 0, 0, 0, bits), result)
    };
    vectors.extend(SWAPS.iter().map(swap));
    vectors
}

/// A program that changes r0 once.
fn in_place(name: String, value: u64, change: crate::insn::Slot, result: u64) -> Vector {
    let [low, high] = load_imm(0, value);
    Vector::new(name, &[low, high, change, exit()], result)
}

/// A row in both widths, with a register and, where it fits, an immediate.
fn two_operands(row: &Row) -> Vec<Vector> {
    let mut vectors = Vec::new();
    for (before, source) in operands(row.second, 1) {
        for (width, result) in [(Width::W64, row.wide), (Width::W32, row.narrow)] {
            let mut program = load_imm(0, row.first).to_vec();
            program.extend(&before);
            program.extend([alu(width, row.code, row.offset, 0, source), exit()]);
            vectors.push(Vector::new(format!("{}, {width:?} {source:?}", row.name), &program, result));
        }
    }
    vectors
}
