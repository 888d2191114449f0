//! Ranges on the circle of numbers: unsigned order cuts it between 2^width - 1 and 0, signed order halfway.

use super::word::{Bit, Merge, Word};

/// The numbers `min..=max`, unsigned; none where `min > max`, and then it is [`Interval::EMPTY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval<W> {
    /// Smallest.
    pub min: W,
    /// Largest.
    pub max: W,
}

impl<W: Word> Interval<W> {
    /// No number.
    pub const EMPTY: Self = Self { min: W::MAX, max: W::ZERO };

    /// `min..=max`
    #[must_use]
    pub fn new(min: W, max: W) -> Self {
        max.below(min).select(Self::EMPTY, Self { min, max })
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(self) -> W::Bit {
        self.max.below(self.min)
    }

    /// The numbers in both.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        Self::new(self.min.larger(other.min), self.max.smaller(other.max))
    }

    /// The smallest interval that holds both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self { min: self.min.smaller(other.min), max: self.max.larger(other.max) }
    }

    /// This one if `bit` is true, else none.
    #[must_use]
    pub fn given(self, bit: W::Bit) -> Self {
        bit.select(self, Self::EMPTY)
    }
}

impl<W: Word> Merge<W::Bit> for Interval<W> {
    fn merge(bit: W::Bit, yes: Self, no: Self) -> Self {
        Self { min: bit.select(yes.min, no.min), max: bit.select(yes.max, no.max) }
    }
}

/// The numbers from `from` upwards to `to`, past 2^width - 1 to 0 where `to` is below `from`. Never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arc<W> {
    /// The first.
    pub from: W,
    /// The last.
    pub to: W,
}

impl<W: Word> Arc<W> {
    /// Every number.
    pub const FULL: Self = Self { from: W::ZERO, to: W::MAX };

    /// The negatives of its numbers.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { from: self.to.negative(), to: self.from.negative() }
    }
}

impl<W: Word> Merge<W::Bit> for Arc<W> {
    fn merge(bit: W::Bit, yes: Self, no: Self) -> Self {
        Self { from: bit.select(yes.from, no.from), to: bit.select(yes.to, no.to) }
    }
}

/// A set of numbers as two intervals, one in each half of the circle. In a half, signed and unsigned order
/// agree; both halves together say just what an unsigned and a signed range say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Halves<W> {
    /// In `0..2^(width - 1)`: not negative.
    pub lower: Interval<W>,
    /// In `2^(width - 1)..2^width`: negative.
    pub upper: Interval<W>,
}

impl<W: Word> Halves<W> {
    /// No number.
    pub const EMPTY: Self = Self { lower: Interval::EMPTY, upper: Interval::EMPTY };

    /// The numbers of an unsigned and a signed range.
    #[must_use]
    pub fn of_ranges(unsigned: Interval<W>, smin: W, smax: W) -> Self {
        let most = W::MAX ^ W::SIGN;
        let (starts_below, ends_below) = (smin.is_negative(), smax.is_negative());
        let positive = Interval { min: starts_below.select(W::ZERO, smin), max: smax.smaller(most) };
        let negative = Interval { min: smin.larger(W::SIGN), max: ends_below.select(smax, W::MAX) };
        Self {
            lower: unsigned.meet(positive.given(!ends_below)),
            upper: unsigned.meet(negative.given(starts_below)),
        }
    }

    /// The numbers of an arc, and where it leaves out only the middle of a half, that too.
    #[must_use]
    pub fn of_arc(Arc { from, to }: Arc<W>) -> Self {
        let most = W::MAX ^ W::SIGN;
        let wraps = to.below(from);
        let (starts_upper, ends_upper) = (from.is_negative(), to.is_negative());
        let lower = Interval::new(
            wraps.select(W::ZERO, from),
            (wraps & !starts_upper).select(most, to.smaller(most)),
        );
        let upper = Interval::new(
            (wraps & ends_upper).select(W::SIGN, from.larger(W::SIGN)),
            wraps.select(W::MAX, to),
        );
        Self { lower, upper }
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(self) -> W::Bit {
        self.lower.is_empty() & self.upper.is_empty()
    }

    /// The smallest halves that hold both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self { lower: self.lower.hull(other.lower), upper: self.upper.hull(other.upper) }
    }

    /// The numbers in both.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        Self { lower: self.lower.meet(other.lower), upper: self.upper.meet(other.upper) }
    }

    /// The unsigned range; [`Interval::EMPTY`] if it holds none.
    #[must_use]
    pub fn unsigned(self) -> Interval<W> {
        self.lower.hull(self.upper)
    }

    /// The signed range, smallest and largest.
    #[must_use]
    pub fn signed(self) -> (W, W) {
        let smin = self.upper.is_empty().select(self.lower.min, self.upper.min);
        let smax = self.lower.is_empty().select(self.upper.max, self.lower.max);
        (smin, smax)
    }

    /// The hull of what `f` makes of every piece of the one with every piece of the other.
    pub fn pairs(self, other: Self, f: impl Fn(Piece<W>, Piece<W>) -> Self) -> Self {
        let mut result = Self::EMPTY;
        for a in self.pieces() {
            for b in other.pieces() {
                let empty = a.interval.is_empty() | b.interval.is_empty();
                result = empty.choose(|| result, || result.hull(f(a, b)));
            }
        }
        result
    }

    /// Both halves.
    #[must_use]
    pub fn pieces(self) -> [Piece<W>; 2] {
        [
            Piece { interval: self.lower, sign: Sign::Positive },
            Piece { interval: self.upper, sign: Sign::Negative },
        ]
    }
}

impl<W: Word> Merge<W::Bit> for Halves<W> {
    fn merge(bit: W::Bit, yes: Self, no: Self) -> Self {
        Self { lower: bit.select(yes.lower, no.lower), upper: bit.select(yes.upper, no.upper) }
    }
}

/// Which half of the circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// 0 and above.
    Positive,
    /// Below 0.
    Negative,
}

/// Numbers of one half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<W> {
    /// They themselves, unsigned.
    pub interval: Interval<W>,
    /// Their half.
    pub sign: Sign,
}

impl<W: Word> Piece<W> {
    /// Their distances from 0.
    #[must_use]
    pub fn magnitudes(self) -> Interval<W> {
        let Interval { min, max } = self.interval;
        match self.sign {
            Sign::Positive => self.interval,
            Sign::Negative => Interval { min: max.negative(), max: min.negative() },
        }
    }
}
