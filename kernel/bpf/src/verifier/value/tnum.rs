//! Tristate numbers: each bit is 0, 1 or unknown (Vishwanathan et al., Sound, Precise, and Fast Abstract
//! Interpretation with Tristate Numbers, CGO 2022).

use super::word::{Bit, Merge, Wide, Word};

/// The numbers `n` with `n & !mask == value`. `value & mask` is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tnum<W = u64> {
    /// The known ones.
    pub value: W,
    /// The unknown bits.
    pub mask: W,
}

impl<W: Word> Tnum<W> {
    /// Every number.
    pub const UNKNOWN: Self = Self { value: W::ZERO, mask: W::MAX };

    /// Exactly `value`.
    #[must_use]
    pub const fn constant(value: W) -> Self {
        Self { value, mask: W::ZERO }
    }

    /// The smallest tristate number that holds all of `min..=max`: their common leading bits are known.
    #[must_use]
    pub fn of_range(min: W, max: W) -> Self {
        let mask = (min ^ max).smeared();
        Self { value: min & !mask, mask }
    }

    /// Whether `number` is one of them.
    #[must_use]
    pub fn contains(self, number: W) -> W::Bit {
        (number & !self.mask).equals(self.value)
    }

    /// Whether every number of `other` is one of them.
    #[must_use]
    pub fn covers(self, other: Self) -> W::Bit {
        (other.mask & !self.mask).is_zero() & self.contains(other.value)
    }

    /// The largest of them; the smallest is `value`.
    #[must_use]
    pub fn max(self) -> W {
        self.value | self.mask
    }

    /// The numbers in both, if there are any: if no bit is known differently.
    #[must_use]
    pub fn meet(self, other: Self) -> (Self, W::Bit) {
        let differing = (self.value ^ other.value) & !self.mask & !other.mask;
        let mask = self.mask & other.mask;
        (Self { value: (self.value | other.value) & !mask, mask }, differing.is_zero())
    }

    /// The smallest tristate number that holds both: what both know alike.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        let mask = self.mask | other.mask | (self.value ^ other.value);
        Self { value: self.value & !mask, mask }
    }

    /// The smallest member that is at least `number`, if there is one.
    #[must_use]
    pub fn ceil(self, number: W) -> (W, W::Bit) {
        let wrong = (number ^ self.value) & !self.mask;
        wrong.is_zero().choose(|| (number, W::Bit::TRUE), || self.above(number, wrong))
    }

    /// The smallest member above a number that is none, because it differs in the bits `wrong`.
    fn above(self, number: W, wrong: W) -> (W, W::Bit) {
        // The topmost wrong bit decides. Where it lacks a 1, the member has the number's bits above it and
        // the least below.
        let below = wrong.smeared();
        let lacking = (number & (below ^ below.right(1))).is_zero();
        let raised = (number & !below) | (self.value & below);
        // Where it has a 1 too many, the lowest unknown 0 above it takes a carry.
        let carry = (self.mask & !number & !below).lowest();
        let rest = carry.minus(W::ONE);
        let carried = (number & !(carry | rest)) | carry | (self.value & rest);
        (lacking.select(raised, carried), lacking | !carry.is_zero())
    }

    /// The largest member that is at most `number`, if there is one.
    #[must_use]
    pub fn floor(self, number: W) -> (W, W::Bit) {
        // Order turns around when all bits do.
        let (member, exists) = Self { value: !self.max(), mask: self.mask }.ceil(!number);
        (!member, exists)
    }

    /// Sums. An unknown bit spreads as far as a carry out of it can: that is where the sums of the smallest
    /// and of the largest numbers differ.
    #[must_use]
    pub fn sum(self, other: Self) -> Self {
        let least = self.value.plus(other.value);
        let unknown = self.mask.plus(other.mask);
        let mask = (least.plus(unknown) ^ least) | self.mask | other.mask;
        Self { value: least & !mask, mask }
    }

    /// Differences, by the same argument on borrows.
    #[must_use]
    pub fn difference(self, other: Self) -> Self {
        let difference = self.value.minus(other.value);
        let most = difference.plus(self.mask);
        let least = difference.minus(other.mask);
        let mask = (most ^ least) | self.mask | other.mask;
        Self { value: difference & !mask, mask }
    }

    /// Bitwise and: a known 0 on either side is a known 0.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let value = self.value & other.value;
        let possible = self.max() & other.max();
        Self { value, mask: possible & !value }
    }

    /// Bitwise or: a known 1 on either side is a known 1.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let value = self.value | other.value;
        Self { value, mask: (self.mask | other.mask) & !value }
    }

    /// Bitwise exclusive or: known where both are.
    #[must_use]
    pub fn xor(self, other: Self) -> Self {
        let mask = self.mask | other.mask;
        Self { value: (self.value ^ other.value) & !mask, mask }
    }

    /// Products, by long multiplication: where a bit of `self` is unknown, the sum so far with and without
    /// the shifted `other` is joined.
    #[must_use]
    pub fn product(self, other: Self) -> Self {
        let mut total = Self::constant(W::ZERO);
        for place in 0..W::WIDTH {
            let rest = self.max().right(place);
            if rest.is_zero().known() == Some(true) {
                break;
            }
            let bit = |word: W| !(word.right(place) & W::ONE).is_zero();
            total = bit(self.max()).choose(
                || {
                    let more = total.sum(other.lsh(place));
                    bit(self.mask).choose(|| total.join(more), || more)
                },
                || total,
            );
        }
        total
    }

    /// Left shifts by a count below the width.
    #[must_use]
    pub fn lsh(self, count: u32) -> Self {
        Self { value: self.value.left(count), mask: self.mask.left(count) }
    }

    /// Logical right shifts by a count below the width.
    #[must_use]
    pub fn rsh(self, count: u32) -> Self {
        Self { value: self.value.right(count), mask: self.mask.right(count) }
    }

    /// Arithmetic right shifts by a count below the width: an unknown sign spreads as unknown bits.
    #[must_use]
    pub fn arsh(self, count: u32) -> Self {
        Self { value: self.value.right_signed(count), mask: self.mask.right_signed(count) }
    }

    /// The bits that `bits` has set, the rest zero.
    #[must_use]
    pub fn truncate(self, bits: W) -> Self {
        Self { value: self.value & bits, mask: self.mask & bits }
    }
}

impl<W: Wide> Tnum<W> {
    /// The low half.
    #[must_use]
    pub fn low(self) -> Tnum<W::Half> {
        Tnum { value: self.value.low(), mask: self.mask.low() }
    }

    /// The high half.
    #[must_use]
    pub fn high(self) -> Tnum<W::Half> {
        Tnum { value: self.value.high(), mask: self.mask.high() }
    }

    /// The numbers whose halves these hold.
    #[must_use]
    pub fn of_halves(high: Tnum<W::Half>, low: Tnum<W::Half>) -> Self {
        Self { value: W::of_halves(high.value, low.value), mask: W::of_halves(high.mask, low.mask) }
    }
}

impl<W: Word> Merge<W::Bit> for Tnum<W> {
    fn merge(bit: W::Bit, yes: Self, no: Self) -> Self {
        Self { value: bit.select(yes.value, no.value), mask: bit.select(yes.mask, no.mask) }
    }
}
