//! Extensions, truncations and byte orders.

use super::Scalar;
use crate::insn::{ByteOrder, Size, Width};
use crate::verifier::value::interval::{Halves, Interval};
use crate::verifier::value::known::{Known, Shift};
use crate::verifier::value::tnum::Tnum;
use crate::verifier::value::word::{Bit, Wide, Word};

impl<W: Wide> Scalar<W> {
    /// The low `size` bytes, zero-extended.
    #[must_use]
    pub fn truncated(&self, size: Size) -> Self {
        match size {
            Size::DW => *self,
            _ => self.truncated_parts(size).settled(),
        }
    }

    /// The same before reduction.
    #[must_use]
    pub fn truncated_parts(&self, size: Size) -> Self {
        match size {
            Size::DW => *self,
            Size::W => Self::zero_extended(self.low()),
            Size::B | Size::H => {
                let bytes = W::Half::MAX.right(W::Half::WIDTH - W::bits(size));
                Self::zero_extended(self.low().and(Known::constant(bytes)))
            }
        }
    }

    /// The low `from` bytes, sign-extended to 64 bits.
    #[must_use]
    pub fn sign_extended(&self, from: Size) -> Self {
        self.mov_sx(Width::W64, from)
    }

    /// Results of the sign-extending move of `from` bytes to `width`.
    #[must_use]
    pub fn mov_sx(&self, width: Width, from: Size) -> Self {
        match (width, from) {
            (Width::W64, Size::DW) => *self,
            _ => self.mov_sx_parts(width, from).settled(),
        }
    }

    /// The same before reduction.
    #[must_use]
    pub fn mov_sx_parts(&self, width: Width, from: Size) -> Self {
        let extended = match from {
            Size::W | Size::DW => self.low(),
            Size::B | Size::H => {
                let rest = W::Half::WIDTH - W::bits(from);
                self.low().shifted_by(Shift::Left, rest).shifted_by(Shift::RightSigned, rest)
            }
        };
        match (width, from) {
            (Width::W64, Size::DW) => *self,
            (Width::W64, _) => Self::sign_extended_from(extended),
            (Width::W32, _) => Self::zero_extended(extended),
        }
    }

    /// Results of a byte order conversion of `size` bytes.
    #[must_use]
    pub fn swapped(&self, order: ByteOrder, size: Size) -> Self {
        match order {
            ByteOrder::ToLittle => self.truncated(size),
            ByteOrder::ToBig | ByteOrder::Swap => self.swapped_parts(size).settled(),
        }
    }

    /// The low `size` bytes in reverse order, before reduction: only bits can be followed.
    #[must_use]
    pub fn swapped_parts(&self, size: Size) -> Self {
        let bits = Tnum { value: self.bits.value.swapped(size), mask: self.bits.mask.swapped(size) };
        Self { bits, ..Self::UNKNOWN }
    }

    /// The numbers whose low half is in `low` and whose high half is 0, not reduced.
    pub(super) fn zero_extended(low: Known<W::Half>) -> Self {
        let zero = W::Half::ZERO;
        let unsigned = low.halves.unsigned();
        let lower = Interval { min: W::of_halves(zero, unsigned.min), max: W::of_halves(zero, unsigned.max) };
        let bits = Tnum::of_halves(Tnum::constant(zero), low.bits);
        let halves = Halves { lower: Interval::new(lower.min, lower.max), upper: Interval::EMPTY };
        Self::of_parts(Known { bits, halves }, low)
    }

    /// The numbers whose low half is in `low` and whose high half repeats its sign, not reduced.
    pub(super) fn sign_extended_from(low: Known<W::Half>) -> Self {
        let extend = |word: W::Half| {
            let high = word.is_negative().select(W::Half::MAX, W::Half::ZERO);
            W::of_halves(high, word)
        };
        // An empty piece stays the empty one.
        let piece = |Interval { min, max }| Interval { min: extend(min), max: extend(max) };
        let halves = Halves { lower: piece(low.halves.lower), upper: piece(low.halves.upper) };
        let bits = Tnum { value: extend(low.bits.value), mask: extend(low.bits.mask) };
        Self::of_parts(Known { bits, halves }, low)
    }
}
