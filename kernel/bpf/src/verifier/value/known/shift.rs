//! Shifts. The count is taken modulo the width.

use super::Known;
use crate::verifier::value::interval::{Arc, Halves, Interval};
use crate::verifier::value::word::{Bit, Merge, Word};

/// Which shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    /// To the left.
    Left,
    /// To the right, filled with zeros.
    Right,
    /// To the right, filled with copies of the sign.
    RightSigned,
}

impl<W: Word> Known<W> {
    /// Shifts by each of `counts`, joined.
    #[must_use]
    pub fn shifted(self, shift: Shift, counts: Self) -> Self {
        counts.each_count(Self::EMPTY, |sum, count| sum.join(self.shifted_by(shift, count)))
    }

    /// Adds, by `f`, what comes of each count to `sum`.
    #[must_use]
    pub fn each_count<T: Copy + Merge<W::Bit>>(self, sum: T, f: impl Fn(T, u32) -> T) -> T {
        let counts = self.and(Self::constant(W::literal(u64::from(W::WIDTH - 1))));
        let Interval { min, max } = counts.halves.unsigned();
        // Words that are no plain numbers give no range, and every count is tried.
        let plain = |word: W, otherwise| word.number().map_or(otherwise, |count| count as u32);
        let (least, most) = (plain(min, 0), plain(max, W::WIDTH - 1).min(W::WIDTH - 1));
        (least..=most).fold(sum, |sum, count| {
            let counted = counts.contains(W::literal(u64::from(count)));
            counted.choose(|| f(sum, count), || sum)
        })
    }

    /// A shift by `count`, which is below the width.
    #[must_use]
    pub fn shifted_by(self, shift: Shift, count: u32) -> Self {
        let bits = match shift {
            Shift::Left => self.bits.lsh(count),
            Shift::Right => self.bits.rsh(count),
            Shift::RightSigned => self.bits.arsh(count),
        };
        let arc = |Interval { min, max }: Interval<W>| match shift {
            Shift::Left => {
                // Whatever is shifted out, the distance of the ends must fit.
                let fits = max.minus(min).at_most(W::MAX.right(count));
                fits.select(Arc { from: min.left(count), to: max.left(count) }, Arc::FULL)
            }
            Shift::Right => Arc { from: min.right(count), to: max.right(count) },
            Shift::RightSigned => Arc { from: min.right_signed(count), to: max.right_signed(count) },
        };
        let halves = self.halves.pieces().into_iter().fold(Halves::EMPTY, |sum, piece| {
            let empty = piece.interval.is_empty();
            empty.choose(|| sum, || sum.hull(Halves::of_arc(arc(piece.interval))))
        });
        // Joined with others, its ends would not be found any more.
        Self { bits, halves }.aligned()
    }
}
