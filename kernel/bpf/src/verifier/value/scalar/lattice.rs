//! Sets of numbers compared, met, joined and widened.

use super::Scalar;
use crate::verifier::value::interval::Interval;
use crate::verifier::value::tnum::Tnum;
use crate::verifier::value::word::{Bit, Wide, Word};

impl<W: Wide<Bit = bool>> Scalar<W> {
    /// The numbers in both; `None` if there are none.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Option<Self> {
        let (both, possible) = self.meet_parts(other);
        if possible { both.tightened() } else { None }
    }
}

impl<W: Wide> Scalar<W> {
    /// Whether every part of `other` is in the same part of this. Where `other` is reduced, this is whether
    /// every number of it is in this.
    #[must_use]
    pub fn covers(&self, other: &Self) -> W::Bit {
        let range =
            |this: Interval<W>, other: Interval<W>| this.min.at_most(other.min) & other.max.at_most(this.max);
        let low_range = |this: Interval<W::Half>, other: Interval<W::Half>| {
            this.min.at_most(other.min) & other.max.at_most(this.max)
        };
        self.bits.covers(other.bits)
            & range(self.unsigned(), other.unsigned())
            & range(self.signed(), other.signed())
            & low_range(self.low_unsigned(), other.low_unsigned())
            & low_range(self.low_signed(), other.low_signed())
    }

    /// The numbers in both before reduction, and whether the known bits agree.
    #[must_use]
    pub fn meet_parts(&self, other: &Self) -> (Self, W::Bit) {
        let (bits, possible) = self.bits.meet(other.bits);
        let met = Self::of_ranges(
            bits,
            [both(self.unsigned(), other.unsigned()), both(self.signed(), other.signed())],
            [both(self.low_unsigned(), other.low_unsigned()), both(self.low_signed(), other.low_signed())],
        );
        (met, possible)
    }

    /// The smallest scalar that holds both. It is reduced if both are.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        Self::of_ranges(
            self.bits.join(other.bits),
            [self.unsigned().hull(other.unsigned()), self.signed().hull(other.signed())],
            [self.low_unsigned().hull(other.low_unsigned()), self.low_signed().hull(other.low_signed())],
        )
    }

    /// A scalar that holds this and `newer`, for the head of a loop: a bound that `newer` exceeds moves on to a
    /// power of two, so that a chain of widenings ends after few. It is not reduced: that could undo a step.
    #[must_use]
    pub fn widened(&self, newer: &Self) -> Self {
        let unsigned = wider(self.unsigned(), newer.unsigned(), W::ZERO);
        let joined = self.bits.join(newer.bits);
        let lost = joined.mask & !self.bits.mask;
        // A counter's bits are lost one after the other. From the lowest that is lost on, all are given up that
        // the range can reach.
        let from_lowest = !(lost.lowest().minus(W::ONE));
        let given_up = Tnum::of_range(unsigned.min, unsigned.max).mask & from_lowest;
        let mask = joined.mask | lost.is_zero().select(W::ZERO, given_up);
        Self::of_ranges(
            Tnum { value: joined.value & !mask, mask },
            [unsigned, wider(self.signed(), newer.signed(), W::SIGN)],
            [
                wider(self.low_unsigned(), newer.low_unsigned(), W::Half::ZERO),
                wider(self.low_signed(), newer.low_signed(), W::Half::SIGN),
            ],
        )
    }

    fn unsigned(&self) -> Interval<W> {
        Interval { min: self.umin, max: self.umax }
    }

    /// The signed range as an unsigned one: with the sign turned around, both orders agree.
    fn signed(&self) -> Interval<W> {
        biased(W::unsigned(self.smin), W::unsigned(self.smax))
    }

    fn low_unsigned(&self) -> Interval<W::Half> {
        Interval { min: self.umin32, max: self.umax32 }
    }

    fn low_signed(&self) -> Interval<W::Half> {
        biased(W::Half::unsigned(self.smin32), W::Half::unsigned(self.smax32))
    }

    /// Of an unsigned and a signed range of the whole and of the low half.
    fn of_ranges(bits: Tnum<W>, wide: [Interval<W>; 2], low: [Interval<W::Half>; 2]) -> Self {
        let ([unsigned, signed], [low_unsigned, low_signed]) = (wide, low);
        Self {
            bits,
            umin: unsigned.min,
            umax: unsigned.max,
            smin: (signed.min ^ W::SIGN).signed(),
            smax: (signed.max ^ W::SIGN).signed(),
            umin32: low_unsigned.min,
            umax32: low_unsigned.max,
            smin32: (low_signed.min ^ W::Half::SIGN).signed(),
            smax32: (low_signed.max ^ W::Half::SIGN).signed(),
        }
    }
}

fn biased<W: Word>(smin: W, smax: W) -> Interval<W> {
    Interval { min: smin ^ W::SIGN, max: smax ^ W::SIGN }
}

/// The meet, as it is even where it is empty.
fn both<W: Word>(a: Interval<W>, b: Interval<W>) -> Interval<W> {
    Interval { min: a.min.larger(b.min), max: a.max.smaller(b.max) }
}

/// A bound stops at numbers of so many bits, and where the word's sign begins.
const STOPS: [u32; 5] = [8, 16, 31, 32, 63];

/// `range`, with each end that `newer` exceeds moved on to a stop: a largest number to -1 or 2^n - 1, a smallest
/// to 0 or -2^n. Both are given with the bits of `bias` turned around.
fn wider<W: Word>(range: Interval<W>, newer: Interval<W>, bias: W) -> Interval<W> {
    let bits = STOPS.into_iter().filter(|&bits| bits < W::WIDTH).chain([W::WIDTH - 1, W::WIDTH]);
    let widest = Interval { min: W::ZERO, max: W::MAX };
    let stop = bits.fold(widest, |best, bits| {
        let most = W::MAX.right(W::WIDTH - bits);
        let (min, max) = (!most ^ bias, most ^ bias);
        Interval {
            min: min.at_most(newer.min).select(best.min.larger(min), best.min),
            max: newer.max.at_most(max).select(best.max.smaller(max), best.max),
        }
    });
    Interval {
        min: newer.min.below(range.min).select(stop.min, range.min),
        max: range.max.below(newer.max).select(stop.max, range.max),
    }
}
