//! The verifier: proves a program safe, or says why it cannot.
//!
//! It walks the program's paths with abstract values ([`value`]), in four parts that know little of each
//! other: the shape of the program (`graph`), what an instruction asks for ([`obligation`], the checker),
//! what it does ([`transfer`], the transformer), and this file, which decides where to go on. A state that
//! an explored one covers is not explored again; a state that comes back to itself is an infinite loop.
//! All memory is the workspace it is given; nothing recurses; every limit ends in a refusal.

pub mod arena;
mod graph;
pub mod obligation;
mod rejection;
pub mod state;
mod store;
pub mod transfer;
pub mod value;

pub use rejection::{Reason, Rejection};

use crate::context::ProgramKind;
use crate::insn::{Insn, Reg, Size, decode};
use crate::interpreter::FRAME_BYTES;
use crate::profile::PhysicalProfile;
use crate::program::{BpfProgram, Proof, Verified};
use arena::{Arena, CheckpointId, Work};
use graph::Graph;
use obligation::{Facts, obligations};
use state::{StackSpan, State};
use transfer::Comparison;
use value::{Pointer, Scalar, Target, Value};

/// Most abstract instructions the verifier steps through before it calls a program too complex.
pub const MAX_STEPS: u64 = 1_000_000;
/// Most words of states it writes, reads and compares before it calls a program too complex: how long a step
/// takes depends on how much stack the program has written.
pub const MAX_WORK: u64 = 1 << 29;
/// A slot is copied in the time this many words are compared in.
const WORDS_PER_SLOT: u64 = 4;
/// Most checkpoints it compares with at one instruction.
const MAX_COMPARED: usize = 64;
/// Fewest instructions between two checkpoints on a path, except where a loop comes back.
const CHECKPOINT_DISTANCE: u64 = 8;

/// Proves `program` safe, in `workspace`: one word for each slot of its object's text, the rest for states.
///
/// # Errors
/// [`Rejection`]: the first instruction found that is not proven safe, and why.
pub fn verify<'a, P: PhysicalProfile>(
    program: BpfProgram<'a, P>,
    workspace: &mut [u64],
) -> Result<Verified<'a, P>, Rejection> {
    let bytes = workspace.len() * 8;
    let slots = program.text.len() / crate::insn::SLOT_BYTES;
    let Some((slots, rest)) = workspace.split_at_mut_checked(slots) else {
        return Err(Reason::Workspace { bytes }.at(program.entry));
    };
    let own = program.entry..program.entry + program.insn_count;
    let graph = Graph::new(program.text, own, P::MAX_INSN_COUNT, slots)?;
    let facts = Facts { kind: program.kind, maps: program.maps };
    let mut explorer = Explorer {
        text: program.text,
        facts,
        graph,
        arena: Arena::new(rest),
        state: State::EMPTY,
        scratch: State::EMPTY,
        parent: None,
        kept_at: 0,
        longest: 0,
        steps: 0,
        walked: 0,
    };
    set_entry(&mut explorer.state, &program);
    match explorer.explore() {
        Ok(()) => explorer.proof::<P>(program.entry).map(|proof| Verified { program, proof }),
        Err(reason) => Err(Rejection { pc: explorer.state.pc, reason, states: explorer.steps }),
    }
}

/// The start of a program: its arguments, and nothing else.
fn set_entry<P: PhysicalProfile>(state: &mut State, program: &BpfProgram<'_, P>) {
    let number = |number| Value::Number(Scalar::constant(number));
    let (first, second) = match program.kind {
        ProgramKind::Memory { size: 0 } => (number(0), number(0)),
        ProgramKind::Memory { size } => {
            (Value::Pointer(Pointer::to(Target::Memory { size })), number(u64::from(size)))
        }
        _ => (Value::Pointer(Pointer::to(Target::Context)), Value::Uninitialised),
    };
    state.pc = program.entry;
    (state.registers[1], state.registers[2]) = (first, second);
}

/// Whether a path goes on.
enum Path {
    Continues,
    Ended,
}

struct Explorer<'p, 'w> {
    text: &'p [u8],
    facts: Facts<'p>,
    graph: Graph<'w>,
    arena: Arena<'w>,
    state: State,
    scratch: State,
    /// The innermost open checkpoint on the current path.
    parent: Option<CheckpointId>,
    /// Instructions executed at the last checkpoint of the current path.
    kept_at: u64,
    /// Instructions on the longest path from the start.
    longest: u64,
    steps: u64,
    /// What steps that walk over the stack frames have cost, in words.
    walked: u64,
}

impl Explorer<'_, '_> {
    fn explore(&mut self) -> Result<(), Reason> {
        loop {
            self.follow_path()?;
            loop {
                match self.arena.pop(&mut self.state) {
                    None => return Ok(()),
                    Some(Work::Close(checkpoint)) => {
                        let (parent, longest) = self.arena.close(checkpoint);
                        self.note(parent, longest);
                    }
                    Some(Work::Explore { parent }) => {
                        (self.parent, self.kept_at) = (parent, self.state.executed);
                        break;
                    }
                }
            }
        }
    }

    /// A path below `parent` ends after `executed` instructions.
    fn note(&mut self, parent: Option<CheckpointId>, executed: u64) {
        match parent {
            Some(parent) => self.arena.note(parent, executed),
            None => self.longest = self.longest.max(executed),
        }
    }

    fn follow_path(&mut self) -> Result<(), Reason> {
        loop {
            if self.graph.is_join(self.state.pc)
                && let Path::Ended = self.meet()?
            {
                return Ok(());
            }
            if self.steps >= MAX_STEPS {
                return Err(Reason::TooComplex { limit: MAX_STEPS });
            }
            if self.walked + self.arena.touched() >= MAX_WORK {
                return Err(Reason::LargeStates { words: MAX_WORK });
            }
            self.steps += 1;
            if let Path::Ended = self.step()? {
                self.note(self.parent, self.state.executed);
                return Ok(());
            }
        }
    }

    /// Compares the state with those seen here before, and keeps it for later ones.
    fn meet(&mut self) -> Result<Path, Reason> {
        let pc = self.state.pc;
        let proposed = self.arena.propose(&self.state, self.graph.live(pc));
        let mut seen = CheckpointId::from_link(self.graph.link(pc));
        let mut compared = 0;
        while let Some(checkpoint) = seen.filter(|_| compared < MAX_COMPARED) {
            if self.arena.is_open(checkpoint) {
                if proposed && self.arena.equals_candidate(checkpoint) {
                    return Err(Reason::InfiniteLoop);
                }
            } else if self.arena.covers(checkpoint, &self.state) {
                self.note(self.parent, self.state.executed + self.arena.longest(checkpoint));
                return Ok(Path::Ended);
            }
            seen = self.arena.next(checkpoint);
            compared += 1;
        }
        let distant = self.state.executed - self.kept_at >= CHECKPOINT_DISTANCE;
        if proposed && (distant || self.graph.is_loop_head(pc)) {
            self.keep(pc)?;
        }
        Ok(Path::Continues)
    }

    fn keep(&mut self, pc: usize) -> Result<(), Reason> {
        let checkpoint = self.arena.keep(self.graph.link(pc), self.parent, self.state.executed);
        self.graph.set_link(pc, checkpoint.link());
        (self.parent, self.kept_at) = (Some(checkpoint), self.state.executed);
        if self.arena.push_close(checkpoint) { Ok(()) } else { Err(self.full()) }
    }

    const fn full(&self) -> Reason {
        Reason::Workspace { bytes: self.arena.bytes() }
    }

    fn step(&mut self) -> Result<Path, Reason> {
        let insn = decode(self.text, self.state.pc)?;
        for obligation in obligations(&insn).iter().flatten() {
            obligation.check(&self.state, &self.facts)?;
        }
        self.note_stack(&insn);
        self.note_walk(&insn);
        self.state.executed += 1;
        let next = self.state.pc + insn.slots();
        // The graph has made sure that every target is an instruction.
        let target = |offset: i32| next.wrapping_add_signed(offset as isize);
        match insn {
            Insn::Exit => match self.state.leave() {
                Some(return_to) => self.state.pc = return_to,
                None => return Ok(Path::Ended),
            },
            Insn::CallLocal { offset } => {
                let function = self.graph.function_at(target(offset)).ok_or(Reason::JumpOutside)?;
                if !self.state.enter(function, next) {
                    return Err(Reason::CallDepth);
                }
                self.state.pc = target(offset);
            }
            Insn::Jump { offset } => self.state.pc = target(offset),
            Insn::Branch { width, condition, dst, src, offset } => {
                let comparison = Comparison { condition, width, dst, src };
                return self.branch(&comparison, target(i32::from(offset)), next);
            }
            _ => {
                transfer::step(&mut self.state, &insn, &self.facts);
                self.state.pc = next;
            }
        }
        Ok(Path::Continues)
    }

    /// Follows the branch that falls through, and puts off the one that jumps.
    fn branch(&mut self, comparison: &Comparison, target: usize, next: usize) -> Result<Path, Reason> {
        self.scratch.copy_from(&self.state);
        if transfer::assume(&mut self.scratch, comparison, true) {
            self.scratch.pc = target;
            if !self.arena.push_state(&self.scratch, self.parent) {
                return Err(self.full());
            }
        }
        if transfer::assume(&mut self.state, comparison, false) {
            self.state.pc = next;
            return Ok(Path::Continues);
        }
        Ok(Path::Ended)
    }

    /// Notes how deep into its frames an instruction reaches.
    fn note_stack(&mut self, insn: &Insn) {
        match *insn {
            Insn::Load { base, offset, size, .. }
            | Insn::Store { base, offset, size, .. }
            | Insn::Atomic { base, offset, size, .. } => self.note_access(base, offset, size),
            Insn::CallHelper { .. } => {
                for register in (1..=5).filter_map(Reg::new) {
                    self.note_access(register, 0, Size::B);
                }
            }
            _ => {}
        }
    }

    /// Notes that an instruction copies the frames in use, or looks for pointers in them.
    fn note_walk(&mut self, insn: &Insn) {
        let walks = matches!(
            insn,
            Insn::Branch { .. } | Insn::CallHelper { .. } | Insn::CallLocal { .. } | Insn::Exit
        );
        if walks {
            self.walked += WORDS_PER_SLOT * self.state.slots() as u64;
        }
    }

    fn note_access(&mut self, base: Reg, offset: i16, size: Size) {
        let Value::Pointer(pointer) = self.state.get(base) else {
            return;
        };
        if let Some(span) = StackSpan::of(&pointer, i64::from(offset), size.bytes() as u64) {
            let function = self.state.frames[span.frame].function;
            self.graph.note_depth(function, FRAME_BYTES - span.start);
        }
    }

    fn proof<P: PhysicalProfile>(&self, entry: usize) -> Result<Proof, Rejection> {
        let limit = P::MAX_INSN_COUNT as u64;
        let (stack, frames) = self.graph.stack(self.text);
        let reason = if self.longest > limit {
            Reason::TooComplex { limit }
        } else if stack > P::MAX_STACK_SIZE {
            Reason::StackDepth { needed: stack, limit: P::MAX_STACK_SIZE }
        } else {
            let (insns, wcet_insns, states) = (self.graph.insn_count(), self.longest, self.steps);
            return Ok(Proof { insns, stack, frames, wcet_insns, states });
        };
        Err(Rejection { pc: entry, reason, states: self.steps })
    }
}
