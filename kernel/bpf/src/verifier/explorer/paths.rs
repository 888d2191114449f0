//! One path: step by step, until it ends, is covered, or is refused.

use super::*;
use crate::helpers;
use crate::verifier::arena::NEXT;

/// Most checkpoints it compares with at one instruction.
const MAX_COMPARED: usize = 64;
/// So many states that differ at one instruction make the explorer guess one for all.
const MANY: u32 = 12;
/// Fewest instructions between two checkpoints on a path, except where a loop comes back.
const CHECKPOINT_DISTANCE: u64 = 8;

/// States at one instruction whose paths have all ended, that do not cover another.
#[derive(Clone, Copy, Default)]
pub(super) struct Ended {
    /// How many.
    states: u32,
    /// How many of them were guesses.
    pub(super) guesses: u32,
    /// The last.
    pub(super) last: Option<CheckpointId>,
}

impl Ended {
    fn count(&mut self, checkpoint: CheckpointId, guess: bool) {
        self.states += 1;
        self.guesses += u32::from(guess);
        self.last = self.last.or(Some(checkpoint));
    }
}

impl Explorer<'_, '_, '_> {
    pub(super) fn follow_path(&mut self) -> Result<(), Reason> {
        loop {
            let resumes = core::mem::take(&mut self.resumes);
            if !resumes && self.graph.is_join(self.state.pc) {
                match self.meet()? {
                    Path::Ended => return Ok(()),
                    Path::Continues if self.resumes => continue,
                    Path::Continues => {}
                }
            }
            self.check_work()?;
            self.steps += 1;
            if let Path::Ended = self.step()? {
                return Ok(());
            }
        }
    }

    fn check_work(&self) -> Result<(), Reason> {
        if self.steps >= MAX_STEPS {
            return Err(Reason::TooComplex { limit: MAX_STEPS });
        }
        if self.walked + self.arena.touched() >= MAX_WORK {
            return Err(Reason::LargeStates { words: MAX_WORK });
        }
        Ok(())
    }

    /// Compares the state with those seen here before, and keeps it for later ones.
    fn meet(&mut self) -> Result<Path, Reason> {
        let pc = self.state.pc;
        let proposed = self.arena.propose(&self.state, &self.graph);
        let mut seen = CheckpointId::from_link(self.graph.link(pc));
        let (mut compared, mut origin, mut ended) = (0, None, Ended::default());
        while let Some(checkpoint) = seen.filter(|_| compared < MAX_COMPARED) {
            if self.arena.is(checkpoint, OPEN) {
                if let Some(level) = self.comes_around(checkpoint) {
                    return self.come_around(checkpoint, level);
                }
                let repeats = proposed && self.arena.equals_candidate(checkpoint, self.state.loop_count);
                // A helper does not call back for ever.
                if repeats && !self.graph.calls_back(pc) {
                    return Err(Reason::InfiniteLoop);
                }
                origin = origin.or(Some(checkpoint));
            } else if self.arena.may_cover_candidate(checkpoint)
                && self.arena.covers(checkpoint, &self.state, self.facts.addresses)
            {
                self.join(checkpoint);
                return Ok(Path::Ended);
            } else {
                ended.count(checkpoint, self.arena.is(checkpoint, GUESS));
            }
            seen = self.arena.linked(checkpoint, NEXT);
            compared += 1;
        }
        if let Some(origin) = origin
            && self.came_from >= pc
            && self.begin_guess(origin)?
        {
            return Ok(Path::Continues);
        }
        if proposed && ended.states >= MANY && self.guess_for_all(ended)? {
            return Ok(Path::Continues);
        }
        if proposed && self.is_worth_keeping(pc) {
            self.keep(pc)?;
        }
        Ok(Path::Continues)
    }

    /// Whether a checkpoint at `pc` pays: a guess may begin at a loop's head; other paths of their own may come to
    /// it; and every now and then, to find out that a path without end repeats itself.
    fn is_worth_keeping(&self, pc: usize) -> bool {
        let distance = self.state.executed.abs_diff(self.kept_at);
        let branched = self.arena.pending_since_kept(self.parent);
        if self.graph.is_loop_head(pc) && (branched || self.graph.may_guess(pc)) {
            return true;
        }
        distance
            >= if branched { CHECKPOINT_DISTANCE } else { CHECKPOINT_DISTANCE.max(self.state.executed / 64) }
    }

    /// The path goes on as those from `checkpoint` did.
    fn join(&mut self, checkpoint: CheckpointId) {
        for end in End::all(self.arena.get(checkpoint, LOOPS) as usize) {
            if let Some(length) = self.arena.longest(checkpoint, end) {
                self.note(self.parent, end, self.state.executed.saturating_add(length));
            }
        }
    }

    pub(super) fn keep(&mut self, pc: usize) -> Result<CheckpointId, Reason> {
        let kept = self.arena.keep(self.graph.link(pc), self.parent, &self.state, self.steps);
        let checkpoint = kept.ok_or(self.full())?;
        self.graph.set_link(pc, checkpoint.link());
        (self.parent, self.kept_at) = (Some(checkpoint), self.state.executed);
        Ok(checkpoint)
    }

    fn step(&mut self) -> Result<Path, Reason> {
        let insn = decode(self.text, self.state.pc)?;
        let dry = self.is_dry();
        if !dry && let Some(observer) = &mut self.observer {
            observer.reached(self.steps, &self.state);
        }
        for obligation in obligations(&insn).iter().flatten() {
            // Where a guess is only being tried, ranges are wider than they will be.
            let later = dry && matches!(obligation, Obligation::Access { .. });
            if !later {
                obligation.check(&self.state, &self.facts)?;
            }
        }
        self.note_stack(&insn);
        self.note_walk(&insn);
        self.state.executed += 1;
        self.came_from = self.state.pc;
        let next = self.state.pc + insn.slots();
        // The graph has made sure that every target is an instruction.
        let target = |offset: i32| next.wrapping_add_signed(offset as isize);
        match insn {
            Insn::CallHelper { id } if helpers::calls_back(id) => return self.call_back(id, &insn, next),
            Insn::Exit => match self.state.leave() {
                Some(return_to) => {
                    // A function that was called back comes around its helper's call.
                    self.came_from = self.came_from.max(return_to);
                    self.state.pc = return_to;
                }
                None => {
                    self.note(self.parent, End::Exit, self.state.executed);
                    return Ok(Path::Ended);
                }
            },
            Insn::CallLocal { offset } => {
                let function = self.graph.function_at(target(offset)).ok_or(Reason::JumpOutside)?;
                if !self.state.enter(function, next, Entry::Call) {
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
                return Ok(Path::Continues);
            }
        }
        Ok(self.leave_loops())
    }

    /// Follows one way, and puts off the other: the one that goes back in a loop is followed first.
    fn branch(&mut self, comparison: &Comparison, target: usize, next: usize) -> Result<Path, Reason> {
        self.note_equality(comparison);
        if let Some(holds) = transfer::outcome(&self.state, comparison) {
            self.state.pc = if holds { target } else { next };
            return Ok(self.leave_loops());
        }
        let back = target < next;
        self.scratch.copy_from(&self.state);
        let (first, second) = if back { (target, next) } else { (next, target) };
        let other = transfer::assume(&mut self.scratch, comparison, !back);
        self.scratch.pc = second;
        if transfer::assume(&mut self.state, comparison, back) {
            self.state.pc = first;
            if other && !self.arena.push_state(&self.scratch, self.parent) {
                return Err(self.full());
            }
        } else if other {
            self.state.copy_from(&self.scratch);
        } else {
            return Ok(Path::Ended);
        }
        Ok(self.leave_loops())
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
        let Value::Pointer(pointer) = self.state.value(base) else {
            return;
        };
        if let Some(span) = StackSpan::of(pointer, i64::from(offset), size.bytes() as u64) {
            let function = self.state.frames[span.frame].function;
            self.graph.note_depth(function, FRAME_BYTES - span.start);
        }
    }
}
