//! Helpers that call functions of the program: loops whose head is the helper's call, and whose body is the function.

use super::*;
use crate::helpers;
use crate::verifier::arena::PC;
use crate::verifier::obligation::map_index;
use crate::verifier::tie::Trips;
use crate::verifier::value::{Pointer, Scalar, Target};

/// What a function is called with.
type Arguments = [Value; 4];

impl Explorer<'_, '_, '_> {
    /// Puts off the way on from helper `id`, and follows the function it calls.
    pub(super) fn call_back(&mut self, id: u32, insn: &Insn, next: usize) -> Result<Path, Reason> {
        self.scratch.copy_from(&self.state);
        transfer::step(&mut self.scratch, insn, &self.facts);
        self.scratch.pc = next;
        if !self.arena.push_state(&self.scratch, self.parent) {
            return Err(self.full());
        }
        let Some((most_calls, arguments)) = self.calls(id) else {
            return Ok(Path::Ended);
        };
        if !self.called_so_often(most_calls) {
            return Ok(Path::Ended);
        }
        let entry = match self.state.registers[2].value {
            Value::Pointer(Pointer { target: Target::Function { entry }, .. }) => entry as usize,
            _ => return Ok(Path::Ended),
        };
        let function = self.graph.function_at(entry).ok_or(Reason::JumpOutside)?;
        let call = self.state.pc;
        if !self.state.enter(function, call, Entry::Callback) {
            return Err(Reason::CallDepth);
        }
        self.state.clobber_arguments();
        for (register, value) in (1..).filter_map(Reg::new).zip(arguments) {
            self.state.set(register, value);
        }
        self.state.pc = entry;
        Ok(Path::Continues)
    }

    /// How often helper `id` calls at most, and with what; `None` if never.
    fn calls(&self, id: u32) -> Option<(u64, Arguments)> {
        let [_, first, _, third, ..] = self.state.registers.map(|held| held.value);
        let none = Value::Uninitialised;
        if id == helpers::LOOP {
            let most = match first {
                Value::Number(number) => number.umax32.into(),
                _ => u64::from(u32::MAX),
            };
            let index = Value::Number(Scalar::range(0, most.checked_sub(1)?));
            return Some((most, [index, third, none, none]));
        }
        let map = map_index(&self.state, &self.facts, Reg::R1)?;
        let most = self.facts.maps.get(map as usize)?.max_entries;
        let to = |target| Value::Pointer(Pointer::to(target));
        Some((most.into(), [first, to(Target::MapKey { map }), to(Target::MapValue { map }), third]))
    }

    /// Whether the helper may call once more, having called as often as the path has come around.
    fn called_so_often(&mut self, most_calls: u64) -> bool {
        let pc = self.state.pc;
        let Some(around) = self.state.loops[..self.state.loop_count].last_mut() else {
            return most_calls > 0;
        };
        let own =
            CheckpointId::from_link(around.head).is_some_and(|head| self.arena.get(head, PC) as usize == pc);
        if !own {
            return most_calls > 0;
        }
        let Trips { least, most } = around.trips;
        let Some(limit) = most_calls.checked_sub(1).filter(|&limit| u64::from(least) <= limit) else {
            return false;
        };
        around.trips = Trips { least, most: u64::from(most).min(limit) as u32 };
        true
    }
}
