//! What is known of a number of one width: its bits, and ranges in both halves of the number circle.
//!
//! Each part of a result is right by itself: none needs another to be repaired.

mod arithmetic;
mod bitwise;
mod division;
mod shift;

pub use shift::Shift;

use super::interval::{Arc, Halves, Interval};
use super::tnum::Tnum;
use super::word::{Bit, Merge, Word};

/// A set of numbers: those in both parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known<W> {
    /// What is known of single bits.
    pub bits: Tnum<W>,
    /// The ranges.
    pub halves: Halves<W>,
}

impl<W: Word> Known<W> {
    /// No number.
    pub const EMPTY: Self = Self { bits: Tnum::UNKNOWN, halves: Halves::EMPTY };

    /// Exactly `value`.
    #[must_use]
    pub fn constant(value: W) -> Self {
        let only = Arc { from: value, to: value };
        Self { bits: Tnum::constant(value), halves: Halves::of_arc(only) }
    }

    /// Every number.
    #[must_use]
    pub fn unknown() -> Self {
        Self { bits: Tnum::UNKNOWN, halves: Halves::of_arc(Arc::FULL) }
    }

    /// Whether `number` is in it.
    #[must_use]
    pub fn contains(self, number: W) -> W::Bit {
        let piece = number.is_negative().select(self.halves.upper, self.halves.lower);
        self.bits.contains(number) & piece.min.at_most(number) & number.at_most(piece.max)
    }

    /// Whether it is just one number, and which.
    #[must_use]
    pub fn as_constant(self) -> (W, W::Bit) {
        let Interval { min, max } = self.halves.unsigned();
        (min, min.equals(max))
    }

    /// Both parts of the one and of the other joined.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        let bits = either((self.bits, self.halves.is_empty()), (other.bits, other.halves.is_empty()));
        Self { bits, halves: self.halves.hull(other.halves) }
    }

    /// The numbers in both.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        let (bits, possible) = self.bits.meet(other.bits);
        let halves = self.halves.meet(other.halves);
        Self { bits, halves: possible.select(halves, Halves::EMPTY) }
    }

    /// The numbers that are in `arc` too, which begins or ends where a half does.
    #[must_use]
    pub fn within(self, arc: Arc<W>) -> Self {
        Self { halves: self.halves.meet(Halves::of_arc(arc)), ..self }
    }

    /// The same set, with ends that are in it.
    #[must_use]
    pub fn aligned(self) -> Self {
        let align = |interval: Interval<W>| {
            let ((min, has_min), (max, has_max)) =
                (self.bits.ceil(interval.min), self.bits.floor(interval.max));
            Interval::new(min, max).given(has_min & has_max & !interval.is_empty())
        };
        let Halves { lower, upper } = self.halves;
        Self { halves: Halves { lower: align(lower), upper: align(upper) }, ..self }
    }

    /// Of an aligned set, the smallest member that is at least `number`, if there is one.
    #[must_use]
    pub fn ceil(self, number: W) -> (W, W::Bit) {
        let Halves { lower, upper } = self.halves;
        let in_lower = number.at_most(lower.max) & !lower.is_empty();
        let in_upper = number.at_most(upper.max) & !upper.is_empty();
        let start = number.larger(in_lower.select(lower.min, upper.min));
        (self.bits.ceil(start).0, in_lower | in_upper)
    }

    /// Of an aligned set, the largest member that is at most `number`, if there is one.
    #[must_use]
    pub fn floor(self, number: W) -> (W, W::Bit) {
        let Halves { lower, upper } = self.halves;
        let in_lower = lower.min.at_most(number) & !lower.is_empty();
        let in_upper = upper.min.at_most(number) & !upper.is_empty();
        let start = number.smaller(in_upper.select(upper.max, lower.max));
        (self.bits.floor(start).0, in_lower | in_upper)
    }

    /// Of an aligned set, what an interval leaves of it, whose ends are members or outside of the set.
    #[must_use]
    pub fn clipped(self, interval: Interval<W>) -> Self {
        let lower = self.halves.lower.meet(interval);
        let upper = self.halves.upper.meet(interval);
        let bits = |piece: Interval<W>| self.bits.meet(Tnum::of_range(piece.min, piece.max)).0;
        let bits = either((bits(lower), lower.is_empty()), (bits(upper), upper.is_empty()));
        Self { bits, halves: Halves { lower, upper } }
    }
}

/// The bits of both, where a set that is empty has none.
fn either<W: Word>((a, no_a): (Tnum<W>, W::Bit), (b, no_b): (Tnum<W>, W::Bit)) -> Tnum<W> {
    no_a.select(b, no_b.select(a, a.join(b)))
}

impl<W: Word> Merge<W::Bit> for Known<W> {
    fn merge(bit: W::Bit, yes: Self, no: Self) -> Self {
        Self { bits: bit.select(yes.bits, no.bits), halves: bit.select(yes.halves, no.halves) }
    }
}
