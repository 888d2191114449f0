//! The operators at 64 bits against the interpreter, on random numbers.

use super::{Scalar, Tnum};
use crate::insn::{AluOp, ByteOrder, Size, Width};
use crate::interpreter::alu;
use crate::verifier::value::samples::{numbers, scalar_with, seeds};

const OPERATORS: [AluOp; 14] = [
    AluOp::Add,
    AluOp::Sub,
    AluOp::Mul,
    AluOp::Div,
    AluOp::SDiv,
    AluOp::Or,
    AluOp::And,
    AluOp::Lsh,
    AluOp::Rsh,
    AluOp::Mod,
    AluOp::SMod,
    AluOp::Xor,
    AluOp::Mov,
    AluOp::Arsh,
];

#[test]
fn every_operator_holds_the_result() {
    for mut random in seeds(20_000) {
        let (a, b) = (numbers(&mut random), numbers(&mut random));
        let (dst, src) = (scalar_with(a, &mut random), scalar_with(b, &mut random));
        assert!(dst.contains(a) && src.contains(b));
        for width in [Width::W32, Width::W64] {
            for op in OPERATORS {
                let (result, concrete) = (dst.alu(op, width, &src), alu::alu(op, width, a, b));
                assert!(
                    result.contains(concrete),
                    "{op:?} {width:?} {a:#x} {b:#x} {dst:?} {src:?} -> {result:?}"
                );
            }
            assert!(dst.negated(width).contains(alu::negate(width, a)), "{width:?} {a:#x} {dst:?}");
            for size in [Size::B, Size::H, Size::W] {
                let moved = dst.mov_sx(width, size);
                assert!(
                    moved.contains(alu::sign_extend(width, size, a)),
                    "{width:?} {size:?} {a:#x} {dst:?}"
                );
            }
        }
    }
}

#[test]
fn conversions_and_meets_hold_the_result() {
    for mut random in seeds(20_000) {
        let a = numbers(&mut random);
        let (one, two) = (scalar_with(a, &mut random), scalar_with(a, &mut random));
        assert!(one.meet(&two).is_some_and(|both| both.contains(a)), "{a:#x} {one:?} {two:?}");
        for size in [Size::B, Size::H, Size::W, Size::DW] {
            assert!(one.truncated(size).contains(a & alu::mask(size)), "{size:?} {a:#x} {one:?}");
            assert!(one.sign_extended(size).contains(alu::sign_extend(Width::W64, size, a)));
            for order in [ByteOrder::ToLittle, ByteOrder::ToBig, ByteOrder::Swap] {
                assert!(one.swapped(order, size).contains(alu::swap(order, size, a)));
            }
        }
    }
}

#[test]
fn the_shapes_bounds_checks_rely_on_stay_tight() {
    let byte = Scalar::of_size(Size::B);
    let scaled = byte.alu(AluOp::Lsh, Width::W64, &Scalar::constant(3));
    assert_eq!((scaled.umin, scaled.umax, scaled.bits.mask), (0, 0x7f8, 0x7f8));
    let masked = Scalar::UNKNOWN.alu(AluOp::And, Width::W64, &Scalar::constant(63));
    assert_eq!((masked.umin, masked.umax), (0, 63));
    let remainder = Scalar::UNKNOWN.alu(AluOp::Mod, Width::W32, &Scalar::constant(10));
    assert_eq!((remainder.umin, remainder.umax), (0, 9));
}

#[test]
fn joins_widenings_and_covers_hold_both() {
    for mut random in seeds(20_000) {
        let (a, b) = (numbers(&mut random), numbers(&mut random));
        let (one, two) = (scalar_with(a, &mut random), scalar_with(b, &mut random));
        for both in [one.join(&two), one.widened(&two)] {
            assert!(both.contains(a) && both.contains(b), "{a:#x} {b:#x} {one:?} {two:?} {both:?}");
            assert!(both.covers(&one) && both.covers(&two), "{one:?} {two:?} {both:?}");
        }
        assert!(!one.covers(&two) || one.contains(b), "{b:#x} {one:?} {two:?}");
        assert_eq!(one.tightened(), Some(one), "what is reduced stays as it is");
    }
}

const fn unsigned(scalar: &Scalar) -> (u64, u64) {
    (scalar.umin, scalar.umax)
}

const fn signed(scalar: &Scalar) -> (i64, i64) {
    (scalar.smin, scalar.smax)
}

#[test]
fn sizes_are_the_ranges_they_tell() {
    for size in [Size::B, Size::H, Size::W, Size::DW] {
        assert_eq!(Scalar::of_size(size), Scalar::range(0, alu::mask(size)));
    }
}

#[test]
fn ranges_of_one_kind_narrow_those_of_the_others() {
    let of = |scalar: Scalar| scalar.tightened().unwrap();
    // The high half is the same at both ends.
    let near = Scalar::range(0x7_0000_0010, 0x7_0000_0020);
    assert_eq!((near.umin32, near.umax32, near.smin32, near.smax32), (0x10, 0x20, 0x10, 0x20));
    // The high halves follow each other, and the low one wraps from the largest to 0.
    let wrapping = Scalar::range(0x1_ffff_fff0, 0x2_0000_000f);
    assert_eq!((wrapping.smin32, wrapping.smax32), (-16, 15));
    assert_eq!((wrapping.umin32, wrapping.umax32), (0, u32::MAX));
    // Low ends move the ends of the whole, to the next high half where they must.
    let low = of(Scalar { umin32: 5, umax32: 9, ..Scalar::range(0x1_0000_0007, 0x3_0000_0002) });
    assert_eq!(unsigned(&low), (0x1_0000_0007, 0x2_0000_0009));
    // A signed range on both sides of 0, and an unsigned one that meets only one of them.
    let positive = of(Scalar { smin: -100, smax: 100, umin: 50, umax: u64::MAX / 2, ..Scalar::UNKNOWN });
    assert_eq!((unsigned(&positive), signed(&positive)), ((50, 100), (50, 100)));
    let negative = of(Scalar { smin: -100, smax: 100, umin: 101, ..Scalar::UNKNOWN });
    assert_eq!(signed(&negative), (-100, -1));
    let nothing = Scalar { smin: -100, smax: 100, umin: 101, umax: 1 << 63, ..Scalar::UNKNOWN };
    assert_eq!(nothing.tightened(), None);
    // Known bits move ends to the next member.
    let bits = of(Scalar { bits: Tnum { value: 1, mask: 0xf8 }, ..Scalar::range(2, 0xf7) });
    assert_eq!(unsigned(&bits), (9, 0xf1));
    // A number is not negative in 32 bits, and its signed range is that of 32 bits.
    let small = of(Scalar { smin32: 0, ..Scalar::signed_range(i32::MIN.into(), i32::MAX.into()) });
    assert_eq!(unsigned(&small), (0, i32::MAX as u64));
}

#[test]
fn shifts_up_and_down_extend_the_low_half() {
    let low = Scalar { smin32: -5, smax32: 9, ..Scalar::UNKNOWN }.tightened().unwrap();
    let (by_half, w64) = (Scalar::constant(32), Width::W64);
    let up = low.alu(AluOp::Lsh, w64, &by_half);
    assert_eq!(signed(&up.alu(AluOp::Arsh, w64, &by_half)), (-5, 9));
    let zero_extended = Scalar { umin32: 3, umax32: 7, ..Scalar::UNKNOWN }.tightened().unwrap();
    let up = zero_extended.alu(AluOp::Lsh, w64, &by_half);
    assert_eq!(unsigned(&up.alu(AluOp::Rsh, w64, &by_half)), (3, 7));
}

#[test]
fn shifts_by_unknown_counts_reach_from_the_least_to_the_most() {
    let (number, count) = (Scalar::range(3, 5), Scalar::range(1, 4));
    assert_eq!(unsigned(&number.alu(AluOp::Lsh, Width::W64, &count)), (6, 80));
    assert_eq!(unsigned(&number.alu(AluOp::Lsh, Width::W32, &count)), (6, 80));
    let large = Scalar::range(1000, 5000);
    assert_eq!(unsigned(&large.alu(AluOp::Rsh, Width::W64, &count)), (62, 2500));
    let negative = Scalar::signed_range(-4000, -1000);
    assert_eq!(signed(&negative.alu(AluOp::Arsh, Width::W64, &count)), (-2000, -63));
    // A count is masked: this one is 0 or 1.
    let masked = Scalar::range(64, 65);
    assert_eq!(unsigned(&number.alu(AluOp::Lsh, Width::W64, &masked)), (3, 10));
}

#[test]
fn quotients_and_remainders_have_the_ranges_of_their_operands() {
    let (dividend, divisor) = (Scalar::range(100, 200), Scalar::range(7, 10));
    let of = |op, dividend: &Scalar, divisor: &Scalar| dividend.alu(op, Width::W64, divisor);
    assert_eq!(unsigned(&of(AluOp::Div, &dividend, &divisor)), (10, 28));
    assert_eq!(unsigned(&of(AluOp::Mod, &dividend, &divisor)), (0, 9));
    let maybe_zero = Scalar::range(0, 10);
    assert_eq!(unsigned(&of(AluOp::Div, &dividend, &maybe_zero)), (0, 200));
    assert_eq!(unsigned(&of(AluOp::Mod, &dividend, &maybe_zero)), (0, 200));
    let same_quotient = Scalar::range(101, 105);
    assert_eq!(unsigned(&of(AluOp::Mod, &same_quotient, &Scalar::constant(10))), (1, 5));
    let around_zero = Scalar::signed_range(-100, 50);
    assert_eq!(signed(&of(AluOp::SDiv, &around_zero, &Scalar::constant(7))), (-14, 7));
    assert_eq!(signed(&of(AluOp::SDiv, &around_zero, &Scalar::constant(-7i64 as u64))), (-7, 14));
    assert_eq!(signed(&of(AluOp::SMod, &around_zero, &Scalar::constant(7))), (-6, 6));
    let least = Scalar::constant(i64::MIN as u64);
    assert_eq!(of(AluOp::SDiv, &least, &Scalar::constant(u64::MAX)), least);
}

#[test]
fn bytes_keep_their_bits_when_they_are_swapped() {
    let flags = Scalar { bits: Tnum { value: 0x12, mask: 0xff00 }, ..Scalar::UNKNOWN }.tightened().unwrap();
    for (size, value, mask) in
        [(Size::H, 0x1200, 0xff), (Size::W, 0x1200_0000, 0xff_0000), (Size::DW, 0x12 << 56, 0xff << 48)]
    {
        assert_eq!(flags.swapped(ByteOrder::ToBig, size).bits, Tnum { value, mask }, "{size:?}");
    }
}

/// Widens the state at a loop's head until it does not change, and tells how often.
fn trips(start: Scalar, body: impl Fn(&Scalar) -> Scalar) -> (Scalar, usize) {
    let mut head = start;
    for trip in 0..100 {
        let next = body(&head.tightened().unwrap());
        if head.covers(&next) {
            return (head, trip);
        }
        head = head.widened(&next);
    }
    panic!("still widening: {head:?}");
}

#[test]
fn chains_of_widenings_are_short() {
    let add =
        |number: i64| move |head: &Scalar| head.alu(AluOp::Add, Width::W64, &Scalar::constant(number as u64));
    for step in [1, 3, 4, 1000, 1 << 33, -1, -8] {
        let (head, trips) = trips(Scalar::constant(0), add(step));
        assert!(trips <= 8, "{step}: {trips} {head:?}");
        // The step's multiples are all that is left to know.
        let aligned = step as u64 & step.wrapping_neg() as u64;
        assert_eq!(head.bits, Tnum { value: 0, mask: !(aligned - 1) }, "{step}");
    }
    let (head, _) = trips(Scalar::constant(0), |head| {
        let below = Scalar { umax: 99, ..Scalar::UNKNOWN };
        head.meet(&below).map_or(*head, |below| below.alu(AluOp::Add, Width::W64, &Scalar::constant(1)))
    });
    assert_eq!(unsigned(&head.tightened().unwrap()), (0, 255));
    let doubled = |head: &Scalar| head.alu(AluOp::Lsh, Width::W32, &Scalar::constant(1));
    assert!(trips(Scalar::constant(1), doubled).1 <= 8);
}
