//! The transformer: the state after an instruction whose obligations were granted. It refuses nothing.

mod call;

use super::obligation::{Facts, extended};
use super::state::{StackSpan, State};
use super::value::{MAX_OFFSET, Pointer, Scalar, Target, Value, refine};
use crate::context::FieldKind;
use crate::insn::{AluOp, AtomicOp, Condition, Extend, Fetch, Immediate, Insn, Operand, Reg, Size, Width};

/// The identity of a pointer that shares its unknown part with no other any more.
const UNLINKED: u32 = u32::MAX;

/// The identity of pointers from the start of the packet's metadata.
const METADATA: u32 = u32::MAX - 1;

/// Executes an instruction that only goes on to the next.
pub fn step(state: &mut State, insn: &Insn, facts: &Facts<'_>) {
    match *insn {
        Insn::Alu { width, op, dst, src } => arithmetic(state, width, op, dst, src),
        Insn::Neg { width, dst } => change(state, dst, |number| number.negated(width)),
        Insn::MovSx { width, dst, src, from } => {
            let moved = number(state.get(src)).mov_sx(width, from);
            state.set(dst, Value::Number(moved));
        }
        Insn::Swap { order, dst, size } => change(state, dst, |number| number.swapped(order, size)),
        Insn::LoadImm { dst, value } => state.set(dst, immediate(value)),
        Insn::Load { dst, base, offset, size, extend } => {
            let loaded = load(state, facts, base, i64::from(offset), size, extend);
            state.set(dst, loaded);
        }
        Insn::Store { base, offset, size, value } => {
            let value = operand(state, value);
            if let Some(span) = stack_span(state, base, i64::from(offset), size) {
                state.write(span, size, value);
            }
        }
        Insn::Atomic { op, fetch, base, src, offset, size } => {
            if let Some(span) = stack_span(state, base, i64::from(offset), size) {
                state.write(span, size, Value::NUMBER);
            }
            let old = Value::Number(Scalar::of_size(size));
            match (fetch, op) {
                (Fetch::No, _) => {}
                (Fetch::Yes, AtomicOp::CmpXchg) => state.set(Reg::R0, old),
                (Fetch::Yes, _) => state.set(src, old),
            }
        }
        Insn::CallHelper { id } => call::helper(state, id, facts),
        Insn::Jump { .. }
        | Insn::Branch { .. }
        | Insn::CallLocal { .. }
        | Insn::CallRegister { .. }
        | Insn::Exit => {}
    }
}

/// The number a value is, once an obligation has said that it is one.
const fn number(value: Value) -> Scalar {
    match value {
        Value::Number(number) => number,
        Value::Uninitialised | Value::Pointer(_) => Scalar::UNKNOWN,
    }
}

fn change(state: &mut State, dst: Reg, f: impl FnOnce(&Scalar) -> Scalar) {
    let changed = f(&number(state.get(dst)));
    state.set(dst, Value::Number(changed));
}

fn operand(state: &State, operand: Operand) -> Value {
    match operand {
        Operand::Reg(register) => state.get(register),
        Operand::Imm(imm) => Value::Number(Scalar::constant(imm as u64)),
    }
}

const fn immediate(value: Immediate) -> Value {
    match value {
        Immediate::Value(value) => Value::Number(Scalar::constant(value)),
        Immediate::Map(map) => Value::Pointer(Pointer::to(Target::Map { map })),
        Immediate::MapValue { map, offset } => {
            Value::Pointer(Pointer { fixed: offset as i64, ..Pointer::to(Target::MapValue { map }) })
        }
        Immediate::Function(_) => Value::Uninitialised,
    }
}

fn arithmetic(state: &mut State, width: Width, op: AluOp, dst: Reg, src: Operand) {
    let (first, second) = (state.get(dst), operand(state, src));
    let result = match (op, first, second) {
        (AluOp::Mov, _, Value::Number(number)) if width == Width::W32 => {
            Value::Number(number.truncated(Size::W))
        }
        (AluOp::Mov, _, value) => value,
        (AluOp::Sub, Value::Pointer(_), Value::Pointer(_)) => Value::NUMBER,
        (_, Value::Pointer(pointer), Value::Number(offset)) => {
            let offset = if op == AluOp::Sub { offset.negated(Width::W64) } else { offset };
            moved(state, pointer, &offset)
        }
        (_, Value::Number(offset), Value::Pointer(pointer)) => moved(state, pointer, &offset),
        (_, first, second) => Value::Number(number(first).alu(op, width, &number(second))),
    };
    state.set(dst, result);
}

/// `pointer` moved by `offset`.
fn moved(state: &mut State, pointer: Pointer, offset: &Scalar) -> Value {
    if let Some(constant) = offset.as_constant() {
        return Value::Pointer(Pointer { fixed: pointer.fixed + constant as i64, ..pointer });
    }
    // The obligation has seen that the sum stays that near. To say so again costs nothing, and keeps offsets
    // small where the numbers contradict each other because no run comes here.
    let near = Scalar::signed_range(-MAX_OFFSET, MAX_OFFSET);
    let variable = pointer.variable.alu(AluOp::Add, Width::W64, offset).meet(&near).unwrap_or(near);
    let identity = if pointer.target == Target::Packet { new_identity(state) } else { 0 };
    Value::Pointer(Pointer { variable, identity, proven: 0, ..pointer })
}

/// An identity for what the instruction makes, taken away from what it made when it was executed before.
fn new_identity(state: &mut State) -> u32 {
    let identity = state.pc as u32 + 1;
    state.for_each_pointer(|value, pointer| {
        if pointer.identity == identity {
            *value = Value::Pointer(Pointer { identity: UNLINKED, ..pointer });
        }
    });
    identity
}

fn stack_span(state: &State, base: Reg, offset: i64, size: Size) -> Option<StackSpan> {
    match state.get(base) {
        Value::Pointer(pointer) => StackSpan::of(&pointer, offset, size.bytes() as u64),
        _ => None,
    }
}

fn load(state: &State, facts: &Facts<'_>, base: Reg, offset: i64, size: Size, extend: Extend) -> Value {
    let any = Value::Number(extended(Scalar::of_size(size), size, extend));
    let Value::Pointer(pointer) = state.get(base) else {
        return any;
    };
    match pointer.target {
        Target::Stack { .. } => {
            let read =
                StackSpan::of(&pointer, offset, size.bytes() as u64).and_then(|span| state.read(span, size));
            match read {
                Some(Value::Number(number)) => Value::Number(extended(number, size, extend)),
                Some(value) => value,
                None => any,
            }
        }
        Target::Context => context_field(facts, &pointer, offset, size).unwrap_or(any),
        Target::MapValue { map } => match constant(facts, map, &pointer, offset, size) {
            Some(number) => Value::Number(extended(number, size, extend)),
            None => any,
        },
        _ => any,
    }
}

fn context_field(facts: &Facts<'_>, pointer: &Pointer, offset: i64, size: Size) -> Option<Value> {
    let place = u64::try_from(pointer.reach(offset).0).ok()?;
    let target = match facts.kind.layout().field(place, size.bytes() as u64)?.kind {
        FieldKind::PacketStart => Target::Packet,
        FieldKind::PacketEnd => Target::PacketEnd,
        FieldKind::PacketMeta => {
            // It starts somewhere in front of the packet: what is proven of one is not of the other.
            return Some(Value::Pointer(Pointer { identity: METADATA, ..Pointer::to(Target::Packet) }));
        }
        FieldKind::Number | FieldKind::WholeNumber => return None,
    };
    Some(Value::Pointer(Pointer::to(target)))
}

/// The number at a known place in memory that never changes.
fn constant(facts: &Facts<'_>, map: u32, pointer: &Pointer, offset: i64, size: Size) -> Option<Scalar> {
    let (start, end) = pointer.reach(offset);
    let start = usize::try_from(start).ok().filter(|_| start == end)?;
    let bytes = facts.constant_value(map)?.get(start..start.checked_add(size.bytes())?)?;
    let number = bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
    Some(Scalar::constant(number))
}

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
    match (state.get(dst), operand(state, src)) {
        (Value::Number(first), Value::Number(second)) => {
            let same_register = src == Operand::Reg(dst);
            if same_register {
                return holds_of_equals(condition).is_none_or(|holds| holds == outcome);
            }
            let Some((first, second)) = refine(condition, outcome, width, &first, &second) else {
                return false;
            };
            state.set(dst, Value::Number(first));
            if let Operand::Reg(register) = src {
                state.set(register, Value::Number(second));
            }
            true
        }
        (Value::Pointer(pointer), Value::Number(_)) => {
            assume_null(state, pointer, dst, is_equal(condition) == outcome)
        }
        (Value::Number(_), Value::Pointer(pointer)) => {
            let Operand::Reg(register) = src else {
                return true;
            };
            assume_null(state, pointer, register, is_equal(condition) == outcome)
        }
        (Value::Pointer(first), Value::Pointer(second)) => {
            assume_inside(state, condition, outcome, first, second);
            true
        }
        _ => true,
    }
}

fn is_equal(condition: Condition) -> bool {
    condition == Condition::Eq
}

/// Whether `x condition x` holds, if that does not depend on x.
const fn holds_of_equals(condition: Condition) -> Option<bool> {
    match condition {
        Condition::Eq | Condition::Ge | Condition::Le | Condition::SGe | Condition::SLe => Some(true),
        Condition::Ne | Condition::Gt | Condition::Lt | Condition::SGt | Condition::SLt => Some(false),
        Condition::Set => None,
    }
}

/// `pointer`, in `register`, is null or is not.
fn assume_null(state: &mut State, pointer: Pointer, register: Reg, null: bool) -> bool {
    let Target::MapValueOrNull { map } = pointer.target else {
        // Every other pointer is an address of something.
        return !null;
    };
    let known = if null {
        Value::Number(Scalar::constant(0))
    } else {
        Value::Pointer(Pointer::to(Target::MapValue { map }))
    };
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

/// A packet pointer compared with the packet's end: below it, everything up to the pointer is proven.
fn assume_inside(state: &mut State, condition: Condition, outcome: bool, first: Pointer, second: Pointer) {
    let (pointer, condition) = match (first.target, second.target) {
        (Target::Packet, Target::PacketEnd) => (first, condition),
        (Target::PacketEnd, Target::Packet) => (second, mirrored(condition)),
        _ => return,
    };
    // pointer <= end, or pointer < end: one byte more.
    let more = match (condition, outcome) {
        (Condition::Gt, false) | (Condition::Le, true) | (Condition::Eq, true) | (Condition::Ne, false) => 0,
        (Condition::Ge, false) | (Condition::Lt, true) => 1,
        _ => return,
    };
    let proven = u32::try_from(pointer.fixed + more).unwrap_or(0);
    if pointer.identity == UNLINKED {
        return;
    }
    state.for_each_pointer(|value, other| {
        if other.target == Target::Packet && other.identity == pointer.identity && other.proven < proven {
            *value = Value::Pointer(Pointer { proven, ..other });
        }
    });
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
        Condition::Eq => Condition::Eq,
        Condition::Ne => Condition::Ne,
        Condition::Set => Condition::Set,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verifier::value::Tnum;

    /// Numbers that contradict each other without showing it: a range and bits with nothing in common. No run
    /// has them, but the verifier goes on with them.
    #[test]
    fn an_offset_without_a_value_stays_near() {
        let value = |bits, umin, umax| {
            Scalar { bits, umin, umax, smin: umin as i64, smax: umax as i64 }.tightened().unwrap()
        };
        let nothing = value(Tnum { value: 16, mask: 40 }, 31, 34);
        let offset = value(Tnum { value: 36, mask: 1 }, 36, 37);
        assert_eq!(offset.alu(AluOp::Add, Width::W64, &nothing), Scalar::UNKNOWN);
        let pointer = Pointer { fixed: -512, variable: offset, ..Pointer::to(Target::Stack { frame: 0 }) };
        let Value::Pointer(result) = moved(&mut State::EMPTY.clone(), pointer, &nothing) else {
            panic!("a pointer stays one");
        };
        assert!(result.variable.smin >= -MAX_OFFSET && result.variable.smax <= MAX_OFFSET);
        assert!(result.reach(i64::from(i16::MIN)).0 < 0);
    }
}
