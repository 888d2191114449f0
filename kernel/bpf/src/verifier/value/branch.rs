//! What a comparison tells about its operands.

#[cfg(test)]
mod tests;

use super::interval::{Arc, Halves, Interval};
use super::known::Known;
use super::scalar::Scalar;
use super::tnum::Tnum;
use super::word::{Bit, Wide, Word};
use crate::insn::{Condition, Width};

/// What is left of two operands where a comparison has one outcome; `None` where it cannot have it.
pub type Refined<W = u64> = Option<(Scalar<W>, Scalar<W>)>;

/// Operands for which `dst condition src` is `outcome`.
#[must_use]
pub fn refine<W: Wide<Bit = bool>>(
    condition: Condition,
    outcome: bool,
    width: Width,
    dst: &Scalar<W>,
    src: &Scalar<W>,
) -> Refined<W> {
    let (dst, src) = refine_parts(condition, outcome, width, dst, src);
    Some((dst.tightened()?, src.tightened()?))
}

/// The same before reduction: an operand without a number shows in a part that is empty.
#[must_use]
pub fn refine_parts<W: Wide>(
    condition: Condition,
    outcome: bool,
    width: Width,
    dst: &Scalar<W>,
    src: &Scalar<W>,
) -> (Scalar<W>, Scalar<W>) {
    let (mut wide, mut low) = ((dst.wide(), src.wide()), (dst.low(), src.low()));
    match width {
        Width::W64 => {
            wide = assume(condition, outcome, wide.0, wide.1);
            // What holds of each bit holds of the low half.
            if matches!(
                (condition, outcome),
                (Condition::Eq, true) | (Condition::Ne, false) | (Condition::Set, false)
            ) {
                low = assume(condition, outcome, low.0, low.1);
            }
        }
        Width::W32 => low = assume(condition, outcome, low.0, low.1),
    }
    (Scalar::of_parts(wide.0, low.0), Scalar::of_parts(wide.1, low.1))
}

/// What is left of both operands.
type Both<W> = (Known<W>, Known<W>);

fn assume<W: Word>(condition: Condition, outcome: bool, dst: Known<W>, src: Known<W>) -> Both<W> {
    let exchanged = |(src, dst): Both<W>| (dst, src);
    // Where one operand is not below the other, that one is at most the first.
    match (condition, outcome) {
        (Condition::Eq, true) | (Condition::Ne, false) => equal(dst, src),
        (Condition::Eq, false) | (Condition::Ne, true) => (without(dst, src), without(src, dst)),
        (Condition::Set, true) => sharing(dst, src),
        (Condition::Set, false) => (disjoint(dst, src), disjoint(src, dst)),
        (Condition::Lt, true) | (Condition::Ge, false) => below(dst, src, Order::Unsigned),
        (Condition::Gt, true) | (Condition::Le, false) => exchanged(below(src, dst, Order::Unsigned)),
        (Condition::Le, true) | (Condition::Gt, false) => at_most(dst, src, Order::Unsigned),
        (Condition::Ge, true) | (Condition::Lt, false) => exchanged(at_most(src, dst, Order::Unsigned)),
        (Condition::SLt, true) | (Condition::SGe, false) => below(dst, src, Order::Signed),
        (Condition::SGt, true) | (Condition::SLe, false) => exchanged(below(src, dst, Order::Signed)),
        (Condition::SLe, true) | (Condition::SGt, false) => at_most(dst, src, Order::Signed),
        (Condition::SGe, true) | (Condition::SLt, false) => exchanged(at_most(src, dst, Order::Signed)),
    }
}

fn equal<W: Word>(a: Known<W>, b: Known<W>) -> Both<W> {
    let both = a.meet(b);
    (both, both)
}

/// `scalar` less the one value of `other`, if it has one and it lies at an end of a half.
fn without<W: Word>(known: Known<W>, other: Known<W>) -> Known<W> {
    let (value, is_constant) = other.as_constant();
    let trim = |interval: Interval<W>| {
        let (at_min, at_max) = (interval.min.equals(value), interval.max.equals(value));
        let min = at_min.select(interval.min.plus(W::ONE), interval.min);
        let max = at_max.select(interval.max.minus(W::ONE), interval.max);
        let trimmed = Interval { min, max }.given(!(at_min & at_max));
        is_constant.select(trimmed, interval)
    };
    let Halves { lower, upper } = known.halves;
    Known { halves: Halves { lower: trim(lower), upper: trim(upper) }, ..known }
}

/// `a & b != 0`: where just one bit can be 1 in both, it is, and no number is below the lowest that can.
fn sharing<W: Word>(a: Known<W>, b: Known<W>) -> Both<W> {
    let shared = a.bits.max() & b.bits.max();
    let only = shared.equals(shared.lowest()).select(shared, W::ZERO);
    let positive = shared & !W::SIGN;
    let lower = Arc { from: positive.lowest(), to: !W::SIGN };
    // A negative number shares its sign already, if the other can have it.
    let least = (shared & W::SIGN).is_zero().select(W::SIGN | positive.lowest(), W::SIGN);
    let halves = Halves::of_arc(lower).hull(Halves::of_arc(Arc { from: least, to: W::MAX }));
    let narrow = |known: Known<W>| {
        let bits = Tnum { value: known.bits.value | only, mask: known.bits.mask & !only };
        shared.is_zero().select(Known::EMPTY, Known { bits, halves: known.halves.meet(halves) })
    };
    (narrow(a), narrow(b))
}

/// The numbers of `known` that share no 1 with a number of `other`: with a known 1 of all, or with the fewest that
/// those in a half have.
fn disjoint<W: Word>(known: Known<W>, other: Known<W>) -> Known<W> {
    let bits = Tnum { value: W::ZERO, mask: !other.bits.value };
    let Halves { lower, upper } = other.halves;
    let of_lower = Arc { from: W::ZERO, to: !lower.min };
    let of_upper = Arc { from: W::ZERO, to: !upper.min };
    let halves = lower
        .is_empty()
        .select(Halves::EMPTY, Halves::of_arc(of_lower))
        .hull(upper.is_empty().select(Halves::EMPTY, Halves::of_arc(of_upper)));
    known.meet(Known { bits, halves })
}

/// Which numbers are small.
#[derive(Clone, Copy)]
enum Order {
    Unsigned,
    Signed,
}

impl Order {
    /// The smallest number of all.
    const fn origin<W: Word>(self) -> W {
        match self {
            Self::Unsigned => W::ZERO,
            Self::Signed => W::SIGN,
        }
    }

    /// The smallest and the largest of `known`.
    fn ends<W: Word>(self, known: Known<W>) -> (W, W) {
        let Interval { min, max } = known.halves.unsigned();
        match self {
            Self::Unsigned => (min, max),
            Self::Signed => known.halves.signed(),
        }
    }
}

fn at_most<W: Word>(a: Known<W>, b: Known<W>, order: Order) -> Both<W> {
    let origin = order.origin::<W>();
    let (least, most) = (order.ends(a).0, order.ends(b).1);
    let above = Arc { from: least, to: origin.minus(W::ONE) };
    (a.within(Arc { from: origin, to: most }), b.within(above))
}

fn below<W: Word>(a: Known<W>, b: Known<W>, order: Order) -> Both<W> {
    let origin = order.origin::<W>();
    let (least, most) = (order.ends(a).0, order.ends(b).1);
    let up_to = Arc { from: origin, to: most.minus(W::ONE) };
    let from = Arc { from: least.plus(W::ONE), to: origin.minus(W::ONE) };
    // Nothing is below the smallest number, and nothing above the largest.
    let some_below = !most.equals(origin);
    let some_above = !least.equals(origin.minus(W::ONE));
    (some_below.select(a.within(up_to), Known::EMPTY), some_above.select(b.within(from), Known::EMPTY))
}
