//! Whether a helper's arguments are what it takes.

use super::{Facts, access, number};
use crate::helpers::{self, Argument, Helper, MAP_PEEK_ELEM, TAIL_CALL, conversions};
use crate::insn::Reg;
use crate::maps::{MapDef, MapKind};
use crate::object::MapAccess;
use crate::verifier::Addresses;
use crate::verifier::rejection::Reason;
use crate::verifier::state::{MAX_REFERENCES, StackSpan, State};
use crate::verifier::value::{Pointer, Scalar, Target, Value};

/// A call being checked.
struct Call<'s, 'f> {
    state: &'s State,
    facts: &'s Facts<'f>,
    helper: &'static Helper,
    /// The map it is given, once that argument was seen.
    map: Option<&'f MapDef<'f>>,
}

/// Whether the call is granted.
pub(super) fn check(state: &State, facts: &Facts<'_>, helper: &'static Helper) -> Result<(), Reason> {
    if !helper.callers.include(facts.kind) {
        return Err(Reason::HelperCallers { helper: helper.name, callers: helper.callers });
    }
    if helper.id == TAIL_CALL && state.reference_count > 0 {
        return Err(Reason::NotGivenBack { pc: state.references[0].identity - 1 });
    }
    let mut call = Call { state, facts, helper, map: None };
    for (register, expected) in helpers::argument_registers(helper) {
        call.argument(register, expected)?;
    }
    if helper.id == helpers::TRACE_PRINTK { printed(state, facts, helper) } else { Ok(()) }
}

/// What a helper does with memory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Reads,
    Writes,
}

impl Call<'_, '_> {
    fn argument(&mut self, register: Reg, expected: Argument) -> Result<(), Reason> {
        use Argument as A;
        let found = self.state.get(register);
        let wrong = Reason::argument(self.helper, register, expected, found);
        match expected {
            A::Map => self.map_argument(register, wrong),
            A::Key => self.memory(register, self.map.map_or(0, |map| map.key_size), Purpose::Reads, wrong),
            A::Value => {
                let size = self.map.map_or(0, |map| map.value_size);
                self.memory(register, size, Purpose::Reads, wrong)
            }
            A::ValueRoom => {
                let size = self.map.map_or(0, |map| map.value_size);
                let is_filter = self.map.is_some_and(|map| map.kind == MapKind::BloomFilter);
                let reads = self.helper.id == MAP_PEEK_ELEM && is_filter;
                let purpose = if reads { Purpose::Reads } else { Purpose::Writes };
                self.memory(register, size, purpose, wrong)
            }
            // With their size.
            A::Memory | A::MemoryOrNull | A::Room | A::RoomOrNull => Ok(()),
            A::Size | A::SizeOrZero => self.sized(register, expected),
            A::Context => self.context(register, wrong),
            A::Text => constant_text(self.state, self.facts, register).map(drop).ok_or(wrong),
            A::Number => super::as_number(self.state, self.facts, register),
            A::Printed => Ok(()),
            A::ConstantSize => self.constant_size(register, wrong),
            A::RingMemory => self.held_memory(register, wrong),
            A::Callback => self.callback(register, wrong),
            A::StackOrNull => self.stack_or_null(register, wrong),
            A::SpinLock => self.pending("locks"),
            A::Timer => self.pending("timers"),
        }
    }

    const fn pending(&self, what: &'static str) -> Result<(), Reason> {
        Err(Reason::HelperPending(self.helper.name, what))
    }

    fn map_argument(&mut self, register: Reg, wrong: Reason) -> Result<(), Reason> {
        let map = map_in(self.state, self.facts, register).ok_or(wrong)?;
        if !map.kind.accepts(self.helper.id) {
            return Err(Reason::HelperMap { helper: self.helper.name, kind: map.kind });
        }
        if map.access == MapAccess::ReadOnly && self.helper.changes_map {
            return Err(Reason::ReadOnly(register));
        }
        self.map = Some(map);
        Ok(())
    }

    /// The size of memory that is to be given back, of which no more than so many may be held at once.
    fn constant_size(&self, register: Reg, wrong: Reason) -> Result<(), Reason> {
        let size = number(self.state, register)?.as_constant().ok_or(wrong)?;
        if self.state.reference_count == MAX_REFERENCES || self.state.is_held(self.state.pc as u32 + 1) {
            return Err(Reason::TooManyReferences);
        }
        if (1..1 << 28).contains(&size) { Ok(()) } else { Err(wrong) }
    }

    /// Memory that is to be given back, from its first byte.
    fn held_memory(&self, register: Reg, wrong: Reason) -> Result<(), Reason> {
        match *super::initialised(self.state, register)? {
            Value::Pointer(pointer)
                if matches!(pointer.target, Target::Allocated { .. })
                    && pointer.reach(0) == (0, 0)
                    && self.state.is_held(pointer.identity) =>
            {
                Ok(())
            }
            Value::Pointer(Pointer { target: Target::AllocatedOrNull { .. }, .. }) => {
                Err(Reason::MaybeNull(register))
            }
            _ => Err(wrong),
        }
    }

    fn callback(&self, register: Reg, wrong: Reason) -> Result<(), Reason> {
        match *super::initialised(self.state, register)? {
            Value::Pointer(pointer) if matches!(pointer.target, Target::Function { .. }) => Ok(()),
            _ => Err(wrong),
        }
    }

    /// What a callback gets to work on: the address of a place on the stack, or 0.
    fn stack_or_null(&self, register: Reg, wrong: Reason) -> Result<(), Reason> {
        match *super::initialised(self.state, register)? {
            Value::Pointer(pointer) if matches!(pointer.target, Target::Stack { .. }) => Ok(()),
            Value::Number(number) if number.as_constant() == Some(0) => Ok(()),
            _ => Err(wrong),
        }
    }

    /// The context as the program got it.
    fn context(&self, register: Reg, wrong: Reason) -> Result<(), Reason> {
        match *super::initialised(self.state, register)? {
            Value::Pointer(pointer) if pointer.target == Target::Context && pointer.reach(0) == (0, 0) => {
                Ok(())
            }
            _ => Err(wrong),
        }
    }

    /// Memory and its size, `register` being the size.
    fn sized(&self, register: Reg, expected: Argument) -> Result<(), Reason> {
        let size = number(self.state, register)?;
        let wrong = Reason::argument(self.helper, register, expected, self.state.get(register));
        let least = if expected == Argument::Size { 1 } else { 0 };
        let largest = u32::try_from(size.umax).ok().filter(|_| size.umin >= least).ok_or(wrong)?;
        let memory = Reg::new(register.index() as u8 - 1).ok_or(wrong)?;
        let kind = self.helper.arguments.get(memory.index() - 1).copied().unwrap_or(Argument::Memory);
        let found = *super::initialised(self.state, memory)?;
        let wrong = Reason::argument(self.helper, memory, kind, found);
        let is_null = found == Value::Number(Scalar::constant(0));
        if is_null && largest == 0 && matches!(kind, Argument::MemoryOrNull | Argument::RoomOrNull) {
            return Ok(());
        }
        let writes = matches!(kind, Argument::Room | Argument::RoomOrNull);
        // What a room of unknown size has before, it may have afterwards.
        if writes && size.as_constant().is_none() {
            self.memory(memory, largest, Purpose::Reads, wrong)?;
        }
        self.memory(memory, largest, if writes { Purpose::Writes } else { Purpose::Reads }, wrong)
    }

    /// Whether `size` bytes at the address in `register` exist, and are initialised numbers or may be written.
    fn memory(&self, register: Reg, size: u32, purpose: Purpose, wrong: Reason) -> Result<(), Reason> {
        let value = *super::initialised(self.state, register)?;
        let Value::Pointer(pointer) = value else {
            return Err(wrong);
        };
        match pointer.target {
            Target::Stack { .. } => {
                let span = StackSpan::of(&pointer, 0, u64::from(size)).ok_or(wrong)?;
                let is_open = self.facts.addresses == Addresses::Open;
                let is_room = purpose == Purpose::Writes && span.exact;
                if is_open || is_room || (self.state.is_written(span) && !self.state.holds_pointer(span)) {
                    Ok(())
                } else {
                    Err(Reason::UninitialisedStack(register, pointer.reach(0).0))
                }
            }
            Target::Packet | Target::PacketMeta => {
                access::packet(self.state, register, &pointer, 0, u64::from(size))
            }
            Target::MapValue { map } if self.forbids(map, purpose) => Err(match purpose {
                Purpose::Writes => Reason::ReadOnly(register),
                Purpose::Reads => Reason::WriteOnly(register),
            }),
            Target::MapValue { .. } | Target::Memory { .. } | Target::Allocated { .. } => {
                access::bounded(register, value, &pointer, 0, u64::from(size), self.facts)
            }
            Target::MapValueOrNull { .. } | Target::AllocatedOrNull { .. } => {
                Err(Reason::MaybeNull(register))
            }
            Target::MapKey { .. } if purpose == Purpose::Writes => Err(Reason::ReadOnly(register)),
            Target::MapKey { .. } => {
                access::bounded(register, value, &pointer, 0, u64::from(size), self.facts)
            }
            Target::Context | Target::PacketEnd | Target::Map { .. } | Target::Function { .. } => Err(wrong),
        }
    }

    fn forbids(&self, map: u32, purpose: Purpose) -> bool {
        let Some(def) = self.facts.maps.get(map as usize) else {
            return true;
        };
        match purpose {
            Purpose::Writes => def.access == MapAccess::ReadOnly,
            Purpose::Reads => def.access == MapAccess::WriteOnly,
        }
    }
}

/// The map in `register`: one of the object, or one that lay in a map of maps, of which only the shape is known.
pub(in crate::verifier) fn map_in<'a>(
    state: &State,
    facts: &Facts<'a>,
    register: Reg,
) -> Option<&'a MapDef<'a>> {
    facts.maps.get(map_index(state, facts, register)? as usize)
}

/// Its index in the definitions.
pub(in crate::verifier) fn map_index(state: &State, facts: &Facts<'_>, register: Reg) -> Option<u32> {
    let Value::Pointer(pointer) = state.get(register) else {
        return None;
    };
    match pointer.target {
        Target::Map { map } => Some(map),
        // The value of a map of maps is a map; it has no bytes, so nothing else can be done with it.
        Target::MapValue { map } if pointer.reach(0) == (0, 0) => facts.maps.get(map as usize)?.inner,
        _ => None,
    }
}

/// The read-only bytes at a known place in an object, from there to its end.
fn constant_bytes<'a>(state: &State, facts: &Facts<'a>, register: Reg) -> Option<&'a [u8]> {
    let Value::Pointer(pointer) = state.get(register) else {
        return None;
    };
    let Target::MapValue { map } = pointer.target else {
        return None;
    };
    let (start, end) = pointer.reach(0);
    let start = usize::try_from(start).ok().filter(|_| start == end)?;
    facts.constant_value(map)?.get(start..)
}

/// As [`constant_bytes`], up to a NUL.
fn constant_text<'a>(state: &State, facts: &Facts<'a>, register: Reg) -> Option<&'a [u8]> {
    let bytes = constant_bytes(state, facts, register)?;
    bytes.get(..bytes.iter().position(|&byte| byte == 0)?)
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
    let length = number(state, Reg::new(register.index() as u8 + 1)?).ok()?.as_constant()?;
    constant_bytes(state, facts, register)?.get(..usize::try_from(length).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::ProgramKind;
    use crate::insn::Size;
    use crate::verifier::state::Held;

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
