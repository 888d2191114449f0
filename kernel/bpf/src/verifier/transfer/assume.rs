//! What a comparison tells about its operands, and about all that is tied to them.

use super::arithmetic::is_one_object;
use super::operand;
use crate::insn::{AluOp, Condition, Operand, Reg, Width};
use crate::interpreter::alu::holds;
use crate::packet::MOST_BYTES;
use crate::verifier::state::{Held, State};
use crate::verifier::tie::Tie;
use crate::verifier::value::{Pointer, Scalar, Target, UNLINKED, Value, refine};

/// A conditional jump, whose operands an obligation has admitted.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    /// The comparison.
    pub condition: Condition,
    /// Its width.
    pub width: Width,
    /// First operand.
    pub dst: Reg,
    /// Second operand.
    pub src: Operand,
}

/// Narrows `state` to where the comparison has this outcome; false if it cannot have it.
#[must_use]
pub fn assume(state: &mut State, comparison: &Comparison, outcome: bool) -> bool {
    let Comparison { condition, width, dst, src } = *comparison;
    if src == Operand::Reg(dst) {
        return holds_of_equals(condition).is_none_or(|holds| holds == outcome);
    }
    let constant;
    let second = match src {
        Operand::Reg(register) => state.value(register),
        Operand::Imm(imm) => {
            constant = Value::Number(Scalar::constant(imm as u64));
            &constant
        }
    };
    match (state.value(dst), second) {
        (Value::Number(first), Value::Number(second)) => {
            let Some((first, second)) = refine(condition, outcome, width, first, second) else {
                return false;
            };
            narrow(state, dst, first)
                && match src {
                    Operand::Reg(register) => narrow(state, register, second),
                    Operand::Imm(_) => true,
                }
        }
        (Value::Pointer(pointer), Value::Number(number)) => {
            let equal = equality(condition, outcome).filter(|_| width == Width::W64);
            let (pointer, number) = (*pointer, *number);
            assume_number(state, pointer, dst, equal, &number)
        }
        (Value::Number(number), Value::Pointer(pointer)) => {
            let Operand::Reg(register) = src else {
                return true;
            };
            let equal = equality(condition, outcome).filter(|_| width == Width::W64);
            let (pointer, number) = (*pointer, *number);
            assume_number(state, pointer, register, equal, &number)
        }
        (Value::Pointer(first), Value::Pointer(second)) if width == Width::W64 => {
            let (first, second) = (*first, *second);
            assume_order(state, comparison, outcome, first, second)
        }
        _ => true,
    }
}

/// The outcome, where both operands are constants.
#[must_use]
pub fn outcome(state: &State, comparison: &Comparison) -> Option<bool> {
    let constant = |register: Reg| match &state.registers.get(register.index())?.value {
        Value::Number(number) => number.as_constant(),
        _ => None,
    };
    let first = constant(comparison.dst)?;
    let second = match comparison.src {
        Operand::Reg(register) => constant(register)?,
        Operand::Imm(imm) => imm as u64,
    };
    Some(holds(comparison.condition, comparison.width, first, second))
}

/// Whether the outcome says that the operands are equal, or that they are not.
fn equality(condition: Condition, outcome: bool) -> Option<bool> {
    match condition {
        Condition::Eq => Some(outcome),
        Condition::Ne => Some(!outcome),
        _ => None,
    }
}

/// Whether `x condition x` holds, if that does not depend on x.
const fn holds_of_equals(condition: Condition) -> Option<bool> {
    match condition {
        Condition::Eq | Condition::Ge | Condition::Le | Condition::SGe | Condition::SLe => Some(true),
        Condition::Ne | Condition::Gt | Condition::Lt | Condition::SGt | Condition::SLt => Some(false),
        Condition::Set => None,
    }
}

/// The number in `register` is in `range` too, and all that is tied to it is narrowed with it; false if that
/// leaves nothing.
fn narrow(state: &mut State, register: Reg, range: Scalar) -> bool {
    let Held { value, tie } = state.held(register);
    if *value == Value::Number(range) {
        return true;
    }
    let tie = *tie;
    state.set_held(register, Held { value: Value::Number(range), tie });
    narrow_tied(state, tie, &range)
}

/// Something tied like this is in `range`.
fn narrow_tied(state: &mut State, tie: Tie, range: &Scalar) -> bool {
    let mut possible = true;
    match tie {
        Tie::None => {}
        Tie::Same { id, delta } => state.for_each(|held| {
            if let Tie::Same { id: own, delta: other } = held.tie
                && own == id
            {
                let by = Scalar::constant(other.wrapping_sub(delta) as u64);
                possible &= meet(held, &range.alu(AluOp::Add, Width::W64, &by));
            }
        }),
        Tie::Trips { level, low, high } => {
            let place = usize::from(level);
            let Some(trips) = Tie::narrow(low, high, range, state.loops[place].trips) else {
                return false;
            };
            if trips == state.loops[place].trips {
                return true;
            }
            state.loops[place].trips = trips;
            state.for_each(|held| {
                if let Tie::Trips { level: own, low, high } = held.tie
                    && own == level
                {
                    possible &= meet(held, &Scalar::signed_range(low.over(trips).0, high.over(trips).1));
                }
            });
        }
    }
    possible
}

/// The number, or the pointer's unknown part, is in `range` too.
fn meet(held: &mut Held, range: &Scalar) -> bool {
    match &mut held.value {
        Value::Uninitialised => true,
        Value::Number(number) | Value::Pointer(Pointer { variable: number, .. }) => {
            number.meet(range).is_some_and(|met| {
                *number = met;
                true
            })
        }
    }
}

/// `pointer`, in `register`, equals a number, or does not.
fn assume_number(
    state: &mut State,
    pointer: Pointer,
    register: Reg,
    equal: Option<bool>,
    number: &Scalar,
) -> bool {
    let (Some(null), Some(0)) = (equal, number.as_constant()) else {
        return true;
    };
    let Some(target) = pointer.target.if_not_null() else {
        // Every other pointer is an address of something, unless it was moved in front of it.
        return !null || pointer.may_lie_in_front();
    };
    let known =
        if null { Value::Number(Scalar::constant(0)) } else { Value::Pointer(found(&pointer, target)) };
    if null {
        state.release(pointer.identity);
    }
    if pointer.identity != UNLINKED {
        state.for_each_pointer(|value, other| {
            if other.target == pointer.target && other.identity == pointer.identity {
                *value = known;
            }
        });
    }
    state.set(register, known);
    true
}

/// What a pointer that is not null after all is.
fn found(pointer: &Pointer, target: Target) -> Pointer {
    let identity = if matches!(target, Target::Allocated { .. }) { pointer.identity } else { 0 };
    Pointer { identity, ..Pointer::to(target) }
}

fn assume_order(
    state: &mut State,
    comparison: &Comparison,
    outcome: bool,
    first: Pointer,
    second: Pointer,
) -> bool {
    let Comparison { condition, dst, src: Operand::Reg(src), .. } = *comparison else {
        return true;
    };
    match (first.target, second.target) {
        (Target::Packet, Target::PacketEnd) => assume_inside(state, dst, condition, outcome),
        (Target::PacketMeta, Target::Packet) if is_packet_start(&second) => {
            assume_metadata(state, &first, condition, outcome)
        }
        (Target::Packet, Target::PacketMeta) if is_packet_start(&first) => {
            assume_metadata(state, &second, mirrored(condition), outcome)
        }
        (Target::PacketEnd, Target::Packet) => assume_inside(state, src, mirrored(condition), outcome),
        (one, two) if one == two && is_one_object(one) => {
            let signed = match condition {
                Condition::Eq | Condition::Ne => condition,
                _ if first.may_lie_in_front() || second.may_lie_in_front() => return true,
                Condition::Gt => Condition::SGt,
                Condition::Ge => Condition::SGe,
                Condition::Lt => Condition::SLt,
                Condition::Le => Condition::SLe,
                _ => return true,
            };
            let offset = |pointer: &Pointer| {
                let fixed = Scalar::constant(pointer.fixed as u64);
                pointer.variable.alu(AluOp::Add, Width::W64, &fixed)
            };
            let Some((one, two)) = refine(signed, outcome, Width::W64, &offset(&first), &offset(&second))
            else {
                return false;
            };
            narrow_offset(state, dst, &first, &one) && narrow_offset(state, src, &second, &two)
        }
        _ => true,
    }
}

/// The offset of the pointer in `register` is in `range` too.
fn narrow_offset(state: &mut State, register: Reg, pointer: &Pointer, range: &Scalar) -> bool {
    let variable = range.alu(AluOp::Sub, Width::W64, &Scalar::constant(pointer.fixed as u64));
    let Some(variable) = pointer.variable.meet(&variable) else {
        return false;
    };
    if variable == pointer.variable {
        return true;
    }
    let tie = state.held(register).tie;
    state.set_held(register, Held { value: Value::Pointer(Pointer { variable, ..*pointer }), tie });
    narrow_tied(state, tie, &variable)
}

/// The packet pointer in `register` compared with the packet's end: up to the pointer, the packet is there.
fn assume_inside(state: &mut State, register: Reg, condition: Condition, outcome: bool) -> bool {
    let Value::Pointer(pointer) = state.get(register) else {
        return true;
    };
    let Some(more) = bytes_more(condition, outcome) else {
        return true;
    };
    // In front of the packet, a pointer is below its end whatever the packet's size.
    if pointer.may_lie_in_front() {
        return true;
    }
    let least = pointer.reach(more).0.clamp(0, MOST_BYTES as i64);
    state.packet_bytes = state.packet_bytes.max(least as u32);
    let proven = u32::try_from(pointer.fixed + more).unwrap_or(0);
    if pointer.identity != UNLINKED {
        state.for_each_pointer(|value, other| {
            if other.target == Target::Packet && other.identity == pointer.identity && other.proven < proven {
                *value = Value::Pointer(Pointer { proven, ..other });
            }
        });
    }
    let most = Scalar::signed_range(i64::MIN, MOST_BYTES as i64 - more);
    let Value::Pointer(pointer) = state.get(register) else {
        return true;
    };
    narrow_offset(state, register, &pointer, &most)
}

/// A pointer compared with an end: how many bytes from it on are there; `None` if that is not told.
const fn bytes_more(condition: Condition, outcome: bool) -> Option<i64> {
    match (condition, outcome) {
        (Condition::Gt, false) | (Condition::Le, true) | (Condition::Eq, true) | (Condition::Ne, false) => {
            Some(0)
        }
        (Condition::Ge, false) | (Condition::Lt, true) => Some(1),
        _ => None,
    }
}

fn is_packet_start(pointer: &Pointer) -> bool {
    pointer.fixed == 0 && pointer.variable.as_constant() == Some(0)
}

/// A pointer into the metadata compared with the packet's start, where the metadata ends.
fn assume_metadata(state: &mut State, pointer: &Pointer, condition: Condition, outcome: bool) -> bool {
    let proven = bytes_more(condition, outcome).and_then(|more| u32::try_from(pointer.fixed + more).ok());
    if let Some(proven) = proven.filter(|_| pointer.variable.as_constant() == Some(0)) {
        state.for_each_pointer(|value, other| {
            if other.target == Target::PacketMeta
                && other.identity == pointer.identity
                && other.proven < proven
            {
                *value = Value::Pointer(Pointer { proven, ..other });
            }
        });
    }
    true
}

/// The condition with its operands exchanged.
const fn mirrored(condition: Condition) -> Condition {
    match condition {
        Condition::Gt => Condition::Lt,
        Condition::Ge => Condition::Le,
        Condition::Lt => Condition::Gt,
        Condition::Le => Condition::Ge,
        Condition::SGt => Condition::SLt,
        Condition::SGe => Condition::SLe,
        Condition::SLt => Condition::SGt,
        Condition::SLe => Condition::SGe,
        Condition::Eq | Condition::Ne | Condition::Set => condition,
    }
}

/// If the comparison is for equality and its operands are so tied to the trips around a loop that they can be
/// equal after one number of trips only: the loop's level, and that number.
#[must_use]
pub fn equality_at(state: &State, comparison: &Comparison) -> Option<(usize, u32)> {
    if !matches!(comparison.condition, Condition::Eq | Condition::Ne) {
        return None;
    }
    let (first, second) = (*state.held(comparison.dst), operand(state, comparison.src));
    let offset = |held: &Held| match held.value {
        Value::Number(_) => Some(0),
        Value::Pointer(pointer) if is_one_object(pointer.target) => Some(pointer.fixed),
        _ => None,
    };
    let constant = |held: &Held| match held.value {
        Value::Number(number) => number.as_constant(),
        Value::Pointer(pointer) => pointer.variable.as_constant(),
        Value::Uninitialised => None,
    };
    let (moving, fixed) = if constant(&second).is_some() { (first, second) } else { (second, first) };
    let Tie::Trips { level, low, high } = moving.tie else {
        return None;
    };
    let to = (constant(&fixed)? as i64).checked_add(offset(&fixed)?)?;
    let to =
        if comparison.width == Width::W32 && offset(&moving) == Some(0) { i64::from(to as u32) } else { to };
    let distance = to.checked_sub(offset(&moving)?)?.checked_sub(low.start)?;
    if low != high || low.slope == 0 || distance % low.slope != 0 {
        return None;
    }
    Some((level.into(), u32::try_from(distance / low.slope).ok()?))
}
