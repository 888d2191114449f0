//! Numbers of a register: a tristate number, an unsigned and a signed range, and both ranges of the low half.

mod convert;
mod lattice;
mod operate;
mod reduce;
#[cfg(test)]
mod tests;

use super::interval::{Halves, Interval};
use super::known::Known;
use super::tnum::Tnum;
use super::word::{Bit, Merge, Wide, Word};
use crate::insn::Size;
use crate::interpreter::alu;

/// A set of numbers: those in all five parts.
///
/// What the operators return is reduced: no part says less than all five together
/// ([`Scalar::tightened`]). A set that is written by hand need not be; the operators are right for it all the
/// same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scalar<W: Wide = u64> {
    /// What is known of single bits.
    pub bits: Tnum<W>,
    /// Smallest, as an unsigned number.
    pub umin: W,
    /// Largest, as an unsigned number.
    pub umax: W,
    /// Smallest, as a signed number.
    pub smin: W::Signed,
    /// Largest, as a signed number.
    pub smax: W::Signed,
    /// Smallest low half, as an unsigned number.
    pub umin32: W::Half,
    /// Largest low half, as an unsigned number.
    pub umax32: W::Half,
    /// Smallest low half, as a signed number.
    pub smin32: <W::Half as Word>::Signed,
    /// Largest low half, as a signed number.
    pub smax32: <W::Half as Word>::Signed,
}

impl Scalar {
    /// Exactly `value`.
    #[must_use]
    pub const fn constant(value: u64) -> Self {
        let (signed, low) = (value as i64, value as u32);
        Self {
            bits: Tnum::constant(value),
            umin: value,
            umax: value,
            smin: signed,
            smax: signed,
            umin32: low,
            umax32: low,
            smin32: low as i32,
            smax32: low as i32,
        }
    }

    /// The unsigned range `min..=max`.
    #[must_use]
    pub fn range(min: u64, max: u64) -> Self {
        Self { umin: min, umax: max, ..Self::UNKNOWN }.settled()
    }

    /// The signed range `min..=max`.
    #[must_use]
    pub fn signed_range(min: i64, max: i64) -> Self {
        Self { smin: min, smax: max, ..Self::UNKNOWN }.settled()
    }

    /// Any number of `size` bytes.
    #[must_use]
    pub const fn of_size(size: Size) -> Self {
        let most = alu::mask(size);
        let (smin32, smax32) = match size {
            Size::DW => return Self::UNKNOWN,
            Size::W => (i32::MIN, i32::MAX),
            Size::H | Size::B => (0, most as i32),
        };
        Self {
            bits: Tnum { value: 0, mask: most },
            umin: 0,
            umax: most,
            smin: 0,
            smax: most as i64,
            umin32: 0,
            umax32: most as u32,
            smin32,
            smax32,
        }
    }

    /// Its one value, if it has just one.
    #[must_use]
    pub const fn as_constant(&self) -> Option<u64> {
        if self.umin == self.umax { Some(self.umin) } else { None }
    }

    /// Whether all of it fits 32 bits.
    #[must_use]
    pub const fn fits_u32(&self) -> bool {
        self.umax <= u32::MAX as u64
    }
}

impl<W: Wide> Scalar<W> {
    /// Every number.
    pub const UNKNOWN: Self = Self {
        bits: Tnum::UNKNOWN,
        umin: W::ZERO,
        umax: W::MAX,
        smin: W::LEAST,
        smax: W::MOST,
        umin32: W::Half::ZERO,
        umax32: W::Half::MAX,
        smin32: W::Half::LEAST,
        smax32: W::Half::MOST,
    };

    /// Whether it is every number, or every one without a high half, and they are plain ones: another short cut.
    #[inline]
    fn is_common(&self) -> bool {
        let most = W::of_halves(W::Half::ZERO, W::Half::MAX);
        let any_low = || Self {
            bits: Tnum { value: W::ZERO, mask: most },
            umin: W::ZERO,
            umax: most,
            smin: W::ZERO.signed(),
            smax: most.signed(),
            ..Self::UNKNOWN
        };
        most.number().is_some() && (*self == Self::UNKNOWN || *self == any_low())
    }

    /// Exactly `number`.
    #[must_use]
    pub fn exactly(number: W) -> Self {
        Self::of_parts(Known::constant(number), Known::constant(number.low()))
    }

    /// Its one number, if there is just one and it is a plain one: a short cut for the most common operands.
    fn plain(&self) -> Option<W> {
        let (least, most) = (self.umin.number()?, self.umax.number()?);
        (least == most).then_some(self.umin)
    }

    /// Whether `number` is in it.
    #[must_use]
    pub fn contains(&self, number: W) -> W::Bit {
        let low = number.low();
        self.bits.contains(number)
            & within(number, self.umin, self.umax)
            & within_signed(number, self.smin, self.smax)
            & within(low, self.umin32, self.umax32)
            & within_signed(low, self.smin32, self.smax32)
    }

    /// What it says of the whole number.
    #[must_use]
    pub fn wide(&self) -> Known<W> {
        let unsigned = Interval { min: self.umin, max: self.umax };
        let halves = Halves::of_ranges(unsigned, W::unsigned(self.smin), W::unsigned(self.smax));
        Known { bits: self.bits, halves }
    }

    /// What it says of the low half.
    #[must_use]
    pub fn low(&self) -> Known<W::Half> {
        let unsigned = Interval { min: self.umin32, max: self.umax32 };
        let (smin, smax) = (W::Half::unsigned(self.smin32), W::Half::unsigned(self.smax32));
        Known { bits: self.bits.low(), halves: Halves::of_ranges(unsigned, smin, smax) }
    }

    /// The numbers that are in `wide` and have a low half in `low`, not reduced.
    #[must_use]
    pub fn of_parts(wide: Known<W>, low: Known<W::Half>) -> Self {
        let low_bits = Tnum::of_halves(Tnum::UNKNOWN, low.bits);
        let (unsigned, low_unsigned) = (wide.halves.unsigned(), low.halves.unsigned());
        let ((smin, smax), (low_smin, low_smax)) = (wide.halves.signed(), low.halves.signed());
        Self {
            bits: wide.bits.meet(low_bits).0,
            umin: unsigned.min,
            umax: unsigned.max,
            smin: smin.signed(),
            smax: smax.signed(),
            umin32: low_unsigned.min,
            umax32: low_unsigned.max,
            smin32: low_smin.signed(),
            smax32: low_smax.signed(),
        }
    }
}

fn within<W: Word>(number: W, min: W, max: W) -> W::Bit {
    min.at_most(number) & number.at_most(max)
}

fn within_signed<W: Word>(number: W, min: W::Signed, max: W::Signed) -> W::Bit {
    !number.below_signed(W::unsigned(min)) & !W::unsigned(max).below_signed(number)
}

impl<W: Wide> Merge<W::Bit> for Scalar<W> {
    fn merge(bit: W::Bit, yes: Self, no: Self) -> Self {
        Self {
            bits: bit.select(yes.bits, no.bits),
            umin: bit.select(yes.umin, no.umin),
            umax: bit.select(yes.umax, no.umax),
            smin: select_signed::<W>(bit, yes.smin, no.smin),
            smax: select_signed::<W>(bit, yes.smax, no.smax),
            umin32: bit.select(yes.umin32, no.umin32),
            umax32: bit.select(yes.umax32, no.umax32),
            smin32: select_signed::<W::Half>(bit, yes.smin32, no.smin32),
            smax32: select_signed::<W::Half>(bit, yes.smax32, no.smax32),
        }
    }
}

fn select_signed<W: Word>(bit: W::Bit, yes: W::Signed, no: W::Signed) -> W::Signed {
    bit.select(W::unsigned(yes), W::unsigned(no)).signed()
}
