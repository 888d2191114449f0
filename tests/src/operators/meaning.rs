//! What instructions do with numbers, by RFC 9669, for registers of any even number of bits up to 64: `Width::W32`
//! means their low half, and a `Size` that part of them that it is of 64 bits.

use kernel_bpf::insn::{AluOp, Condition, Size, Width};

/// The `bits` low bits.
#[must_use]
pub const fn low(bits: u32, number: u64) -> u64 {
    if bits == 64 { number } else { number & ((1 << bits) - 1) }
}

/// The `bits` low bits as a signed number.
#[must_use]
pub const fn signed(bits: u32, number: u64) -> i128 {
    let number = low(bits, number) as i128;
    if number >> (bits - 1) == 0 { number } else { number - (1 << bits) }
}

/// Bits that an operation of `width` works on.
#[must_use]
pub const fn operated(register: u32, width: Width) -> u32 {
    match width {
        Width::W32 => register / 2,
        Width::W64 => register,
    }
}

/// Bits of `size`.
#[must_use]
pub const fn bits(register: u32, size: Size) -> u32 {
    register * size.bytes() as u32 / 8
}

/// `dst op src`: section 4.1.
#[must_use]
pub fn alu(register: u32, op: AluOp, width: Width, dst: u64, src: u64) -> u64 {
    let bits = operated(register, width);
    let (a, b) = (i128::from(low(bits, dst)), i128::from(low(bits, src)));
    let (sa, sb) = (signed(bits, dst), signed(bits, src));
    let count = b % i128::from(bits);
    let result = match op {
        AluOp::Add => a + b,
        AluOp::Sub => a - b,
        AluOp::Mul => return low(bits, (a as u64).wrapping_mul(b as u64)),
        AluOp::Div => a.checked_div(b).unwrap_or(0),
        AluOp::SDiv => sa.checked_div(sb).unwrap_or(0),
        AluOp::Mod => a.checked_rem(b).unwrap_or(a),
        AluOp::SMod => sa.checked_rem(sb).unwrap_or(sa),
        AluOp::Or => a | b,
        AluOp::And => a & b,
        AluOp::Xor => a ^ b,
        AluOp::Mov => b,
        AluOp::Lsh => a << count,
        AluOp::Rsh => a >> count,
        AluOp::Arsh => sa >> count,
    };
    low(bits, result as u64)
}

/// `-dst`
#[must_use]
pub fn negated(register: u32, width: Width, dst: u64) -> u64 {
    low(operated(register, width), dst.wrapping_neg())
}

/// The sign-extending move: section 4.1.
#[must_use]
pub fn mov_sx(register: u32, width: Width, from: Size, src: u64) -> u64 {
    low(operated(register, width), signed(bits(register, from), src) as u64)
}

/// The low `size`, zero-extended.
#[must_use]
pub fn truncated(register: u32, size: Size, src: u64) -> u64 {
    low(bits(register, size), src)
}

/// The bytes of the low `size` in reverse order (section 4.2), where a register has eight bytes of the same number
/// of bits; `None` if it is too short for that.
#[must_use]
pub fn swapped(register: u32, size: Size, src: u64) -> Option<u64> {
    let byte = register / 8;
    let bytes = size.bytes() as u32;
    (byte > 0).then(|| (0..bytes).fold(0, |sum, index| sum << byte | low(byte, src >> (index * byte))))
}

/// Whether `dst condition src`: section 4.3.
#[must_use]
pub fn holds(register: u32, condition: Condition, width: Width, dst: u64, src: u64) -> bool {
    let bits = operated(register, width);
    let (a, b) = (low(bits, dst), low(bits, src));
    let (sa, sb) = (signed(bits, dst), signed(bits, src));
    match condition {
        Condition::Eq => a == b,
        Condition::Ne => a != b,
        Condition::Set => a & b != 0,
        Condition::Gt => a > b,
        Condition::Ge => a >= b,
        Condition::Lt => a < b,
        Condition::Le => a <= b,
        Condition::SGt => sa > sb,
        Condition::SGe => sa >= sb,
        Condition::SLt => sa < sb,
        Condition::SLe => sa <= sb,
    }
}
