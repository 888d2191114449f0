//! The verifier's path for people to read: every instruction, the source line it was made from, and what it changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use kernel_bpf::insn::decode;
use kernel_bpf::object::Object;
use kernel_bpf::verifier::Observer;
use kernel_bpf::verifier::state::State;
use kernel_bpf::verifier::value::Value;

/// Most lines of a path that are printed: its last.
const MOST_LINES: usize = 100;
/// Bytes of a frame.
const FRAME_BYTES: usize = 512;

/// One instruction on a path.
#[derive(Clone)]
struct Step {
    pc: usize,
    /// Instructions executed before it.
    executed: u64,
    depth: usize,
    /// What it changed.
    effect: String,
}

/// What a state says: registers, and stack slots by frame and place.
#[derive(Default)]
struct Contents {
    registers: Vec<Value>,
    slots: BTreeMap<(usize, usize), String>,
}

impl Contents {
    fn of(state: &State) -> Self {
        let mut slots = BTreeMap::new();
        for (depth, frame) in state.frames[..=state.depth].iter().enumerate() {
            for (index, slot) in frame.present_slots() {
                let text = match slot.held.value {
                    Value::Uninitialised if slot.zero == 0xff => "0".into(),
                    Value::Uninitialised => "bytes".into(),
                    value => value.to_string(),
                };
                slots.insert((depth, index), text);
            }
        }
        Self { registers: state.registers.iter().map(|held| held.value).collect(), slots }
    }

    /// What is new since `before`, a comma between.
    fn changes(&self, before: &Self, depth: usize) -> String {
        let mut changes = Vec::new();
        for (index, value) in self.registers.iter().enumerate() {
            if before.registers.get(index) != Some(value) && *value != Value::Uninitialised {
                changes.push(format!("r{index} = {value}"));
            }
        }
        for ((frame, index), text) in &self.slots {
            if before.slots.get(&(*frame, *index)) != Some(text) {
                let owner = if *frame == depth { String::new() } else { format!("frame {frame} ") };
                changes.push(format!("{owner}stack -{} = {text}", FRAME_BYTES - index * 8));
            }
        }
        changes.join(", ")
    }
}

/// Watches the verifier.
#[derive(Default)]
pub(super) struct Trace {
    /// The path that is being followed.
    path: Vec<Step>,
    /// Every instruction as it was reached first.
    first: Vec<Step>,
    seen: BTreeSet<usize>,
    /// Before the last instruction of the path, and whether that is the last of `first` too.
    last: Contents,
    is_first: bool,
}

impl Observer for Trace {
    fn reached(&mut self, _: u64, state: &State) {
        let now = Contents::of(state);
        // Where a path is taken up again, what came after its fork is no part of it.
        while self.path.last().is_some_and(|step| step.executed >= state.executed) {
            self.path.pop();
            self.is_first = false;
        }
        if let Some(step) = self.path.last_mut().filter(|step| step.effect.is_empty()) {
            step.effect = now.changes(&self.last, state.depth);
            if self.is_first
                && let Some(first) = self.first.last_mut()
            {
                first.effect.clone_from(&step.effect);
            }
        }
        let step = Step { pc: state.pc, executed: state.executed, depth: state.depth, effect: String::new() };
        self.is_first = self.seen.insert(state.pc);
        if self.is_first {
            self.first.push(step.clone());
        }
        self.path.push(step);
        self.last = now;
    }

    fn taken_back(&mut self, _: u64) {}
}

impl Trace {
    /// Every instruction once, in the order in which they were reached.
    pub(super) fn accepted(&self, object: &Object<'_>) -> String {
        lines(&self.first, object)
    }

    /// The path to the instruction that was refused, and what the registers hold there.
    pub(super) fn rejected(&self, object: &Object<'_>) -> String {
        let skipped = self.path.len().saturating_sub(MOST_LINES);
        let mut text = String::new();
        if skipped > 0 {
            let _ = writeln!(text, "  … {skipped} instructions before these");
        }
        text += &lines(&self.path[skipped..], object);
        let held =
            self.last.registers.iter().enumerate().filter(|(_, value)| **value != Value::Uninitialised);
        let held: Vec<String> = held.map(|(index, value)| format!("r{index} = {value}")).collect();
        let _ = writeln!(text, "  there: {}", held.join(", "));
        text
    }
}

fn lines(steps: &[Step], object: &Object<'_>) -> String {
    let (mut text, mut place) = (String::new(), None);
    for step in steps {
        if let Some(line) = object.line_at(step.pc).filter(|line| place != Some((line.file, line.line))) {
            place = Some((line.file, line.line));
            let source = line.text.map_or_else(String::new, |text| format!(": {text}"));
            let _ = writeln!(text, "  ; {}:{}{source}", line.file, line.line);
        }
        let insn =
            decode(object.text(), step.pc).map_or_else(|error| error.to_string(), |insn| insn.to_string());
        let indent = "  ".repeat(step.depth);
        let line = format!("{:6}: {indent}{insn:38} {}", number(object, step.pc), step.effect);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// An instruction's number in its function.
fn number(object: &Object<'_>, pc: usize) -> usize {
    pc - object.function_at(pc).map_or(0, |function| function.first_insn).min(pc)
}

#[cfg(test)]
mod tests {
    use kernel_bpf::insn::Reg;
    use kernel_bpf::verifier::value::Scalar;

    use super::*;

    fn constant(number: u64) -> Value {
        Value::Number(Scalar::constant(number))
    }

    fn reach(trace: &mut Trace, pc: usize, executed: u64, r1: u64) {
        let mut state = Box::new(State::EMPTY);
        (state.pc, state.executed) = (pc, executed);
        state.set(Reg::R1, constant(r1));
        trace.reached(executed, &state);
    }

    #[test]
    fn a_path_taken_up_again_loses_what_came_after_its_fork() {
        let mut trace = Trace::default();
        for (pc, executed, r1) in [(0, 0, 1), (1, 1, 2), (2, 2, 3), (3, 3, 4), (7, 2, 9)] {
            reach(&mut trace, pc, executed, r1);
        }
        let path: Vec<_> = trace.path.iter().map(|step| (step.pc, step.effect.as_str())).collect();
        assert_eq!(path, [(0, "r1 = 2"), (1, "r1 = 3"), (7, "")]);
        let first: Vec<_> = trace.first.iter().map(|step| step.pc).collect();
        assert_eq!(first, [0, 1, 2, 3, 7]);
    }
}
