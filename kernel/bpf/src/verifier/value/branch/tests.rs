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
