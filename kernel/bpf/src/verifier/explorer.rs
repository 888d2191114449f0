//! Where to go on: follows paths, keeps what it has seen, and guesses what holds in loops.

mod callbacks;
mod loops;
mod paths;

use super::arena::{Arena, CheckpointId, DRY, End, GUESS, LOOPS, OPEN, PARENT, Work};
use super::graph::Graph;
use super::obligation::{Facts, Obligation, obligations};
use super::rejection::{Reason, Rejection};
use super::state::{Entry, StackSpan, State};
use super::transfer::{self, Comparison};
use super::value::Value;
use super::{MAX_STEPS, MAX_WORK, Observer};
use crate::insn::{Insn, Reg, Size, decode};
use crate::interpreter::FRAME_BYTES;
use crate::program::Proof;

/// A slot is copied in the time this many words are compared in.
const WORDS_PER_SLOT: u64 = 4;

/// What a profile allows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Instructions on the longest path.
    pub insns: u64,
    /// Bytes of stack over all frames.
    pub stack: usize,
}

/// Whether a path goes on.
enum Path {
    Continues,
    Ended,
}

/// The search for a proof.
pub struct Explorer<'p, 'w, 'o> {
    text: &'p [u8],
    facts: Facts<'p>,
    graph: Graph<'w>,
    arena: Arena<'w>,
    observer: Option<&'o mut dyn Observer>,
    limits: Limits,
    state: State,
    scratch: State,
    /// The innermost open checkpoint on the current path.
    parent: Option<CheckpointId>,
    /// Instructions executed at the last checkpoint of the current path.
    kept_at: u64,
    /// The instruction before the current one on its path; 0 where the path was taken up again.
    came_from: usize,
    /// Whether the state was just taken from a checkpoint at its instruction.
    resumes: bool,
    /// Instructions on the longest path from the start.
    longest: u64,
    steps: u64,
    /// Guesses made so far.
    guesses: u32,
    /// What steps that walk over the stack frames have cost, in words.
    walked: u64,
    /// The first loop that no bound was found for.
    unbounded: Option<u32>,
}

impl<'p, 'w, 'o> Explorer<'p, 'w, 'o> {
    /// Nothing explored yet, in `workspace`.
    pub fn new(
        text: &'p [u8],
        facts: Facts<'p>,
        graph: Graph<'w>,
        workspace: &'w mut [u64],
        observer: Option<&'o mut dyn Observer>,
        limits: Limits,
    ) -> Self {
        Self {
            text,
            facts,
            graph,
            arena: Arena::new(workspace),
            observer,
            limits,
            state: State::EMPTY,
            scratch: State::EMPTY,
            parent: None,
            kept_at: 0,
            came_from: 0,
            resumes: false,
            longest: 0,
            steps: 0,
            guesses: 0,
            walked: 0,
            unbounded: None,
        }
    }

    /// The state that everything begins with.
    pub const fn start(&mut self) -> &mut State {
        &mut self.state
    }

    /// Follows every path.
    pub fn prove(mut self, entry: usize) -> Result<Proof, Rejection> {
        match self.explore() {
            Ok(()) => self.proof(entry),
            Err(reason) => {
                let reason = match (reason, self.unbounded) {
                    (Reason::TooComplex { .. }, Some(head)) => Reason::UnboundedLoop { head },
                    (reason, _) => reason,
                };
                Err(Rejection { pc: self.state.pc, reason, states: self.steps })
            }
        }
    }

    fn explore(&mut self) -> Result<(), Reason> {
        loop {
            if let Err(reason) = self.follow_path() {
                self.take_back(reason)?;
                if self.resumes {
                    continue;
                }
            }
            if !self.next_path()? {
                return Ok(());
            }
        }
    }

    /// Takes up the next path; false if there is none.
    fn next_path(&mut self) -> Result<bool, Reason> {
        loop {
            match self.arena.pop(&mut self.state) {
                None => return Ok(false),
                Some(Work::Explore { parent }) => {
                    (self.parent, self.kept_at, self.came_from) = (parent, self.state.executed, 0);
                    if let Path::Continues = self.leave_loops() {
                        return Ok(true);
                    }
                }
                Some(Work::Close(checkpoint)) if self.arena.is(checkpoint, DRY) => {
                    self.settle(checkpoint)?;
                    return Ok(true);
                }
                Some(Work::Close(checkpoint)) => self.close(checkpoint),
            }
        }
    }

    /// All paths from `checkpoint` have ended: tells its parent how long they are.
    fn close(&mut self, checkpoint: CheckpointId) {
        let around = self.close_loop(checkpoint);
        let parent = self.arena.linked(checkpoint, PARENT);
        let executed = self.arena.executed(checkpoint);
        for end in End::all(self.arena.get(checkpoint, LOOPS) as usize) {
            if let Some(length) = self.arena.longest(checkpoint, end) {
                let length = length.saturating_add(around);
                self.arena.note(checkpoint, end, length);
                self.note(parent, end, executed.saturating_add(length));
            }
        }
    }

    /// A path below `parent` comes to `end` after `executed` instructions from the start.
    fn note(&mut self, parent: Option<CheckpointId>, end: End, executed: u64) {
        match parent {
            Some(parent) => {
                let length = executed.saturating_sub(self.arena.executed(parent));
                self.arena.note(parent, end, length);
            }
            None => self.longest = self.longest.max(executed),
        }
    }

    const fn full(&self) -> Reason {
        Reason::Workspace { bytes: self.arena.bytes() }
    }

    fn proof(&self, entry: usize) -> Result<Proof, Rejection> {
        let limit = self.limits.insns;
        let (stack, frames) = self.graph.stack(self.text);
        let reason = if self.longest > limit {
            Reason::TooLong { most: self.longest, limit }
        } else if stack > self.limits.stack {
            Reason::StackDepth { needed: stack, limit: self.limits.stack }
        } else {
            let (insns, wcet_insns, states) = (self.graph.insn_count(), self.longest, self.steps);
            let workspace = self.arena.peak_bytes() + self.text.len();
            let tail_calls = self.graph.has_tail_calls();
            return Ok(Proof { insns, stack, frames, wcet_insns, states, workspace, tail_calls });
        };
        Err(Rejection { pc: entry, reason, states: self.steps })
    }

    /// Whether a guess on the current path is only being tried.
    fn is_dry(&self) -> bool {
        let loops = &self.state.loops[..self.state.loop_count];
        loops
            .iter()
            .filter_map(|around| CheckpointId::from_link(around.head))
            .any(|head| self.arena.is(head, DRY))
    }

    /// The innermost open checkpoint on the current path whose guess is being explored.
    fn innermost_guess(&self) -> Option<CheckpointId> {
        let mut open = self.parent;
        while let Some(checkpoint) = open {
            if self.arena.is(checkpoint, OPEN | GUESS) {
                return Some(checkpoint);
            }
            open = self.arena.linked(checkpoint, PARENT);
        }
        None
    }
}
