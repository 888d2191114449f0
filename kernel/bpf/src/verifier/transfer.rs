//! The transformer: the state after an instruction whose obligations were granted. It refuses nothing.

mod arithmetic;
mod assume;
mod call;

pub use assume::{Comparison, assume, equality_at, outcome};

use super::obligation::{Facts, extended};
use super::state::{Held, StackSpan, State};
use super::tie::Tie;
use super::value::{Pointer, Scalar, Target, UNLINKED, Value};
use crate::context::FieldKind;
use crate::insn::{AtomicOp, Extend, Fetch, Immediate, Insn, Operand, Reg, Size};

/// Executes an instruction that only goes on to the next.
pub fn step(state: &mut State, insn: &Insn, facts: &Facts<'_>) {
    match *insn {
        Insn::Alu { width, op, dst, src } => arithmetic::alu(state, width, op, dst, src),
        Insn::Neg { width, dst } => change(state, dst, |number| number.negated(width)),
        Insn::MovSx { width, dst, src, from } => arithmetic::mov_sx(state, width, dst, src, from),
        Insn::Swap { order, dst, size } => change(state, dst, |number| number.swapped(order, size)),
        Insn::LoadImm { dst, value } => {
            let value = immediate(state.pc, value);
            state.set(dst, value);
        }
        Insn::Load { dst, base, offset, size, extend } => {
            let loaded = load(state, facts, base, i64::from(offset), size, extend);
            state.set_held(dst, loaded);
        }
        Insn::Store { base, offset, size, value } => store(state, base, i64::from(offset), size, value),
        Insn::Atomic { op, fetch, base, src, offset, size } => {
            if let Some(span) = stack_span(state, base, i64::from(offset), size) {
                state.write(span, size, Held::new(Value::NUMBER));
            }
            let old = Value::of_size(size);
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

/// The number a value is; a pointer is some number.
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

fn operand(state: &State, operand: Operand) -> Held {
    match operand {
        Operand::Reg(register) => *state.held(register),
        Operand::Imm(imm) => Held::new(Value::Number(Scalar::constant(imm as u64))),
    }
}

const fn immediate(pc: usize, value: Immediate) -> Value {
    match value {
        Immediate::Value(value) => Value::Number(Scalar::constant(value)),
        Immediate::Map(map) => Value::Pointer(Pointer::to(Target::Map { map })),
        Immediate::MapValue { map, offset } => {
            Value::Pointer(Pointer { fixed: offset as i64, ..Pointer::to(Target::MapValue { map }) })
        }
        Immediate::Function(distance) => {
            let entry = (pc + 1).wrapping_add_signed(distance as isize) as u32;
            Value::Pointer(Pointer::to(Target::Function { entry }))
        }
    }
}

/// The number in `register`, tied to the copy of it that is about to be made.
fn tied(state: &mut State, register: Reg) -> Held {
    let held = *state.held(register);
    let Value::Number(number) = held.value else {
        return held;
    };
    if held.tie != Tie::None || number.as_constant().is_some() {
        return held;
    }
    let id = state.pc as u32 + 1;
    state.for_each(|held| {
        if matches!(held.tie, Tie::Same { id: other, .. } if other == id) {
            held.tie = Tie::None;
        }
    });
    let held = Held { tie: Tie::Same { id, delta: 0 }, ..held };
    state.set_held(register, held);
    held
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
    match state.value(base) {
        Value::Pointer(pointer) => StackSpan::of(pointer, offset, size.bytes() as u64),
        _ => None,
    }
}

fn store(state: &mut State, base: Reg, offset: i64, size: Size, value: Operand) {
    if let Some(span) = stack_span(state, base, offset, size) {
        let held = match value {
            Operand::Reg(register) if size >= Size::W => tied(state, register),
            value => operand(state, value),
        };
        state.write(span, size, held);
    }
}

fn load(state: &State, facts: &Facts<'_>, base: Reg, offset: i64, size: Size, extend: Extend) -> Held {
    let any = || Held::new(Value::Number(extended(Scalar::of_size(size), size, extend)));
    let Value::Pointer(pointer) = state.value(base) else {
        return any();
    };
    match pointer.target {
        Target::Stack { .. } => {
            let read =
                StackSpan::of(pointer, offset, size.bytes() as u64).and_then(|span| state.read(span, size));
            match read {
                Some(held) if extend == Extend::Zero => held,
                Some(Held { value: Value::Number(number), .. }) => {
                    Held::new(Value::Number(extended(number, size, extend)))
                }
                _ => any(),
            }
        }
        Target::Context => context_field(facts, pointer, offset, size).map_or_else(any, Held::new),
        Target::MapValue { map } => match constant(facts, map, pointer, offset, size) {
            Some(number) => Held::new(Value::Number(extended(number, size, extend))),
            None => any(),
        },
        _ => any(),
    }
}

fn context_field(facts: &Facts<'_>, pointer: &Pointer, offset: i64, size: Size) -> Option<Value> {
    let place = u64::try_from(pointer.reach(offset).0).ok()?;
    let target = match facts.kind.layout().field(place, size.bytes() as u64)?.kind {
        FieldKind::PacketStart => Target::Packet,
        FieldKind::PacketMeta => Target::PacketMeta,
        FieldKind::PacketEnd => Target::PacketEnd,
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
