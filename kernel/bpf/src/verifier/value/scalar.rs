//! Numbers: a tristate number, an unsigned and a signed range, each true by itself.

use super::tnum::Tnum;
use crate::insn::{AluOp, ByteOrder, Size, Width};
use crate::interpreter::alu;

/// A set of 64-bit numbers: those in all three parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// What is known of single bits.
    pub bits: Tnum,
    /// Smallest, as an unsigned number.
    pub umin: u64,
    /// Largest, as an unsigned number.
    pub umax: u64,
    /// Smallest, as a signed number.
    pub smin: i64,
    /// Largest, as a signed number.
    pub smax: i64,
}

const U32_MAX: u64 = u32::MAX as u64;

impl Scalar {
    /// Every number.
    pub const UNKNOWN: Self =
        Self { bits: Tnum::UNKNOWN, umin: 0, umax: u64::MAX, smin: i64::MIN, smax: i64::MAX };

    /// Exactly `value`.
    #[must_use]
    pub const fn constant(value: u64) -> Self {
        Self { bits: Tnum::constant(value), umin: value, umax: value, smin: value as i64, smax: value as i64 }
    }

    /// The unsigned range `min..=max`.
    #[must_use]
    pub fn range(min: u64, max: u64) -> Self {
        Self { umin: min, umax: max, ..Self::UNKNOWN }.tightened().unwrap_or(Self::UNKNOWN)
    }

    /// The signed range `min..=max`.
    #[must_use]
    pub fn signed_range(min: i64, max: i64) -> Self {
        Self { smin: min, smax: max, ..Self::UNKNOWN }.tightened().unwrap_or(Self::UNKNOWN)
    }

    /// Any number of `size` bytes.
    #[must_use]
    pub fn of_size(size: Size) -> Self {
        Self::range(0, alu::mask(size))
    }

    /// Its one value, if it has just one.
    #[must_use]
    pub const fn as_constant(&self) -> Option<u64> {
        if self.umin == self.umax { Some(self.umin) } else { None }
    }

    /// Whether `number` is in it.
    #[must_use]
    pub const fn contains(&self, number: u64) -> bool {
        self.bits.contains(number)
            && self.umin <= number
            && number <= self.umax
            && self.smin <= number as i64
            && number as i64 <= self.smax
    }

    /// Whether every number of `other` is in it.
    #[must_use]
    pub const fn covers(&self, other: &Self) -> bool {
        self.bits.covers(other.bits)
            && self.umin <= other.umin
            && other.umax <= self.umax
            && self.smin <= other.smin
            && other.smax <= self.smax
    }

    /// The same set with each part narrowed by what the others say; `None` if it is empty.
    #[must_use]
    pub fn tightened(mut self) -> Option<Self> {
        // Twice, because a narrowed range can fix bits that narrow a range.
        for _ in 0..2 {
            self.umin = self.umin.max(self.bits.value);
            self.umax = self.umax.min(self.bits.max());
            // Within one half of the number circle, signed and unsigned order agree.
            if (self.smin < 0) == (self.smax < 0) {
                self.umin = self.umin.max(self.smin as u64);
                self.umax = self.umax.min(self.smax as u64);
            }
            if ((self.umin as i64) < 0) == ((self.umax as i64) < 0) {
                self.smin = self.smin.max(self.umin as i64);
                self.smax = self.smax.min(self.umax as i64);
            }
            if self.umin > self.umax || self.smin > self.smax {
                return None;
            }
            self.bits = self.bits.meet(Tnum::of_range(self.umin, self.umax))?;
        }
        (self.umin <= self.umax && self.smin <= self.smax).then_some(self)
    }

    /// The numbers in both; `None` if there are none.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Option<Self> {
        Self {
            bits: self.bits.meet(other.bits)?,
            umin: self.umin.max(other.umin),
            umax: self.umax.min(other.umax),
            smin: self.smin.max(other.smin),
            smax: self.smax.min(other.smax),
        }
        .tightened()
    }

    fn of_bits(bits: Tnum) -> Self {
        Self { bits, ..Self::UNKNOWN }.tightened().unwrap_or(Self::UNKNOWN)
    }

    /// Narrowed by a range that holds every result of the operator, too.
    fn within(self, min: u64, max: u64) -> Self {
        self.meet(&Self::range(min, max)).unwrap_or(self)
    }

    /// Results of `self op other` at `width`.
    #[must_use]
    pub fn alu(&self, op: AluOp, width: Width, other: &Self) -> Self {
        if let (Some(dst), Some(src)) = (self.as_constant(), other.as_constant()) {
            return Self::constant(alu::alu(op, width, dst, src));
        }
        match width {
            Width::W64 => self.alu64(op, other),
            Width::W32 => self.alu32(op, other),
        }
    }

    fn alu64(&self, op: AluOp, other: &Self) -> Self {
        match op {
            AluOp::Add => self.add(other),
            AluOp::Sub => self.sub(other),
            AluOp::Mul => self.mul(other),
            AluOp::Div => self.div(other),
            AluOp::Mod => self.rem(other),
            AluOp::And => Self::of_bits(self.bits.and(other.bits)).within(0, self.umax.min(other.umax)),
            AluOp::Or => Self::of_bits(self.bits.or(other.bits)).within(self.umin.max(other.umin), u64::MAX),
            AluOp::Xor => Self::of_bits(self.bits.xor(other.bits)),
            AluOp::Mov => *other,
            AluOp::Lsh => self.lsh(other, 63),
            AluOp::Rsh => self.rsh(other, 63),
            AluOp::Arsh => self.arsh(other, 63),
            AluOp::SDiv | AluOp::SMod => Self::UNKNOWN,
        }
    }

    /// The low 32 bits of these results depend on the low 32 bits of the operands only, so they are
    /// computed on truncated operands.
    fn alu32(&self, op: AluOp, other: &Self) -> Self {
        let (dst, src) = (self.truncated(Size::W), other.truncated(Size::W));
        let result = match op {
            AluOp::Lsh => dst.lsh(&src, 31),
            AluOp::Rsh => dst.rsh(&src, 31),
            AluOp::Arsh => dst.sign_extended(Size::W).arsh(&src, 31),
            _ => dst.alu64(op, &src),
        };
        result.truncated(Size::W)
    }

    fn add(&self, other: &Self) -> Self {
        let unsigned = self.umin.checked_add(other.umin).zip(self.umax.checked_add(other.umax));
        let signed = self.smin.checked_add(other.smin).zip(self.smax.checked_add(other.smax));
        Self::of_parts(self.bits.add(other.bits), unsigned, signed)
    }

    fn sub(&self, other: &Self) -> Self {
        let unsigned = self.umin.checked_sub(other.umax).zip(self.umax.checked_sub(other.umin));
        let signed = self.smin.checked_sub(other.smax).zip(self.smax.checked_sub(other.smin));
        Self::of_parts(self.bits.sub(other.bits), unsigned, signed)
    }

    fn mul(&self, other: &Self) -> Self {
        let unsigned = self.umin.checked_mul(other.umin).zip(self.umax.checked_mul(other.umax));
        Self::of_parts(self.bits.mul(other.bits), unsigned, None)
    }

    /// Parts that each hold every result; a range that overflows says nothing.
    fn of_parts(bits: Tnum, unsigned: Option<(u64, u64)>, signed: Option<(i64, i64)>) -> Self {
        let (umin, umax) = unsigned.unwrap_or((0, u64::MAX));
        let (smin, smax) = signed.unwrap_or((i64::MIN, i64::MAX));
        let parts = Self { bits, umin, umax, smin, smax };
        parts.tightened().unwrap_or(Self::UNKNOWN)
    }

    fn div(&self, other: &Self) -> Self {
        // Division by 0 gives 0.
        let min = self.umin.checked_div(other.umax).filter(|_| other.umin > 0).unwrap_or(0);
        Self::range(min, self.umax / other.umin.max(1))
    }

    fn rem(&self, other: &Self) -> Self {
        // x % 0 is x, and no remainder is larger than x.
        let below = other.umax.checked_sub(1).filter(|_| other.umin > 0).unwrap_or(u64::MAX);
        Self::range(0, self.umax.min(below))
    }

    /// The counts of a shift, if none of them is masked.
    fn counts(&self, largest: u64) -> Option<(u32, u32)> {
        (self.umax <= largest).then_some((self.umin as u32, self.umax as u32))
    }

    fn lsh(&self, count: &Self, largest: u64) -> Self {
        let Some((least, most)) = count.counts(largest) else {
            return Self::UNKNOWN;
        };
        let bits = if least == most { self.bits.lsh(least) } else { Tnum::UNKNOWN };
        let fits = self.umax.leading_zeros() >= most;
        Self::of_parts(bits, fits.then(|| (self.umin << least, self.umax << most)), None)
    }

    fn rsh(&self, count: &Self, largest: u64) -> Self {
        let Some((least, most)) = count.counts(largest) else {
            return Self::range(0, self.umax);
        };
        let bits = if least == most { self.bits.rsh(least) } else { Tnum::UNKNOWN };
        Self::of_parts(bits, Some((self.umin >> most, self.umax >> least)), None)
    }

    fn arsh(&self, count: &Self, largest: u64) -> Self {
        match count.counts(largest) {
            Some((least, most)) if least == most => {
                Self::of_parts(self.bits.arsh(least), None, Some((self.smin >> least, self.smax >> least)))
            }
            // A shift only brings a number nearer to 0, or to -1.
            _ => Self::signed_range(self.smin.min(0), self.smax.max(0)),
        }
    }

    /// Results of `-self` at `width`.
    #[must_use]
    pub fn negated(&self, width: Width) -> Self {
        Self::constant(0).alu(AluOp::Sub, width, self)
    }

    /// The low `size` bytes, zero-extended.
    #[must_use]
    pub fn truncated(&self, size: Size) -> Self {
        let mask = alu::mask(size);
        // Numbers that agree above the mask keep their order below it.
        let unsigned =
            (self.umin & !mask == self.umax & !mask).then_some((self.umin & mask, self.umax & mask));
        Self::of_parts(self.bits.truncate(mask), unsigned.or(Some((0, mask))), None)
    }

    /// The low `from` bytes, sign-extended to 64 bits.
    #[must_use]
    pub fn sign_extended(&self, from: Size) -> Self {
        let shift = 64 - 8 * from.bytes() as u32;
        let (least, most) = (i64::MIN >> shift, i64::MAX >> shift);
        if least <= self.smin && self.smax <= most {
            return *self;
        }
        let bits = self.bits.lsh(shift).arsh(shift);
        Self::of_parts(bits, None, Some((least, most)))
    }

    /// Results of the sign-extending move of `from` bytes to `width`.
    #[must_use]
    pub fn mov_sx(&self, width: Width, from: Size) -> Self {
        let extended = self.sign_extended(from);
        match width {
            Width::W64 => extended,
            Width::W32 => extended.truncated(Size::W),
        }
    }

    /// Results of a byte order conversion of `size` bytes.
    #[must_use]
    pub fn swapped(&self, order: ByteOrder, size: Size) -> Self {
        match (self.as_constant(), order) {
            (Some(value), _) => Self::constant(alu::swap(order, size, value)),
            (None, ByteOrder::ToLittle) => self.truncated(size),
            (None, _) => Self::of_size(size),
        }
    }

    /// Whether all of it fits 32 bits.
    #[must_use]
    pub const fn fits_u32(&self) -> bool {
        self.umax <= U32_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{numbers, scalar_with, seeds};
    use super::*;

    const OPERATORS: [AluOp; 14] = [
        AluOp::Add,
        AluOp::Sub,
        AluOp::Mul,
        AluOp::Div,
        AluOp::SDiv,
        AluOp::Or,
        AluOp::And,
        AluOp::Lsh,
        AluOp::Rsh,
        AluOp::Mod,
        AluOp::SMod,
        AluOp::Xor,
        AluOp::Mov,
        AluOp::Arsh,
    ];

    #[test]
    fn every_operator_holds_the_result() {
        for mut random in seeds(20_000) {
            let (a, b) = (numbers(&mut random), numbers(&mut random));
            let (dst, src) = (scalar_with(a, &mut random), scalar_with(b, &mut random));
            assert!(dst.contains(a) && src.contains(b));
            for width in [Width::W32, Width::W64] {
                for op in OPERATORS {
                    let (result, concrete) = (dst.alu(op, width, &src), alu::alu(op, width, a, b));
                    assert!(
                        result.contains(concrete),
                        "{op:?} {width:?} {a:#x} {b:#x} {dst:?} {src:?} -> {result:?}"
                    );
                }
                assert!(dst.negated(width).contains(alu::negate(width, a)), "{width:?} {a:#x} {dst:?}");
                for size in [Size::B, Size::H, Size::W] {
                    let moved = dst.mov_sx(width, size);
                    assert!(
                        moved.contains(alu::sign_extend(width, size, a)),
                        "{width:?} {size:?} {a:#x} {dst:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn conversions_and_meets_hold_the_result() {
        for mut random in seeds(20_000) {
            let a = numbers(&mut random);
            let (one, two) = (scalar_with(a, &mut random), scalar_with(a, &mut random));
            assert!(one.meet(&two).is_some_and(|both| both.contains(a)), "{a:#x} {one:?} {two:?}");
            for size in [Size::B, Size::H, Size::W, Size::DW] {
                assert!(one.truncated(size).contains(a & alu::mask(size)), "{size:?} {a:#x} {one:?}");
                assert!(one.sign_extended(size).contains(alu::sign_extend(Width::W64, size, a)));
                for order in [ByteOrder::ToLittle, ByteOrder::ToBig, ByteOrder::Swap] {
                    assert!(one.swapped(order, size).contains(alu::swap(order, size, a)));
                }
            }
        }
    }

    #[test]
    fn the_shapes_bounds_checks_rely_on_stay_tight() {
        let byte = Scalar::of_size(Size::B);
        let scaled = byte.alu(AluOp::Lsh, Width::W64, &Scalar::constant(3));
        assert_eq!((scaled.umin, scaled.umax, scaled.bits.mask), (0, 0x7f8, 0x7f8));
        let masked = Scalar::UNKNOWN.alu(AluOp::And, Width::W64, &Scalar::constant(63));
        assert_eq!((masked.umin, masked.umax), (0, 63));
        let remainder = Scalar::UNKNOWN.alu(AluOp::Mod, Width::W32, &Scalar::constant(10));
        assert_eq!((remainder.umin, remainder.umax), (0, 9));
    }
}
