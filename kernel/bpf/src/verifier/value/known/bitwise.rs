//! Bitwise and, or and exclusive or.
//!
//! The ends of the ranges of `x | y` are those that H. S. Warren's Hacker's Delight (section 4-3) finds bit by
//! bit, here in one step: an end can be moved at exactly those bits that are not above the topmost one in
//! which its interval's ends differ. `x & y` follows by De Morgan's law.

use super::Known;
use crate::verifier::value::interval::{Arc, Halves, Interval, Piece};
use crate::verifier::value::tnum::Tnum;
use crate::verifier::value::word::{Bit, Word};

impl<W: Word> Known<W> {
    /// Bitwise and.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { bits: self.bits.and(other.bits), halves: self.bitwise(other, ands) }
    }

    /// Bitwise or.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { bits: self.bits.or(other.bits), halves: self.bitwise(other, ors) }
    }

    /// Bitwise exclusive or.
    #[must_use]
    pub fn xor(self, other: Self) -> Self {
        Self { bits: self.bits.xor(other.bits), halves: self.bitwise(other, xors) }
    }

    fn bitwise(self, other: Self, f: impl Fn(Interval<W>, Interval<W>) -> Interval<W>) -> Halves<W> {
        self.halves.pairs(other.halves, |Piece { interval: a, .. }, Piece { interval: b, .. }| {
            let Interval { min, max } = f(a, b);
            Halves::of_arc(Arc { from: min, to: max })
        })
    }
}

/// The bits that are not above the topmost one in which the ends differ.
fn free<W: Word>(interval: Interval<W>) -> W {
    (interval.min ^ interval.max).smeared()
}

fn ors<W: Word>(a: Interval<W>, b: Interval<W>) -> Interval<W> {
    Interval { min: least_or(a, b), max: most_or(a, b) }
}

fn ands<W: Word>(a: Interval<W>, b: Interval<W>) -> Interval<W> {
    let (a, b) = (inverted(a), inverted(b));
    Interval { min: !most_or(a, b), max: !least_or(a, b) }
}

/// The numbers with all bits turned around.
fn inverted<W: Word>(interval: Interval<W>) -> Interval<W> {
    Interval { min: !interval.max, max: !interval.min }
}

/// The smallest `x | y`: of the topmost bit that one has and the other can have without any bit below it,
/// and so with nothing to add below it, the other is raised to that.
fn least_or<W: Word>(a: Interval<W>, b: Interval<W>) -> W {
    let raise_a = b.min & !a.min & free(a);
    let raise_b = a.min & !b.min & free(b);
    let below = (raise_a | raise_b).smeared();
    let bit = below ^ below.right(1);
    let raised = |min: W| (min | bit) & !below.right(1);
    let is_a = !(raise_a & bit).is_zero();
    // Where there is no such bit, nothing is raised.
    is_a.select(raised(a.min) | b.min, a.min | raised(b.min))
}

/// The largest `x | y`: the topmost bit that both have and one can do without gives it all bits below.
fn most_or<W: Word>(a: Interval<W>, b: Interval<W>) -> W {
    let spared = a.max & b.max & (free(a) | free(b));
    a.max | b.max | spared.smeared().right(1)
}

/// `x ^ y` has the leading bits that all of `x` and `y` have; it is at most `x | y`, at least the difference
/// of `x` and `y`, and `!x ^ y` is its inverse.
fn xors<W: Word>(a: Interval<W>, b: Interval<W>) -> Interval<W> {
    let bits = Tnum::of_range(a.min, a.max).xor(Tnum::of_range(b.min, b.max));
    Interval {
        min: bits.value.larger(least_difference(a, b)),
        max: bits.max().smaller(most_or(a, b)).smaller(!least_difference(inverted(a), b)),
    }
}

/// The smallest distance of two numbers.
fn least_difference<W: Word>(a: Interval<W>, b: Interval<W>) -> W {
    let above = a.max.below(b.min).select(b.min.minus(a.max), W::ZERO);
    b.max.below(a.min).select(a.min.minus(b.max), above)
}
