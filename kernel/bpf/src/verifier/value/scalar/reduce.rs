//! Reduction: each part is narrowed by what all the others say, as far as it goes.
//!
//! It takes one pass, because a number is in a scalar just if its high half has the known bits, its low half
//! has those and lies in the low ranges, and the whole lies in the ranges. Without the last, any such high
//! half goes with any such low half; so for any number the next one in the set is found directly, and so are
//! the four ends of both halves of the circle. What is left between the ends is again any high half with any
//! low half, but for the first and the last high half.

use super::Scalar;
use crate::verifier::value::interval::{Halves, Interval};
use crate::verifier::value::known::Known;
use crate::verifier::value::tnum::Tnum;
use crate::verifier::value::word::{Bit, Merge, Wide, Word};

impl<W: Wide<Bit = bool>> Scalar<W> {
    /// The same set with each part narrowed as far as the others tell; `None` if it is empty.
    #[must_use]
    pub fn tightened(self) -> Option<Self> {
        let (scalar, exists) = self.reduced();
        exists.then_some(scalar)
    }
}

impl<W: Wide> Scalar<W> {
    /// The same set with each part narrowed as far as the others tell, and whether it holds any number.
    #[must_use]
    pub fn reduced(&self) -> (Self, W::Bit) {
        if let Some(number) = self.plain() {
            return (Self::exactly(number), self.contains(number));
        }
        if self.is_common() {
            return (*self, W::Bit::TRUE);
        }
        let all = Product { high: self.bits.high(), low: self.low().aligned() };
        let Halves { lower, upper } = self.wide().halves;
        let (lower, upper) = (all.aligned(lower), all.aligned(upper));
        let [lower_rest, upper_rest] = [lower, upper].map(|piece| all.clipped(piece));
        let rest = lower
            .is_empty()
            .select(upper_rest, upper.is_empty().select(lower_rest, lower_rest.join(upper_rest)));
        let bits = Tnum::of_halves(rest.high, rest.low.bits);
        let halves = Halves { lower, upper };
        (Self::of_parts(Known { bits, halves }, rest.low), !halves.is_empty())
    }

    /// Reduced; every number, if it is empty: only what no run comes to is, and of that anything is true.
    #[must_use]
    pub(super) fn settled(&self) -> Self {
        let (scalar, exists) = self.reduced();
        exists.select(scalar, Self::UNKNOWN)
    }
}

/// Any high half of the one with any low half of the other, which is aligned.
#[derive(Clone, Copy)]
struct Product<W: Wide> {
    high: Tnum<W::Half>,
    low: Known<W::Half>,
}

impl<W: Wide> Product<W> {
    /// The part of an interval from its first member to its last.
    fn aligned(self, interval: Interval<W>) -> Interval<W> {
        let ((min, has_min), (max, has_max)) = (self.ceil(interval.min), self.floor(interval.max));
        let exists = has_min & has_max & !self.low.halves.is_empty() & !interval.is_empty();
        Interval::new(min, max).given(exists)
    }

    /// The smallest member that is at least `number`, if there is one.
    fn ceil(self, number: W) -> (W, W::Bit) {
        let (high, (low, has_low)) = (number.high(), self.low.ceil(number.low()));
        (has_low & self.high.contains(high)).choose(
            || (W::of_halves(high, low), W::Bit::TRUE),
            || {
                let (next, exists) = next(self.high, high);
                (W::of_halves(next, self.low.halves.unsigned().min), exists)
            },
        )
    }

    /// The largest member that is at most `number`, if there is one.
    fn floor(self, number: W) -> (W, W::Bit) {
        let (high, (low, has_low)) = (number.high(), self.low.floor(number.low()));
        (has_low & self.high.contains(high)).choose(
            || (W::of_halves(high, low), W::Bit::TRUE),
            || {
                let (previous, exists) = self.high.floor(high.minus(W::Half::ONE));
                let exists = exists & !high.is_zero();
                (W::of_halves(previous, self.low.halves.unsigned().max), exists)
            },
        )
    }

    /// What an interval whose ends are members leaves of both.
    fn clipped(self, Interval { min, max }: Interval<W>) -> Self {
        let (first, last) = (min.high(), max.high());
        let from = Interval { min: min.low(), max: W::Half::MAX };
        let to = Interval { min: W::Half::ZERO, max: max.low() };
        let high = self.high.meet(Tnum::of_range(first, last)).0;
        let low = first.equals(last).choose(
            || self.low.clipped(from.meet(to)),
            || {
                let all = Interval { min: W::Half::ZERO, max: W::Half::MAX };
                let (second, exists) = next(self.high, first);
                (exists & second.equals(last))
                    .choose(|| self.low.clipped(from).join(self.low.clipped(to)), || self.low.clipped(all))
            },
        );
        Self { high, low }
    }

    fn join(self, other: Self) -> Self {
        Self { high: self.high.join(other.high), low: self.low.join(other.low) }
    }
}

/// The smallest member above `number`, if there is one.
fn next<W: Word>(bits: Tnum<W>, number: W) -> (W, W::Bit) {
    let (next, exists) = bits.ceil(number.plus(W::ONE));
    (next, exists & !number.equals(W::MAX))
}

impl<W: Wide> Merge<W::Bit> for Product<W> {
    fn merge(bit: W::Bit, yes: Self, no: Self) -> Self {
        Self { high: bit.select(yes.high, no.high), low: bit.select(yes.low, no.low) }
    }
}
