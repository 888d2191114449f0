//! Arithmetic on numbers and pointers, with what ties the result.

use super::{new_identity, number, operand, tied};
use crate::insn::{AluOp, Operand, Reg, Size, Width};
use crate::verifier::state::{Held, State};
use crate::verifier::tie::{Line, Tie};
use crate::verifier::value::{MAX_OFFSET, Pointer, Scalar, Target, UNLINKED, Value};

/// `dst = dst op src`.
pub(super) fn alu(state: &mut State, width: Width, op: AluOp, dst: Reg, src: Operand) {
    if op == AluOp::Mov {
        return mov(state, width, dst, src);
    }
    let constant;
    let second = match src {
        Operand::Reg(register) => state.held(register),
        Operand::Imm(imm) => {
            constant = Held::new(Value::Number(Scalar::constant(imm as u64)));
            &constant
        }
    };
    let first = state.held(dst);
    let result = match (op, width, &first.value, &second.value) {
        (_, _, Value::Number(one), Value::Number(two)) => {
            numbers(width, op, (one, first.tie), (two, second.tie))
        }
        (AluOp::Add, Width::W64, Value::Pointer(pointer), Value::Number(offset)) => {
            let (pointer, tie, offset, offset_tie) = (*pointer, first.tie, *offset, second.tie);
            moved(state, pointer, tie, &offset, offset_tie)
        }
        (AluOp::Add, Width::W64, Value::Number(offset), Value::Pointer(pointer)) => {
            let (pointer, tie, offset, offset_tie) = (*pointer, second.tie, *offset, first.tie);
            moved(state, pointer, tie, &offset, offset_tie)
        }
        (AluOp::Sub, Width::W64, Value::Pointer(pointer), Value::Number(offset)) => {
            let (pointer, tie, offset) = (*pointer, first.tie, offset.negated(Width::W64));
            moved(state, pointer, tie, &offset, Tie::None)
        }
        (AluOp::Sub, Width::W64, Value::Pointer(one), Value::Pointer(two)) => Held::new(distance(one, two)),
        (_, _, one, two) => numbers(width, op, (&number(*one), first.tie), (&number(*two), second.tie)),
    };
    state.set_held(dst, result);
}

fn mov(state: &mut State, width: Width, dst: Reg, src: Operand) {
    let held = match src {
        Operand::Reg(register) => tied(state, register),
        Operand::Imm(_) => operand(state, src),
    };
    let moved = match (width, held.value) {
        (Width::W64, _) => held,
        (Width::W32, Value::Number(number)) if number.fits_u32() => held,
        (Width::W32, value) => Held::new(Value::Number(number(value).truncated(Size::W))),
    };
    state.set_held(dst, moved);
}

/// `dst = (signed from)src`.
pub(super) fn mov_sx(state: &mut State, width: Width, dst: Reg, src: Reg, from: Size) {
    let held = tied(state, src);
    let source = number(held.value);
    let moved = source.mov_sx(width, from);
    let unchanged = moved == source && matches!(held.value, Value::Number(_)) && fits_signed(&source, from);
    let unchanged = unchanged && (width == Width::W64 || source.smin >= 0);
    state.set_held(dst, if unchanged { held } else { Held::new(Value::Number(moved)) });
}

fn fits_signed(number: &Scalar, size: Size) -> bool {
    let shift = 64 - 8 * size.bytes() as u32;
    i64::MIN >> shift <= number.smin && number.smax <= i64::MAX >> shift
}

/// The distance of two pointers, which is known between places in one object.
fn distance(one: &Pointer, two: &Pointer) -> Value {
    let same = one.target == two.target && is_one_object(one.target);
    if !same {
        return Value::NUMBER;
    }
    let fixed = Scalar::constant((one.fixed - two.fixed) as u64);
    let linked = one.identity == two.identity && one.identity != 0 && one.identity != UNLINKED;
    let variable =
        if linked { Scalar::constant(0) } else { one.variable.alu(AluOp::Sub, Width::W64, &two.variable) };
    Value::Number(variable.alu(AluOp::Add, Width::W64, &fixed))
}

/// Whether all pointers to such a target are to the same object.
pub(super) const fn is_one_object(target: Target) -> bool {
    matches!(target, Target::Stack { .. } | Target::Context | Target::Packet | Target::Memory { .. })
}

/// `pointer`, its unknown part tied by `tie`, moved by `offset`.
fn moved(state: &mut State, pointer: Pointer, tie: Tie, offset: &Scalar, offset_tie: Tie) -> Held {
    if let Some(constant) = offset.as_constant() {
        let fixed = pointer.fixed + constant as i64;
        return Held { value: Value::Pointer(Pointer { fixed, ..pointer }), tie };
    }
    // The obligation has seen that the sum stays that near. To say so again costs nothing, and keeps offsets
    // small where the numbers contradict each other because no run comes here.
    let near = Scalar::signed_range(-MAX_OFFSET, MAX_OFFSET);
    let sum = numbers(Width::W64, AluOp::Add, (&pointer.variable, tie), (offset, offset_tie));
    let variable = number(sum.value).meet(&near).unwrap_or(near);
    let identity = if pointer.target == Target::Packet { new_identity(state) } else { 0 };
    Held { value: Value::Pointer(Pointer { variable, identity, proven: 0, ..pointer }), tie: sum.tie }
}

/// A number with its tie.
type Tied<'s> = (&'s Scalar, Tie);

fn numbers(width: Width, op: AluOp, first: Tied<'_>, second: Tied<'_>) -> Held {
    let result = first.0.alu(op, width, second.0);
    if first.1 == Tie::None && second.1 == Tie::None {
        return Held::new(Value::Number(result));
    }
    // Where a 32-bit operation loses no bit, it is the 64-bit one.
    let exact = width == Width::W64
        || (first.0.fits_u32() && first.0.alu(op, Width::W64, &widened(second.0)).fits_u32());
    let meant = widened_if(width, second.0);
    // What is tied is the number itself.
    let second_tie = if meant == *second.0 { second.1 } else { Tie::None };
    let tie = if exact { tie(op, first, (&meant, second_tie), &result) } else { Tie::None };
    Held { value: Value::Number(result), tie }
}

/// A 32-bit constant that is meant to be negative, as the number it is meant to be.
fn widened(number: &Scalar) -> Scalar {
    match number.as_constant() {
        Some(constant) => Scalar::constant(constant as u32 as i32 as u64),
        None => *number,
    }
}

fn widened_if(width: Width, number: &Scalar) -> Scalar {
    if width == Width::W32 { widened(number) } else { *number }
}

fn tie(op: AluOp, (first, tie): Tied<'_>, (second, other): Tied<'_>, result: &Scalar) -> Tie {
    match op {
        AluOp::Add if tie == Tie::None => other.moved(second, first),
        AluOp::Add => tie.moved(first, second),
        AluOp::Sub if second.smin > i64::MIN => tie.moved(first, &second.negated(Width::W64)),
        AluOp::Mul => scaled(tie, first, second.as_constant()),
        AluOp::Lsh => scaled(tie, first, second.as_constant().filter(|&by| by < 32).map(|by| 1 << by)),
        // Masks and shifts that change nothing.
        AluOp::And | AluOp::Or | AluOp::Rsh if is_identity(op, first, second) && result == first => tie,
        _ => Tie::None,
    }
}

fn is_identity(op: AluOp, first: &Scalar, second: &Scalar) -> bool {
    match (op, second.as_constant()) {
        (AluOp::And, Some(mask)) => first.bits.max() & !mask == 0,
        (AluOp::Or | AluOp::Rsh, Some(0)) => true,
        _ => false,
    }
}

/// The tie after multiplying by a positive constant, if that cannot wrap around.
fn scaled(tie: Tie, range: &Scalar, by: Option<u64>) -> Tie {
    let (Tie::Trips { level, low, high }, Some(by @ 1..=0xffff_ffff)) = (tie, by) else {
        return Tie::None;
    };
    let by = by as i64;
    let scale = |line: Line| {
        let scaled = Line { slope: line.slope.checked_mul(by)?, start: line.start.checked_mul(by)? };
        scaled.is_near().then_some(scaled)
    };
    let stays = range.smin.checked_mul(by).is_some() && range.smax.checked_mul(by).is_some();
    match (scale(low), scale(high)) {
        (Some(low), Some(high)) if stays => Tie::Trips { level, low, high },
        _ => Tie::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_that_32_bits_take_for_another_number_ties_nothing() {
        let mut state = State::EMPTY;
        let (sum, tied) = (Reg::R0, Reg::R1);
        let all_ones = Value::Number(Scalar::constant(0xffff_ffff));
        state.set_held(tied, Held { value: all_ones, tie: Tie::Same { id: 9, delta: 0 } });
        state.set(sum, Value::Number(Scalar::constant(5)));
        alu(&mut state, Width::W32, AluOp::Add, sum, Operand::Reg(tied));
        assert_eq!(*state.held(sum), Held::new(Value::Number(Scalar::constant(4))));
    }
}
