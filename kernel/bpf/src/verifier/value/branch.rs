//! What a comparison tells about its operands.

use super::scalar::Scalar;
use super::tnum::Tnum;
use crate::insn::{Condition, Size, Width};
use crate::interpreter::alu;

/// What is left of two operands where a comparison has one outcome; `None` where it cannot have it.
pub type Refined = Option<(Scalar, Scalar)>;

/// Operands for which `dst condition src` is `outcome`.
#[must_use]
pub fn refine(condition: Condition, outcome: bool, width: Width, dst: &Scalar, src: &Scalar) -> Refined {
    if let (Some(a), Some(b)) = (dst.as_constant(), src.as_constant()) {
        return (alu::holds(condition, width, a, b) == outcome).then_some((*dst, *src));
    }
    if condition == Condition::Set {
        return refine_set(outcome, width, dst, src);
    }
    let condition = if outcome { condition } else { opposite(condition) };
    match width {
        Width::W64 => refine64(condition, dst, src),
        Width::W32 => {
            let (low_dst, low_src) = refine32(condition, &dst.truncated(Size::W), &src.truncated(Size::W))?;
            // Of an operand with a high half, the comparison says nothing that a range could hold.
            let kept = |whole: &Scalar, low| if whole.fits_u32() { low } else { *whole };
            Some((kept(dst, low_dst), kept(src, low_src)))
        }
    }
}

/// The condition that holds where this one does not. `Set` has none and is not asked.
const fn opposite(condition: Condition) -> Condition {
    match condition {
        Condition::Eq => Condition::Ne,
        Condition::Ne => Condition::Eq,
        Condition::Gt => Condition::Le,
        Condition::Ge => Condition::Lt,
        Condition::Lt => Condition::Ge,
        Condition::Le => Condition::Gt,
        Condition::SGt => Condition::SLe,
        Condition::SGe => Condition::SLt,
        Condition::SLt => Condition::SGe,
        Condition::SLe => Condition::SGt,
        Condition::Set => Condition::Set,
    }
}

/// `dst & src != 0`, or `== 0`: the second fixes as zero every bit that src is known to have.
fn refine_set(outcome: bool, width: Width, dst: &Scalar, src: &Scalar) -> Refined {
    let tested = match width {
        Width::W64 => src.bits.value,
        Width::W32 => src.bits.value & u64::from(u32::MAX),
    };
    if outcome || tested == 0 {
        return Some((*dst, *src));
    }
    let clear = Scalar { bits: Tnum { value: 0, mask: !tested }, ..Scalar::UNKNOWN };
    Some((dst.meet(&clear)?, *src))
}

fn refine64(condition: Condition, dst: &Scalar, src: &Scalar) -> Refined {
    match condition {
        Condition::Eq => dst.meet(src).map(|both| (both, both)),
        Condition::Ne => Some((without(dst, src)?, without(src, dst)?)),
        Condition::Set => Some((*dst, *src)),
        Condition::Lt => less(dst, src, 1),
        Condition::Le => less(dst, src, 0),
        Condition::Gt => less(src, dst, 1).map(|(b, a)| (a, b)),
        Condition::Ge => less(src, dst, 0).map(|(b, a)| (a, b)),
        Condition::SLt => signed_less(dst, src, 1),
        Condition::SLe => signed_less(dst, src, 0),
        Condition::SGt => signed_less(src, dst, 1).map(|(b, a)| (a, b)),
        Condition::SGe => signed_less(src, dst, 0).map(|(b, a)| (a, b)),
    }
}

/// `low + gap <= high`, unsigned.
fn less(low: &Scalar, high: &Scalar, gap: u64) -> Refined {
    let most = high.umax.checked_sub(gap)?;
    let least = low.umin.checked_add(gap)?;
    Some((low.meet(&at_most(most))?, high.meet(&at_least(least))?))
}

/// `low + gap <= high`, signed.
fn signed_less(low: &Scalar, high: &Scalar, gap: i64) -> Refined {
    let most = high.smax.checked_sub(gap)?;
    let least = low.smin.checked_add(gap)?;
    let below = Scalar { smax: most, ..Scalar::UNKNOWN };
    let above = Scalar { smin: least, ..Scalar::UNKNOWN };
    Some((low.meet(&below)?, high.meet(&above)?))
}

const fn at_most(max: u64) -> Scalar {
    Scalar { umax: max, ..Scalar::UNKNOWN }
}

const fn at_least(min: u64) -> Scalar {
    Scalar { umin: min, ..Scalar::UNKNOWN }
}

/// `scalar` less the one value of `other`, if it has one and it lies at an end.
fn without(scalar: &Scalar, other: &Scalar) -> Option<Scalar> {
    let Some(value) = other.as_constant() else {
        return Some(*scalar);
    };
    let mut rest = *scalar;
    if rest.umin == value {
        rest.umin = value.checked_add(1)?;
    }
    if rest.umax == value {
        rest.umax = value.checked_sub(1)?;
    }
    if rest.smin == value as i64 {
        rest.smin = rest.smin.checked_add(1)?;
    }
    if rest.smax == value as i64 {
        rest.smax = rest.smax.checked_sub(1)?;
    }
    rest.tightened()
}

const HALF: u64 = 1 << 31;

/// Comparisons of 32 bits of operands below 2^32. Unsigned ones are as at 64 bits; signed ones are where
/// neither operand has bit 31, and against some constants where one does.
fn refine32(condition: Condition, dst: &Scalar, src: &Scalar) -> Refined {
    let signed = matches!(condition, Condition::SGt | Condition::SGe | Condition::SLt | Condition::SLe);
    if !signed || (dst.umax < HALF && src.umax < HALF) {
        return refine64(condition, dst, src);
    }
    let positive = |least: i32| dst.meet(&at_most(HALF - 1))?.meet(&at_least(least as u64));
    let refined = match (condition, src.as_constant().map(|value| value as u32 as i32)) {
        (Condition::SGt, Some(-1)) => positive(0)?,
        (Condition::SGt, Some(c @ 0..=0x7fff_fffe)) => positive(c + 1)?,
        (Condition::SGe, Some(c @ 0..)) => positive(c)?,
        (Condition::SLe, Some(-1)) | (Condition::SLt, Some(0)) => dst.meet(&at_least(HALF))?,
        _ => *dst,
    };
    Some((refined, *src))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{numbers, scalar_with, seeds};
    use super::*;

    const CONDITIONS: [Condition; 11] = [
        Condition::Eq,
        Condition::Ne,
        Condition::Set,
        Condition::Gt,
        Condition::Ge,
        Condition::Lt,
        Condition::Le,
        Condition::SGt,
        Condition::SGe,
        Condition::SLt,
        Condition::SLe,
    ];

    #[test]
    fn no_operand_that_has_the_outcome_is_lost() {
        for mut random in seeds(20_000) {
            let (a, b) = (numbers(&mut random), numbers(&mut random));
            let (dst, src) = (scalar_with(a, &mut random), scalar_with(b, &mut random));
            for condition in CONDITIONS {
                for width in [Width::W32, Width::W64] {
                    let outcome = alu::holds(condition, width, a, b);
                    let refined = refine(condition, outcome, width, &dst, &src);
                    let held = refined.is_some_and(|(dst, src)| dst.contains(a) && src.contains(b));
                    assert!(
                        held,
                        "{condition:?} {outcome} {width:?} {a:#x} {b:#x}: {dst:?} {src:?} -> {refined:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_comparison_narrows_what_clang_relies_on() {
        let index = Scalar::of_size(Size::W);
        let bound = Scalar::constant(10);
        let below = refine(Condition::Lt, true, Width::W32, &index, &bound).unwrap().0;
        assert_eq!((below.umin, below.umax), (0, 9));
        let signed = refine(Condition::SGt, false, Width::W32, &index, &Scalar::constant(9)).unwrap().0;
        assert_eq!(signed, index);
        let not_negative =
            refine(Condition::SGt, true, Width::W32, &index, &Scalar::constant(u64::MAX)).unwrap().0;
        assert_eq!((not_negative.umin, not_negative.umax), (0, 0x7fff_ffff));
        let masked = refine(Condition::Set, false, Width::W64, &index, &Scalar::constant(!0xf)).unwrap().0;
        assert_eq!(masked.umax, 0xf);
    }
}
