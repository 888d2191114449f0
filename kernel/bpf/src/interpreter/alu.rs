//! Arithmetic and comparisons on numbers: the meaning of RFC 9669 sections 4.1 to 4.3, as pure functions.

use crate::insn::{AluOp, AtomicOp, ByteOrder, Condition, Size, Width};

/// `dst op src` at `width`; the sign extension of an immediate has been done.
#[inline]
#[must_use]
pub const fn alu(op: AluOp, width: Width, dst: u64, src: u64) -> u64 {
    match width {
        Width::W64 => alu64(op, dst, src),
        Width::W32 => alu32(op, dst as u32, src as u32) as u64,
    }
}

const fn alu64(op: AluOp, dst: u64, src: u64) -> u64 {
    match op {
        AluOp::Add => dst.wrapping_add(src),
        AluOp::Sub => dst.wrapping_sub(src),
        AluOp::Mul => dst.wrapping_mul(src),
        AluOp::Div => match dst.checked_div(src) {
            Some(quotient) => quotient,
            None => 0,
        },
        AluOp::SDiv if src == 0 => 0,
        AluOp::SDiv => (dst as i64).wrapping_div(src as i64) as u64,
        AluOp::Or => dst | src,
        AluOp::And => dst & src,
        AluOp::Lsh => dst.wrapping_shl(src as u32),
        AluOp::Rsh => dst.wrapping_shr(src as u32),
        AluOp::Mod | AluOp::SMod if src == 0 => dst,
        AluOp::Mod => dst % src,
        AluOp::SMod => (dst as i64).wrapping_rem(src as i64) as u64,
        AluOp::Xor => dst ^ src,
        AluOp::Mov => src,
        AluOp::Arsh => (dst as i64).wrapping_shr(src as u32) as u64,
    }
}

const fn alu32(op: AluOp, dst: u32, src: u32) -> u32 {
    match op {
        AluOp::Add => dst.wrapping_add(src),
        AluOp::Sub => dst.wrapping_sub(src),
        AluOp::Mul => dst.wrapping_mul(src),
        AluOp::Div => match dst.checked_div(src) {
            Some(quotient) => quotient,
            None => 0,
        },
        AluOp::SDiv if src == 0 => 0,
        AluOp::SDiv => (dst as i32).wrapping_div(src as i32) as u32,
        AluOp::Or => dst | src,
        AluOp::And => dst & src,
        AluOp::Lsh => dst.wrapping_shl(src),
        AluOp::Rsh => dst.wrapping_shr(src),
        AluOp::Mod | AluOp::SMod if src == 0 => dst,
        AluOp::Mod => dst % src,
        AluOp::SMod => (dst as i32).wrapping_rem(src as i32) as u32,
        AluOp::Xor => dst ^ src,
        AluOp::Mov => src,
        AluOp::Arsh => (dst as i32).wrapping_shr(src) as u32,
    }
}

/// `-dst` at `width`.
#[inline]
#[must_use]
pub const fn negate(width: Width, dst: u64) -> u64 {
    alu(AluOp::Sub, width, 0, dst)
}

/// The low `from` bytes of `src`, sign-extended to `width` (RFC 9669 section 4.1, MOVSX).
#[inline]
#[must_use]
pub const fn sign_extend(width: Width, from: Size, src: u64) -> u64 {
    let extended = match from {
        Size::B => src as i8 as u64,
        Size::H => src as i16 as u64,
        Size::W => src as i32 as u64,
        Size::DW => src,
    };
    match width {
        Width::W64 => extended,
        Width::W32 => extended as u32 as u64,
    }
}

/// Byte order conversion of the low `size` bytes on a little-endian machine (RFC 9669 section 4.2).
#[inline]
#[must_use]
pub const fn swap(order: ByteOrder, size: Size, dst: u64) -> u64 {
    match (order, size) {
        (ByteOrder::ToLittle, _) => dst & mask(size),
        (_, Size::H) => (dst as u16).swap_bytes() as u64,
        (_, Size::W) => (dst as u32).swap_bytes() as u64,
        (_, Size::DW) => dst.swap_bytes(),
        (_, Size::B) => dst & 0xff,
    }
}

/// The bits of a number of `size` bytes.
#[inline]
#[must_use]
pub const fn mask(size: Size) -> u64 {
    u64::MAX >> (64 - 8 * size.bytes())
}

/// Whether `dst condition src` holds at `width` (RFC 9669 section 4.3).
#[inline]
#[must_use]
pub const fn holds(condition: Condition, width: Width, dst: u64, src: u64) -> bool {
    let (unsigned, signed) = match width {
        Width::W64 => ((dst, src), (dst as i64, src as i64)),
        Width::W32 => ((dst as u32 as u64, src as u32 as u64), (dst as i32 as i64, src as i32 as i64)),
    };
    match condition {
        Condition::Eq => unsigned.0 == unsigned.1,
        Condition::Ne => unsigned.0 != unsigned.1,
        Condition::Set => unsigned.0 & unsigned.1 != 0,
        Condition::Gt => unsigned.0 > unsigned.1,
        Condition::Ge => unsigned.0 >= unsigned.1,
        Condition::Lt => unsigned.0 < unsigned.1,
        Condition::Le => unsigned.0 <= unsigned.1,
        Condition::SGt => signed.0 > signed.1,
        Condition::SGe => signed.0 >= signed.1,
        Condition::SLt => signed.0 < signed.1,
        Condition::SLe => signed.0 <= signed.1,
    }
}

/// What an atomic operation leaves in memory that held `old`; `compare` is r0 (RFC 9669 section 5.3).
#[inline]
#[must_use]
pub const fn atomic(op: AtomicOp, size: Size, old: u64, src: u64, compare: u64) -> u64 {
    match op {
        AtomicOp::Add => old.wrapping_add(src),
        AtomicOp::Or => old | src,
        AtomicOp::And => old & src,
        AtomicOp::Xor => old ^ src,
        AtomicOp::Xchg => src,
        AtomicOp::CmpXchg if old == compare & mask(size) => src,
        AtomicOp::CmpXchg => old,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_is_defined_for_every_operand() {
        for width in [Width::W32, Width::W64] {
            assert_eq!(alu(AluOp::Div, width, 7, 0), 0);
            assert_eq!(alu(AluOp::SDiv, width, 7, 0), 0);
            assert_eq!(alu(AluOp::Mod, width, 7, 0), 7);
            assert_eq!(alu(AluOp::SMod, width, 7, 0), 7);
        }
        let min = i64::MIN as u64;
        assert_eq!(alu(AluOp::SDiv, Width::W64, min, u64::MAX), min);
        assert_eq!(alu(AluOp::SMod, Width::W64, min, u64::MAX), 0);
        assert_eq!(alu(AluOp::SDiv, Width::W32, 0x8000_0000, u64::MAX), 0x8000_0000);
        assert_eq!(alu(AluOp::Mod, Width::W32, 0xffff_ffff_0000_0007, 0x1_0000_0000), 7);
    }

    #[test]
    fn narrow_results_are_zero_extended() {
        assert_eq!(alu(AluOp::Add, Width::W32, 0xffff_ffff, 1), 0);
        assert_eq!(alu(AluOp::Mov, Width::W32, 0, -1i64 as u64), 0xffff_ffff);
        assert_eq!(sign_extend(Width::W32, Size::B, 0x80), 0xffff_ff80);
        assert_eq!(negate(Width::W32, 1), 0xffff_ffff);
    }

    #[test]
    fn shift_counts_are_masked_to_the_width() {
        assert_eq!(alu(AluOp::Lsh, Width::W64, 1, 65), 2);
        assert_eq!(alu(AluOp::Rsh, Width::W32, 4, 33), 2);
        assert_eq!(alu(AluOp::Arsh, Width::W32, 0x8000_0000, 32 + 31), 0xffff_ffff);
    }

    #[test]
    fn a_compare_and_exchange_compares_only_its_size() {
        assert_eq!(atomic(AtomicOp::CmpXchg, Size::W, 5, 9, 0xdead_0000_0005), 9);
        assert_eq!(atomic(AtomicOp::CmpXchg, Size::DW, 5, 9, 0xdead_0000_0005), 5);
    }
}
