//! What a helper call leaves behind.

use super::new_identity;
use crate::helpers::{self, Argument, Helper, Holding, MAP_PEEK_ELEM, Return};
use crate::insn::{Reg, Size};
use crate::maps::MapKind;
use crate::verifier::obligation::{Facts, map_in, map_index};
use crate::verifier::state::{Held, StackSpan, State};
use crate::verifier::value::{Pointer, Target, Value};

/// The state after helper `id`, whose arguments an obligation has granted.
pub(super) fn helper(state: &mut State, id: u32, facts: &Facts<'_>) {
    let Some(helper) = helpers::helper(id) else { return };
    let returned = match helper.returns {
        Return::Nothing => Value::Uninitialised,
        Return::RingMemoryOrNull => reserved(state),
        Return::Number => Value::NUMBER,
        Return::Number32 => Value::of_size(Size::W),
        Return::ValueOrNull => value_or_null(state, facts),
    };
    write_rooms(state, facts, helper);
    if helper.holding == Holding::Releases
        && let Value::Pointer(pointer) = state.get(Reg::R1)
    {
        give_back(state, pointer.identity);
    }
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

/// Memory that the program must give back, or null. An obligation has seen that there is room for one more.
fn reserved(state: &mut State) -> Value {
    let size =
        Reg::new(2).and_then(|register| size_in(state, register)).and_then(|size| u32::try_from(size).ok());
    let identity = new_identity(state);
    match size {
        Some(size) if state.acquire(identity) => {
            Value::Pointer(Pointer { identity, ..Pointer::to(Target::AllocatedOrNull { size }) })
        }
        _ => Value::Uninitialised,
    }
}

/// What was given back is gone.
fn give_back(state: &mut State, identity: u32) {
    state.release(identity);
    state.for_each_pointer(|value, pointer| {
        if pointer.identity == identity && matches!(pointer.target, Target::Allocated { .. }) {
            *value = Value::Uninitialised;
        }
    });
}

/// What the helper writes on the stack are numbers afterwards.
fn write_rooms(state: &mut State, facts: &Facts<'_>, helper: &Helper) {
    let map = map_in(state, facts, Reg::R1);
    for (register, argument) in helpers::argument_registers(helper) {
        let size = match argument {
            Argument::Room | Argument::RoomOrNull => {
                Reg::new(register.index() as u8 + 1).and_then(|register| size_in(state, register))
            }
            Argument::ValueRoom => {
                let reads =
                    helper.id == MAP_PEEK_ELEM && map.is_some_and(|map| map.kind == MapKind::BloomFilter);
                map.filter(|_| !reads).map(|map| u64::from(map.value_size))
            }
            // The parameters of a route lookup are answered in place.
            Argument::Memory if helper.name == "fib_lookup" => {
                Reg::new(register.index() as u8 + 1).and_then(|register| size_in(state, register))
            }
            _ => None,
        };
        if let (Value::Pointer(pointer), Some(size @ 1..)) = (state.get(register), size)
            && let Some(span) = StackSpan::of(&pointer, 0, size)
        {
            state.write(span, Size::B, Held::new(Value::NUMBER));
        }
    }
}

/// The largest number in a register.
fn size_in(state: &State, register: Reg) -> Option<u64> {
    match state.get(register) {
        Value::Number(number) => Some(number.umax),
        Value::Uninitialised | Value::Pointer(_) => None,
    }
}

/// Pointers into a packet that may have moved are of no use.
fn forget_packet(state: &mut State) {
    state.for_each_pointer(|value, pointer| {
        if matches!(pointer.target, Target::Packet | Target::PacketMeta | Target::PacketEnd) {
            *value = Value::Uninitialised;
        }
    });
    state.packet_bytes = 0;
}
