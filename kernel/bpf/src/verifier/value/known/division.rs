//! Quotients and remainders: `x / 0` is 0 and `x % 0` is `x`. Signed ones are those of the distances from 0,
//! and truncate: a quotient is negative where the signs differ, a remainder has the sign of `x`.

use super::Known;
use crate::verifier::value::interval::{Arc, Halves, Interval, Piece, Sign};
use crate::verifier::value::tnum::Tnum;
use crate::verifier::value::word::{Bit, Word};

impl<W: Word> Known<W> {
    /// Unsigned quotients.
    #[must_use]
    pub fn quotient(self, other: Self) -> Self {
        let halves = self.halves.pairs(other.halves, |a, b| {
            let divisors = other.divisors(b.interval);
            divided(divisors, quotients(a.interval, divisors)).hull(zero(b.interval))
        });
        Self { bits: Tnum::UNKNOWN, halves }
    }

    /// Signed quotients. MIN / -1, 2^(width - 1), is MIN again by wrapping.
    #[must_use]
    pub fn signed_quotient(self, other: Self) -> Self {
        let halves = self.halves.pairs(other.halves, |a, b| {
            let divisors = match b.sign {
                Sign::Positive => other.divisors(b.interval),
                Sign::Negative => b.magnitudes(),
            };
            let quotients = quotients(a.magnitudes(), divisors);
            let quotients = if a.sign == b.sign { quotients } else { quotients.negated() };
            divided(divisors, quotients).hull(zero(b.interval))
        });
        Self { bits: Tnum::UNKNOWN, halves }
    }

    /// Unsigned remainders.
    #[must_use]
    pub fn remainder(self, other: Self) -> Self {
        let halves = self.halves.pairs(other.halves, |a, b| {
            let divisors = other.divisors(b.interval);
            divided(divisors, remainders(a.interval, divisors)).hull(undivided(a, b))
        });
        Self { bits: self.low_bits(other), halves }
    }

    /// Signed remainders.
    #[must_use]
    pub fn signed_remainder(self, other: Self) -> Self {
        let halves = self.halves.pairs(other.halves, |a, b| {
            let divisors = match b.sign {
                Sign::Positive => other.divisors(b.interval),
                Sign::Negative => b.magnitudes(),
            };
            let remainders = remainders(a.magnitudes(), divisors);
            let remainders = match a.sign {
                Sign::Positive => remainders,
                Sign::Negative => remainders.negated(),
            };
            divided(divisors, remainders).hull(undivided(a, b))
        });
        Self { bits: self.low_bits(other), halves }
    }

    /// The divisors of an interval that are not 0.
    fn divisors(self, interval: Interval<W>) -> Interval<W> {
        let (least, exists) = self.bits.ceil(W::ONE.larger(interval.min));
        Interval::new(least, interval.max).given(exists)
    }

    /// A remainder is the dividend less a multiple of the divisor: where all divisors end in zeros, the
    /// dividend's bits there are kept.
    fn low_bits(self, other: Self) -> Tnum<W> {
        let kept = other.bits.max().lowest().minus(W::ONE);
        Tnum { value: self.bits.value & kept, mask: self.bits.mask | !kept }
    }
}

/// The results that an arc tells of, if there are any divisors but 0.
fn divided<W: Word>(divisors: Interval<W>, results: Arc<W>) -> Halves<W> {
    divisors.is_empty().select(Halves::EMPTY, Halves::of_arc(results))
}

/// The quotient of a divisor that may be 0.
fn zero<W: Word>(divisors: Interval<W>) -> Halves<W> {
    let zero = Interval { min: W::ZERO, max: W::ZERO };
    Halves { lower: zero.given(divisors.min.is_zero()), upper: Interval::EMPTY }
}

/// The remainders of a divisor that may be 0.
fn undivided<W: Word>(dividends: Piece<W>, divisors: Piece<W>) -> Halves<W> {
    let all = dividends.interval.given(divisors.interval.min.is_zero());
    match dividends.sign {
        Sign::Positive => Halves { lower: all, upper: Interval::EMPTY },
        Sign::Negative => Halves { lower: Interval::EMPTY, upper: all },
    }
}

/// Quotients; no divisor is 0.
fn quotients<W: Word>(dividends: Interval<W>, divisors: Interval<W>) -> Arc<W> {
    Arc { from: dividends.min.over(divisors.max), to: dividends.max.over(divisors.min) }
}

/// Remainders; no divisor is 0.
fn remainders<W: Word>(dividends: Interval<W>, divisors: Interval<W>) -> Arc<W> {
    let Arc { from, to } = quotients(dividends, divisors);
    let largest = dividends.max.smaller(divisors.max.minus(W::ONE));
    // Where the quotient is the same for all, it is the dividend less so many times the divisor.
    let rest = |dividend: W, divisor: W| dividend.minus(from.times(divisor).0);
    let exact = Arc {
        from: rest(dividends.min, divisors.max),
        to: rest(dividends.max, divisors.min).smaller(largest),
    };
    from.equals(to).select(exact, Arc { from: W::ZERO, to: largest })
}
