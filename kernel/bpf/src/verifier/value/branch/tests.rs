//! Refinement at 64 bits against the interpreter, on random numbers.

use super::refine;
use crate::insn::{Condition, Size, Width};
use crate::interpreter::alu;
use crate::verifier::value::Scalar;
use crate::verifier::value::samples::{numbers, scalar_with, seeds};

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
    assert_eq!((signed.smax32, signed.umax), (9, 0xffff_ffff));
    let not_negative =
        refine(Condition::SGt, true, Width::W32, &index, &Scalar::constant(u64::MAX)).unwrap().0;
    assert_eq!((not_negative.umin, not_negative.umax), (0, 0x7fff_ffff));
    let masked = refine(Condition::Set, false, Width::W64, &index, &Scalar::constant(!0xf)).unwrap().0;
    assert_eq!(masked.umax, 0xf);
}

fn after(condition: Condition, outcome: bool, width: Width, dst: &Scalar, src: u64) -> Option<Scalar> {
    refine(condition, outcome, width, dst, &Scalar::constant(src)).map(|(dst, _)| dst)
}

#[test]
fn what_cannot_happen_is_told() {
    let small = Scalar::range(1, 5);
    for (condition, outcome, number) in [
        (Condition::Eq, true, 6),
        (Condition::Gt, true, 5),
        (Condition::Ge, false, 1),
        (Condition::Lt, true, 1),
        (Condition::Le, false, 5),
        (Condition::SGt, true, 5),
        (Condition::SLt, true, -3i64 as u64),
        (Condition::Set, true, 8),
    ] {
        for width in [Width::W32, Width::W64] {
            assert_eq!(after(condition, outcome, width, &small, number), None, "{condition:?} {width:?}");
            assert!(after(condition, !outcome, width, &small, number).is_some(), "{condition:?} {width:?}");
        }
    }
    assert_eq!(after(Condition::Ne, true, Width::W64, &Scalar::constant(7), 7), None);
    assert_eq!(after(Condition::Set, false, Width::W64, &Scalar::constant(7), 4), None);
}

#[test]
fn a_number_that_is_not_at_an_end_moves_it() {
    let number = Scalar::signed_range(-5, 5);
    let without = |value: i64| after(Condition::Ne, true, Width::W64, &number, value as u64).unwrap();
    assert_eq!((without(-5).smin, without(5).smax), (-4, 4));
    // The ends of the unsigned range.
    assert_eq!((without(0).umin, without(-1).umax), (1, u64::MAX - 1));
    let low = after(Condition::Eq, false, Width::W32, &number, 5).unwrap();
    assert_eq!((low.smax32, low.smax), (4, 4));
}

#[test]
fn a_comparison_of_32_bits_narrows_the_low_half_and_the_rest_if_it_is_known() {
    let any = after(Condition::Le, true, Width::W32, &Scalar::UNKNOWN, 9).unwrap();
    assert_eq!((any.umax32, any.smin32, any.umax), (9, 0, 0xffff_ffff_0000_0009));
    let known = Scalar::range(0x7_0000_0000, 0x7_ffff_ffff);
    let known = after(Condition::Le, true, Width::W32, &known, 9).unwrap();
    assert_eq!((known.umin, known.umax), (0x7_0000_0000, 0x7_0000_0009));
}

#[test]
fn a_single_bit_that_is_tested_is_known() {
    let tested = |outcome| after(Condition::Set, outcome, Width::W64, &Scalar::UNKNOWN, 0x10).unwrap().bits;
    assert_eq!((tested(true).value, tested(true).mask), (0x10, !0x10));
    assert_eq!((tested(false).value, tested(false).mask), (0, !0x10));
    let several = after(Condition::Set, true, Width::W64, &Scalar::range(0, 100), 0x30).unwrap();
    assert_eq!(several.umin, 0x10);
}
