//! Sums, differences and products.

use super::Known;
use crate::verifier::value::interval::{Arc, Halves, Interval, Piece};
use crate::verifier::value::word::{Bit, Word};

impl<W: Word> Known<W> {
    /// Sums.
    #[must_use]
    pub fn sum(self, other: Self) -> Self {
        let halves =
            self.halves.pairs(other.halves, |Piece { interval: a, .. }, Piece { interval: b, .. }| {
                // Two halves together are shorter than the circle, so this is an arc wherever it wraps.
                Halves::of_arc(Arc { from: a.min.plus(b.min), to: a.max.plus(b.max) })
            });
        Self { bits: self.bits.sum(other.bits), halves }
    }

    /// Differences.
    #[must_use]
    pub fn difference(self, other: Self) -> Self {
        let halves =
            self.halves.pairs(other.halves, |Piece { interval: a, .. }, Piece { interval: b, .. }| {
                Halves::of_arc(Arc { from: a.min.minus(b.max), to: a.max.minus(b.min) })
            });
        Self { bits: self.bits.difference(other.bits), halves }
    }

    /// Products.
    #[must_use]
    pub fn product(self, other: Self) -> Self {
        let halves = self.halves.pairs(other.halves, |a, b| {
            let products = products(a.magnitudes(), b.magnitudes());
            Halves::of_arc(if a.sign == b.sign { products } else { products.negated() })
        });
        Self { bits: self.bits.product(other.bits), halves }
    }
}

/// The arc of all products: those from the smallest to the largest, if they do not go round the circle.
fn products<W: Word>(a: Interval<W>, b: Interval<W>) -> Arc<W> {
    let ((from, least), (to, most)) = (a.min.times(b.min), a.max.times(b.max));
    let wraps_once = most.minus(least).equals(W::ONE) & to.below(from);
    (most.equals(least) | wraps_once).select(Arc { from, to }, Arc::FULL)
}
