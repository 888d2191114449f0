//! The operators at 64 bits against the interpreter, on random numbers.

use super::Scalar;
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
