//! Whether a helper's arguments are what it takes.

use super::{Facts, access, number};
use crate::helpers::{self, Argument, Helper, conversions};
use crate::insn::Reg;
use crate::maps::MapDef;
use crate::object::MapAccess;
use crate::verifier::rejection::Reason;
use crate::verifier::state::{StackSpan, State};
use crate::verifier::value::{Target, Value};

/// Whether the call is granted.
pub(super) fn check(state: &State, facts: &Facts<'_>, helper: &'static Helper) -> Result<(), Reason> {
    let mut map: Option<&MapDef<'_>> = None;
    for (register, expected) in helpers::argument_registers(helper) {
        let wrong = || Reason::argument(helper, register, expected, state.get(register));
        match expected {
            Argument::Map => map = Some(map_argument(state, facts, register).ok_or_else(wrong)?),
            Argument::Key => readable(state, facts, register, map.map_or(0, |map| map.key_size), wrong)?,
            Argument::Value => {
                let map = map.ok_or_else(wrong)?;
                if map.access == MapAccess::ReadOnly {
                    return Err(Reason::ReadOnly(Reg::R1));
                }
                readable(state, facts, register, map.value_size, wrong)?;
            }
            Argument::Memory => {}
            Argument::Size => sized_memory(state, facts, helper, register)?,
            Argument::Number => number(state, register).map(drop)?,
            Argument::Printed => {}
        }
    }
    if helper.id == helpers::TRACE_PRINTK { printed(state, facts, helper) } else { Ok(()) }
}

fn map_argument<'a>(state: &State, facts: &Facts<'a>, register: Reg) -> Option<&'a MapDef<'a>> {
    let Value::Pointer(pointer) = state.get(register) else {
        return None;
    };
    match pointer.target {
        Target::Map { map } => facts.maps.get(map as usize),
        _ => None,
    }
}

/// Memory and its size, `register` being the size.
fn sized_memory(
    state: &State,
    facts: &Facts<'_>,
    helper: &'static Helper,
    register: Reg,
) -> Result<(), Reason> {
    let size = number(state, register)?;
    let wrong = || Reason::argument(helper, register, Argument::Size, state.get(register));
    let largest = u32::try_from(size.umax).ok().filter(|_| size.umin > 0).ok_or_else(wrong)?;
    let memory = Reg::new(register.index() as u8 - 1).ok_or_else(wrong)?;
    let wrong = || Reason::argument(helper, memory, Argument::Memory, state.get(memory));
    readable(state, facts, memory, largest, wrong)
}

/// Whether `size` bytes at the address in `register` exist, are initialised and are numbers.
fn readable(
    state: &State,
    facts: &Facts<'_>,
    register: Reg,
    size: u32,
    wrong: impl FnOnce() -> Reason,
) -> Result<(), Reason> {
    let value = super::initialised(state, register)?;
    let Value::Pointer(pointer) = value else {
        return Err(wrong());
    };
    match pointer.target {
        Target::Stack { .. } => {
            let span = StackSpan::of(&pointer, 0, u64::from(size)).ok_or_else(wrong)?;
            if state.readable(span) {
                Ok(())
            } else {
                Err(Reason::UninitialisedStack(register, pointer.reach(0).0))
            }
        }
        Target::Packet => access::packet(register, &pointer, 0, u64::from(size)),
        Target::MapValue { .. } | Target::Memory { .. } => {
            access::bounded(register, value, &pointer, 0, u64::from(size), facts)
        }
        Target::MapValueOrNull { .. } => Err(Reason::MaybeNull(register)),
        Target::Context | Target::PacketEnd | Target::Map { .. } => Err(wrong()),
    }
}

/// The arguments that the format string prints are numbers: an address would tell where things are. Of a
/// string that is not known here, every argument may be printed.
fn printed(state: &State, facts: &Facts<'_>, helper: &'static Helper) -> Result<(), Reason> {
    let count = match constant_string(state, facts, Reg::R1) {
        None => None,
        Some(text) => match conversions(text.iter().copied()) {
            found if found.valid => Some(found.count),
            _ => return Err(Reason::FormatString),
        },
    };
    let arguments = helpers::argument_registers(helper).filter(|(_, kind)| *kind == Argument::Printed);
    for (index, (register, expected)) in arguments.enumerate() {
        let granted = match (state.get(register), count) {
            (Value::Number(_), _) | (Value::Uninitialised, None) => true,
            (_, Some(count)) => index >= count,
            (Value::Pointer(_), None) => false,
        };
        if !granted {
            return Err(Reason::argument(helper, register, expected, state.get(register)));
        }
    }
    Ok(())
}

/// The read-only bytes at a known place in an object, cut to the length in the next register.
fn constant_string<'a>(state: &State, facts: &Facts<'a>, register: Reg) -> Option<&'a [u8]> {
    let Value::Pointer(pointer) = state.get(register) else {
        return None;
    };
    let Target::MapValue { map } = pointer.target else {
        return None;
    };
    let def = facts.maps.get(map as usize).filter(|def| def.access == MapAccess::ReadOnly)?;
    let length = number(state, Reg::new(register.index() as u8 + 1)?).ok()?.as_constant()?;
    let (start, end) = pointer.reach(0);
    let start = usize::try_from(start).ok().filter(|_| start == end)?;
    def.initial?.get(start..start.checked_add(usize::try_from(length).ok()?)?)
}
