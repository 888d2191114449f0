//! What a helper call leaves behind.

use super::new_identity;
use crate::helpers::{self, Argument, Helper, MAP_PEEK_ELEM, Return};
use crate::insn::{Reg, Size};
use crate::maps::MapKind;
use crate::verifier::obligation::{Facts, map_in, map_index};
use crate::verifier::state::{StackSpan, State};
use crate::verifier::value::{Pointer, Scalar, Target, Value};

/// The state after helper `id`, whose arguments an obligation has granted.
pub(super) fn helper(state: &mut State, id: u32, facts: &Facts<'_>) {
    let Some(helper) = helpers::helper(id) else { return };
    let returned = match helper.returns {
        Return::Nothing | Return::RingMemoryOrNull => Value::Uninitialised,
        Return::Number => Value::NUMBER,
        Return::Number32 => Value::Number(Scalar::of_size(Size::W)),
        Return::ValueOrNull => value_or_null(state, facts),
    };
    write_rooms(state, facts, helper);
    if helper.moves_packet {
        forget_packet(state);
    }
    state.clobber_arguments();
    state.set(Reg::R0, returned);
}

/// The result of a lookup in the map in r1. The value of a map of maps is a map: its one use is as a map argument.
fn value_or_null(state: &mut State, facts: &Facts<'_>) -> Value {
    let Some(map) = map_index(state, facts, Reg::R1) else {
        return Value::Uninitialised;
    };
    let identity = new_identity(state);
    Value::Pointer(Pointer { identity, ..Pointer::to(Target::MapValueOrNull { map }) })
}

/// What the helper writes on the stack are numbers afterwards.
fn write_rooms(state: &mut State, facts: &Facts<'_>, helper: &Helper) {
    let map = map_in(state, facts, Reg::R1);
    for (register, argument) in helpers::argument_registers(helper) {
        let size = match argument {
            Argument::Room | Argument::RoomOrNull => size_in(state, register.index() as u8 + 1),
            Argument::ValueRoom => {
                let reads =
                    helper.id == MAP_PEEK_ELEM && map.is_some_and(|map| map.kind == MapKind::BloomFilter);
                map.filter(|_| !reads).map(|map| u64::from(map.value_size))
            }
            // The parameters of a route lookup are answered in place.
            Argument::Memory if helper.name == "fib_lookup" => size_in(state, register.index() as u8 + 1),
            _ => None,
        };
        if let (Value::Pointer(pointer), Some(size @ 1..)) = (state.get(register), size)
            && let Some(span) = StackSpan::of(&pointer, 0, size)
        {
            state.write(span, Size::B, Value::NUMBER);
        }
    }
}

/// The largest number in a register.
fn size_in(state: &State, register: u8) -> Option<u64> {
    match state.get(Reg::new(register)?) {
        Value::Number(number) => Some(number.umax),
        Value::Uninitialised | Value::Pointer(_) => None,
    }
}

/// Pointers into a packet that may have moved are of no use.
fn forget_packet(state: &mut State) {
    state.for_each_pointer(|value, pointer| {
        if matches!(pointer.target, Target::Packet | Target::PacketEnd) {
            *value = Value::Uninitialised;
        }
    });
}
