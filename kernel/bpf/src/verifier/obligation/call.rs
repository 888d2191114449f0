//! Whether a helper's arguments are what it takes.

use super::{Facts, access, number};
use crate::helpers::{self, Argument, Helper, conversions};
use crate::insn::Reg;
use crate::maps::MapDef;
use crate::object::MapAccess;
use crate::verifier::Addresses;
use crate::verifier::rejection::Reason;
use crate::verifier::state::{StackSpan, State};
use crate::verifier::value::{Target, Value};

/// Whether the call is granted.
pub(super) fn check(state: &State, facts: &Facts<'_>, helper: &'static Helper) -> Result<(), Reason> {
    let mut map: Option<&MapDef<'_>> = None;
    for (register, expected) in helpers::argument_registers(helper) {
        let wrong = || Reason::argument(helper, register, expected, state.get(register));
        match expected {
            Argument::Map => {
                let given = map_argument(state, facts, register).ok_or_else(wrong)?;
                if given.access == MapAccess::ReadOnly && helpers::changes_map(helper.id) {
                    return Err(Reason::ReadOnly(register));
                }
                map = Some(given);
            }
            Argument::Key => readable(state, facts, register, map.map_or(0, |map| map.key_size), wrong)?,
            Argument::Value => {
                let size = map.map(|map| map.value_size).ok_or_else(wrong)?;
                readable(state, facts, register, size, wrong)?;
            }
            Argument::Memory => {}
            Argument::Size => sized_memory(state, facts, helper, register)?,
            Argument::Number => super::as_number(state, facts, register)?,
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
            let is_open = facts.addresses == Addresses::Open;
            if is_open || (state.is_written(span) && !state.holds_pointer(span)) {
                Ok(())
            } else {
                Err(Reason::UninitialisedStack(register, pointer.reach(0).0))
            }
        }
        Target::Packet => access::packet(state, register, &pointer, 0, u64::from(size)),
        Target::MapValue { .. } | Target::Memory { .. } | Target::Allocated { .. } => {
            access::bounded(register, value, &pointer, 0, u64::from(size), facts)
        }
        Target::MapValueOrNull { .. } | Target::AllocatedOrNull { .. } => Err(Reason::MaybeNull(register)),
        Target::Context | Target::PacketEnd | Target::Map { .. } | Target::Function { .. } => Err(wrong()),
    }
}

/// The arguments that the format string prints are numbers: an address would tell where things are. Of a
/// string that is not known here, every argument may be printed, so none may be missing: what was never
/// written here may hold an address.
fn printed(state: &State, facts: &Facts<'_>, helper: &'static Helper) -> Result<(), Reason> {
    let arguments = helpers::argument_registers(helper).filter(|(_, kind)| *kind == Argument::Printed);
    let printed = match constant_string(state, facts, Reg::R1) {
        None => usize::MAX,
        Some(text) => match conversions(text.iter().copied()) {
            found if found.valid => found.count,
            _ => return Err(Reason::FormatString),
        },
    };
    for (register, expected) in arguments.take(printed) {
        let found = state.get(register);
        let is_address = matches!(found, Value::Pointer(_)) && facts.addresses == Addresses::Open;
        if !is_address && !matches!(found, Value::Number(_)) {
            return Err(Reason::argument(helper, register, expected, found));
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
    let length = number(state, Reg::new(register.index() as u8 + 1)?).ok()?.as_constant()?;
    let (start, end) = pointer.reach(0);
    let start = usize::try_from(start).ok().filter(|_| start == end)?;
    facts.constant_value(map)?.get(start..start.checked_add(usize::try_from(length).ok()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::ProgramKind;
    use crate::insn::Size;
    use crate::maps::MapKind;
    use crate::verifier::state::Held;
    use crate::verifier::value::{Pointer, Scalar};

    const READ_ONLY: MapDef<'_> = MapDef {
        value_size: 8,
        access: MapAccess::ReadOnly,
        initial: Some(b"%d\0\0\0\0\0\0"),
        ..MapDef::VACANT
    };

    fn decide(state: &State, def: MapDef<'_>, id: u32) -> Result<(), Reason> {
        let facts = Facts { kind: ProgramKind::Syscall, maps: &[def], addresses: Addresses::Secret };
        check(state, &facts, helpers::helper(id).unwrap())
    }

    /// r1 at eight written bytes of stack, r2 their number.
    fn string_on_stack() -> State {
        let mut state = State::EMPTY;
        let string = Pointer { fixed: -8, ..Pointer::to(Target::Stack { frame: 0 }) };
        state.write(StackSpan::of(&string, 0, 8).unwrap(), Size::DW, Held::new(Value::NUMBER));
        set(&mut state, 1, Value::Pointer(string));
        set(&mut state, 2, number_of(8));
        state
    }

    fn set(state: &mut State, register: u8, value: Value) {
        state.set(Reg::new(register).unwrap(), value);
    }

    fn number_of(number: u64) -> Value {
        Value::Number(Scalar::constant(number))
    }

    #[test]
    fn a_string_that_is_not_known_prints_nothing_but_written_numbers() {
        let mut state = string_on_stack();
        assert!(decide(&state, READ_ONLY, helpers::TRACE_PRINTK).is_err());
        (3..6).for_each(|register| set(&mut state, register, Value::NUMBER));
        assert_eq!(decide(&state, READ_ONLY, helpers::TRACE_PRINTK), Ok(()));
        set(&mut state, 5, Value::Pointer(Pointer::to(Target::Context)));
        assert!(decide(&state, READ_ONLY, helpers::TRACE_PRINTK).is_err());
    }

    #[test]
    fn a_string_is_known_in_the_one_value_of_a_read_only_array() {
        let mut state = string_on_stack();
        set(&mut state, 1, Value::Pointer(Pointer::to(Target::MapValue { map: 0 })));
        set(&mut state, 3, Value::NUMBER);
        assert_eq!(decide(&state, READ_ONLY, helpers::TRACE_PRINTK), Ok(()));
        for def in [
            MapDef { max_entries: 2, ..READ_ONLY },
            MapDef { kind: MapKind::Hash, ..READ_ONLY },
            MapDef { access: MapAccess::ReadWrite, ..READ_ONLY },
        ] {
            assert!(decide(&state, def, helpers::TRACE_PRINTK).is_err(), "{def:?}");
        }
    }

    #[test]
    fn helpers_change_no_map_that_programs_only_read() {
        let mut state = string_on_stack();
        let key = state.get(Reg::R1);
        set(&mut state, 1, Value::Pointer(Pointer::to(Target::Map { map: 0 })));
        (2..4).for_each(|register| set(&mut state, register, key));
        set(&mut state, 4, number_of(0));
        for name in ["map_update_elem", "map_delete_elem"] {
            let id = (1..4).find(|&id| helpers::helper(id).unwrap().name == name).unwrap();
            assert_eq!(decide(&state, READ_ONLY, id), Err(Reason::ReadOnly(Reg::R1)), "{name}");
            assert_eq!(decide(&state, MapDef { access: MapAccess::ReadWrite, ..READ_ONLY }, id), Ok(()));
        }
    }
}
