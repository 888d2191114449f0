//! The shape of a program: which slots are instructions of which function, where jumps meet, and which
//! registers matter at each.
//!
//! One word of the workspace per slot of text; nothing here recurses.

use core::ops::Range;

use super::rejection::{Reason, Rejection};
use crate::helpers;
use crate::insn::{AluOp, DecodeError, Immediate, Insn, Operand, Reg, SLOT_BYTES, decode};
use crate::interpreter::MAX_FRAMES;

/// Most functions of one program.
pub const MAX_FUNCTIONS: usize = 256;

const VISITED: u64 = 1 << 32;
const SECOND_SLOT: u64 = 1 << 33;
const JOIN: u64 = 1 << 34;
const LOOP_HEAD: u64 = 1 << 35;
const FUNCTION_SHIFT: u32 = 36;
const NO_GUESS: u64 = 1 << 44;
const CALLS_BACK: u64 = 1 << 45;
const LIVE_SHIFT: u32 = 48;
const LINK: u64 = 0xffff_ffff;
/// No slot, in a link.
pub const NONE: u32 = u32::MAX;

/// An instruction that does nothing.
const NOTHING: Insn = Insn::Jump { offset: 0 };

/// A function.
#[derive(Clone, Copy, Debug, Default)]
pub struct Function {
    /// Its first slot.
    pub entry: usize,
    /// The deepest byte of its frame it touches, as a positive number.
    pub depth: usize,
    /// Whether a helper may call it back: its address is taken.
    pub called_back: bool,
}

/// The graph of one program. The link of a slot is free for the explorer once the graph is made.
pub struct Graph<'w> {
    slots: &'w mut [u64],
    functions: [Function; MAX_FUNCTIONS],
    function_count: usize,
    insn_count: usize,
    has_tail_calls: bool,
}

/// Where control goes after an instruction.
#[derive(Clone, Copy, Debug, Default)]
struct Successors {
    next: Option<usize>,
    target: Option<usize>,
}

impl<'w> Graph<'w> {
    /// Walks everything reachable from the start of `own`, the program's own slots, all of which must be
    /// reached; `limit` instructions at most. `slots` has a word for each slot of `text`.
    ///
    /// # Errors
    /// What is wrong with the shape, at the instruction where it is.
    pub fn new(
        text: &[u8],
        own: Range<usize>,
        limit: usize,
        slots: &'w mut [u64],
    ) -> Result<Self, Rejection> {
        slots.fill(u64::from(NONE));
        let mut graph = Self {
            slots,
            functions: [Function::default(); MAX_FUNCTIONS],
            function_count: 0,
            insn_count: 0,
            has_tail_calls: false,
        };
        graph.functions[0].entry = own.start;
        graph.function_count = 1;
        let mut function = 0;
        while function < graph.function_count {
            graph.walk(text, function, limit)?;
            function += 1;
        }
        let unreached = own.into_iter().find(|&pc| graph.slots[pc] & (VISITED | SECOND_SLOT) == 0);
        if let Some(pc) = unreached {
            return Err(Reason::Unreachable.at(pc));
        }
        graph.find_live(text);
        graph.slots.iter_mut().for_each(|slot| *slot |= LINK);
        Ok(graph)
    }

    /// Instructions reached, over all functions.
    pub const fn insn_count(&self) -> usize {
        self.insn_count
    }

    /// Whether it may go on in another program.
    pub const fn has_tail_calls(&self) -> bool {
        self.has_tail_calls
    }

    /// Whether jumps meet at `pc`.
    pub fn is_join(&self, pc: usize) -> bool {
        self.slots[pc] & JOIN != 0
    }

    /// Whether a jump comes back to `pc`.
    pub fn is_loop_head(&self, pc: usize) -> bool {
        self.slots[pc] & LOOP_HEAD != 0
    }

    /// Whether the helper called at `pc` calls functions of the program.
    pub fn calls_back(&self, pc: usize) -> bool {
        self.slots[pc] & CALLS_BACK != 0
    }

    /// Whether the explorer may guess at `pc`.
    pub fn may_guess(&self, pc: usize) -> bool {
        self.slots[pc] & NO_GUESS == 0
    }

    /// A guess at `pc` was wrong: no more of them.
    pub fn guess_no_more(&mut self, pc: usize) {
        self.slots[pc] |= NO_GUESS;
    }

    /// The last instruction of the loop that begins at `head`, as far as the order of instructions tells: the last
    /// from which a jump comes back to `head`, or into what lies between. And how many slots were looked at.
    pub fn loop_end(&self, text: &[u8], head: usize) -> (usize, usize) {
        let function = self.slots[head] >> FUNCTION_SHIFT & 0xff;
        let (mut end, mut looked_at) = (head, 0);
        loop {
            let before = end;
            for pc in head..self.slots.len() {
                looked_at += 1;
                if self.slots[pc] & VISITED != 0 {
                    if self.slots[pc] >> FUNCTION_SHIFT & 0xff != function {
                        break;
                    }
                    if !is_jump(text, pc) {
                        continue;
                    }
                    let target =
                        decode(text, pc).ok().and_then(|insn| self.successors(pc, &insn).ok()?.target);
                    if target.is_some_and(|target| head <= target && target <= end && target <= pc) {
                        end = end.max(pc);
                    }
                }
            }
            if end == before {
                return (end, looked_at);
            }
        }
    }

    /// The registers that may be read before they are written from `pc` on, as a mask.
    pub fn live(&self, pc: usize) -> u16 {
        (self.slots[pc] >> LIVE_SHIFT) as u16
    }

    /// The link of `pc`.
    pub fn link(&self, pc: usize) -> u32 {
        self.slots[pc] as u32
    }

    /// Sets the link of `pc`.
    pub fn set_link(&mut self, pc: usize, link: u32) {
        self.slots[pc] = self.slots[pc] & !LINK | u64::from(link);
    }

    /// The function that starts at `entry`.
    pub fn function_at(&self, entry: usize) -> Option<usize> {
        self.functions[..self.function_count].iter().position(|function| function.entry == entry)
    }

    /// Notes that `function` touches its frame `depth` bytes below the top.
    pub fn note_depth(&mut self, function: usize, depth: usize) {
        let noted = &mut self.functions[function].depth;
        *noted = depth.max(*noted);
    }

    /// Deepest stack over all chains of calls, each frame rounded up to 8 bytes, and the longest chain.
    pub fn stack(&self, text: &[u8]) -> (usize, usize) {
        let own = |function: usize| self.functions[function].depth.next_multiple_of(8);
        if self.function_count == 1 {
            return (own(0), 1);
        }
        let mut below = [(0, 0); MAX_FUNCTIONS];
        // A chain has at most MAX_FRAMES functions, so as many rounds reach the end of each.
        for _ in 0..MAX_FRAMES {
            let previous = below;
            let mut deeper = false;
            for (function, callee) in self.calls(text) {
                let (bytes, frames) = previous[callee];
                below[function].0 = below[function].0.max(bytes + own(callee));
                below[function].1 = below[function].1.max(frames + 1).min(MAX_FRAMES - 1);
                deeper |= below[function] != previous[function];
            }
            if !deeper {
                break;
            }
        }
        (own(0) + below[0].0, 1 + below[0].1)
    }

    /// Pairs of caller and callee. A helper that calls back may call any function whose address is taken.
    fn calls<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = (usize, usize)> + 'a {
        self.jumps(text).flat_map(move |(pc, insn)| {
            let called = match insn {
                Insn::CallLocal { offset } => {
                    (pc + 1).checked_add_signed(offset as isize).and_then(|entry| self.function_at(entry))
                }
                _ => None,
            };
            let caller = (self.slots[pc] >> FUNCTION_SHIFT) as usize & 0xff;
            let calls = move |&callee: &usize| {
                called == Some(callee) || (self.calls_back(pc) && self.functions[callee].called_back)
            };
            (0..self.function_count).filter(calls).map(move |callee| (caller, callee))
        })
    }

    /// The jumps and calls that were reached.
    fn jumps<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = (usize, Insn)> + 'a {
        let jumps = (0..self.slots.len()).filter(|&pc| self.slots[pc] & VISITED != 0 && is_jump(text, pc));
        jumps.filter_map(|pc| Some((pc, decode(text, pc).ok()?)))
    }

    /// Visits the slots of one function; those waiting are a list through the links.
    fn walk(&mut self, text: &[u8], function: usize, limit: usize) -> Result<(), Rejection> {
        let mut waiting = NONE;
        let entry = self.functions[function].entry;
        self.reach(entry, entry, function, &mut waiting)?;
        while waiting != NONE {
            let pc = waiting as usize;
            waiting = self.link(pc);
            let insn = match decode(text, pc) {
                // It is refused when a path comes to it; until then, it goes on to the next.
                Err(DecodeError::FramePointerWritten) => NOTHING,
                decoded => decoded.map_err(|error| Reason::from(error).at(pc))?,
            };
            if self.insn_count == limit {
                return Err(Reason::TooManyInstructions { limit }.at(pc));
            }
            self.insn_count += 1;
            self.check_second_slot(pc, &insn)?;
            let successors = self.successors(pc, &insn)?;
            match insn {
                Insn::CallLocal { offset } => {
                    self.add_function(pc, pc + 1, offset)?;
                }
                Insn::LoadImm { value: Immediate::Function(offset), .. } => {
                    self.add_function(pc, pc + 1, offset)?.called_back = true;
                }
                // The function it calls comes back to it.
                Insn::CallHelper { id } if helpers::calls_back(id) => {
                    self.slots[pc] |= JOIN | LOOP_HEAD | CALLS_BACK
                }
                Insn::CallHelper { id: helpers::TAIL_CALL } => self.has_tail_calls = true,
                _ => {}
            }
            if let Some(target) = successors.target {
                self.reach(pc, target, function, &mut waiting)?;
                self.slots[target] |= if target <= pc { JOIN | LOOP_HEAD } else { JOIN };
            }
            if let Some(next) = successors.next {
                self.reach(pc, next, function, &mut waiting)?;
            }
        }
        Ok(())
    }

    fn check_second_slot(&mut self, pc: usize, insn: &Insn) -> Result<(), Rejection> {
        if insn.slots() == 2 {
            if self.slots[pc + 1] & VISITED != 0 {
                return Err(Reason::JumpIntoImmediate.at(pc));
            }
            self.slots[pc + 1] |= SECOND_SLOT;
        }
        Ok(())
    }

    /// Puts `to` on the list unless it was visited.
    fn reach(&mut self, from: usize, to: usize, function: usize, waiting: &mut u32) -> Result<(), Rejection> {
        let slot = *self.slots.get(to).ok_or(Reason::JumpOutside.at(from))?;
        if slot & SECOND_SLOT != 0 {
            return Err(Reason::JumpIntoImmediate.at(from));
        }
        if slot & VISITED != 0 {
            let owner = (slot >> FUNCTION_SHIFT) as usize & 0xff;
            return if owner == function { Ok(()) } else { Err(Reason::JumpIntoFunction.at(from)) };
        }
        self.slots[to] |= VISITED | (function as u64) << FUNCTION_SHIFT;
        self.set_link(to, *waiting);
        *waiting = to as u32;
        Ok(())
    }

    fn add_function(&mut self, pc: usize, base: usize, offset: i32) -> Result<&mut Function, Rejection> {
        let entry = base.checked_add_signed(offset as isize).filter(|&entry| entry < self.slots.len());
        let entry = entry.ok_or(Reason::JumpOutside.at(pc))?;
        let known = self.function_at(entry);
        let place = self.functions.get_mut(known.unwrap_or(self.function_count));
        let place = place.ok_or(Reason::TooManyFunctions.at(pc))?;
        if known.is_none() {
            *place = Function { entry, ..Function::default() };
            self.function_count += 1;
        }
        Ok(place)
    }

    fn successors(&self, pc: usize, insn: &Insn) -> Result<Successors, Rejection> {
        let next = pc + insn.slots();
        let target = |offset: i32| {
            next.checked_add_signed(offset as isize).ok_or(Reason::JumpOutside.at(pc)).map(Some)
        };
        Ok(match *insn {
            Insn::Exit => Successors::default(),
            Insn::Jump { offset } => Successors { next: None, target: target(offset)? },
            Insn::Branch { offset, .. } => {
                Successors { next: Some(next), target: target(i32::from(offset))? }
            }
            _ => Successors { next: Some(next), target: None },
        })
    }

    /// Live registers, backwards until nothing changes. Should that take too many rounds, all are live.
    fn find_live(&mut self, text: &[u8]) {
        const ROUNDS: usize = 32;
        for _ in 0..ROUNDS {
            let mut changed = false;
            for pc in (0..self.slots.len()).rev() {
                if self.slots[pc] & VISITED != 0
                    && let Ok(insn) = decode(text, pc)
                {
                    changed |= self.update_live(pc, &insn);
                }
            }
            if !changed {
                return;
            }
        }
        self.slots.iter_mut().for_each(|slot| *slot |= u64::MAX << LIVE_SHIFT);
    }

    fn update_live(&mut self, pc: usize, insn: &Insn) -> bool {
        let successors = self.successors(pc, insn).unwrap_or_default();
        let after = [successors.next, successors.target].into_iter().flatten();
        let after = after.fold(0, |live, pc| live | self.live(pc));
        let (read, written) = registers(insn);
        let live = after & !written | read;
        let changed = live != self.live(pc);
        self.slots[pc] |= u64::from(live) << LIVE_SHIFT;
        changed
    }
}

/// Whether the slot has an opcode of the two classes of jumps (RFC 9669 section 3).
fn is_jump(text: &[u8], pc: usize) -> bool {
    text.get(pc * SLOT_BYTES).is_some_and(|opcode| matches!(opcode & 7, 5 | 6))
}

const ARGUMENTS: u16 = 0b11_1110;

/// Masks of the registers an instruction reads and writes. What a call may read is all it may.
fn registers(insn: &Insn) -> (u16, u16) {
    let bit = |register: Reg| 1u16 << register.index();
    let operand = |operand: Operand| match operand {
        Operand::Reg(register) => bit(register),
        Operand::Imm(_) => 0,
    };
    match *insn {
        Insn::Alu { op: AluOp::Mov, dst, src, .. } => (operand(src), bit(dst)),
        Insn::Alu { dst, src, .. } => (bit(dst) | operand(src), bit(dst)),
        Insn::Neg { dst, .. } | Insn::Swap { dst, .. } => (bit(dst), bit(dst)),
        Insn::MovSx { dst, src, .. } => (bit(src), bit(dst)),
        Insn::LoadImm { dst, .. } => (0, bit(dst)),
        Insn::Load { dst, base, .. } => (bit(base), bit(dst)),
        Insn::Store { base, value, .. } => (bit(base) | operand(value), 0),
        // CMPXCHG also reads r0; to say so of all costs nothing that matters.
        Insn::Atomic { base, src, .. } => (bit(base) | bit(src) | bit(Reg::R0), 0),
        Insn::Branch { dst, src, .. } => (bit(dst) | operand(src), 0),
        Insn::Jump { .. } => (0, 0),
        Insn::CallHelper { .. } | Insn::CallLocal { .. } => (ARGUMENTS, ARGUMENTS | bit(Reg::R0)),
        Insn::CallRegister { target } => (ARGUMENTS | bit(target), ARGUMENTS | bit(Reg::R0)),
        // A caller goes on with r0 and its own r6 to r9, which are saved elsewhere.
        Insn::Exit => (bit(Reg::R0), 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frames_of_functions_that_helpers_call_count() {
        // r2 = code[+3]; call bpf_loop; exit; r0 = 0; exit
        let text = [
            [0x18, 0x42, 0, 0, 3, 0, 0, 0],
            [0; 8],
            [0x85, 0, 0, 0, 181, 0, 0, 0],
            [0x95, 0, 0, 0, 0, 0, 0, 0],
            [0xb7, 0, 0, 0, 0, 0, 0, 0],
            [0x95, 0, 0, 0, 0, 0, 0, 0],
        ];
        let text = text.as_flattened();
        let mut slots = [0; 6];
        let mut graph = Graph::new(text, 0..4, 9, &mut slots).ok().unwrap();
        assert_eq!(graph.stack(text), (0, 2));
        let callback = graph.function_at(4).unwrap();
        graph.note_depth(callback, 12);
        graph.note_depth(0, 8);
        assert_eq!(graph.stack(text), (24, 2));
    }

    #[test]
    fn instructions_of_functions_count_towards_the_limit() {
        // call +1; exit; exit
        let text = [[0x85, 0x10, 0, 0, 1, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]];
        let text = text.as_flattened();
        let graph = |limit| Graph::new(text, 0..2, limit, &mut [0; 3]).map(|graph| graph.insn_count());
        assert_eq!(graph(3), Ok(3));
        assert_eq!(graph(2), Err(Reason::TooManyInstructions { limit: 2 }.at(2)));
    }
}
