//! Loops: guessing what holds on every trip, proving it, and taking wrong guesses back.
//!
//! When a path comes back to a checkpoint at a loop's head, the explorer returns to the checkpoint and guesses a
//! state for all trips. First it follows only the body (a dry run): that tells how many trips there can be, and
//! where the guess claims too much. When every path that comes around is covered, the body and what follows it
//! are explored for good.

use super::paths::Ended;
use super::*;
use crate::verifier::arena::{
    ATTEMPT, CANDIDATE, DEPTH, LOOP_END, MARKS, MOST_TRIPS, OWN_LOOP, PC, ROUND, TRIED, TRIPS,
};
use crate::verifier::generalise::{GUESSED_AT_ONCE, Manner, generalise, trips_in_32_bits};
use crate::verifier::state::Loop;
use crate::verifier::tie::{MAX_LOOPS, Tie, Trips};
use crate::verifier::value::{Pointer, Scalar};

/// Most guesses at one checkpoint before the explorer follows the trips one by one.
const MAX_ATTEMPTS: u32 = 14;
/// Most times that a smaller number of trips begins it anew.
const MAX_ROUNDS: u32 = 8;

impl Explorer<'_, '_, '_> {
    /// The level of the loop at whose head `checkpoint` is, if the path has come around it.
    pub(super) fn comes_around(&self, checkpoint: CheckpointId) -> Option<usize> {
        let level = self.arena.get(checkpoint, LOOPS) as usize;
        let own = self.state.loops[..self.state.loop_count].get(level)?;
        (self.arena.is(checkpoint, GUESS | OWN_LOOP) && own.head == checkpoint.link()).then_some(level)
    }

    /// The path has come back to the head of a loop. If the guess there covers it, it need not be followed on.
    pub(super) fn come_around(&mut self, head: CheckpointId, level: usize) -> Result<Path, Reason> {
        self.state.leave_loops(level + 1);
        self.state.come_around(level);
        let trips = self.state.loops[level].trips.most;
        let allowed = trips <= self.arena.get(head, MOST_TRIPS);
        if allowed && self.arena.covers(head, &self.state, self.facts.addresses) {
            let most = trips.max(self.arena.get(head, TRIPS));
            self.arena.set(head, TRIPS, most);
            self.note(self.parent, End::Around(level), self.state.executed);
            return Ok(Path::Ended);
        }
        let again = if allowed { self.guess_less(head, level)? } else { self.guess_other_trips(head) };
        Ok(if again { Path::Continues } else { self.give_up(head) })
    }

    /// Guesses at the head of the loop that the path has come around for the first time since `origin`; false if
    /// there is nothing to guess.
    pub(super) fn begin_guess(&mut self, origin: CheckpointId) -> Result<bool, Reason> {
        let level = self.arena.get(origin, LOOPS) as usize;
        let pc = self.state.pc;
        if level >= MAX_LOOPS || !self.graph.may_guess(pc) || self.arena.is(origin, GUESS) {
            return Ok(false);
        }
        self.arena.restore(origin, &mut self.scratch);
        if self.scratch.depth != self.state.depth {
            return Ok(false);
        }
        if self.arena.get(origin, MOST_TRIPS) == 0 {
            let small = trips_in_32_bits(&self.scratch, &self.state).filter(|&trips| trips > 0);
            let most = small.map_or(self.trip_limit(), |trips| trips.min(self.trip_limit()));
            self.arena.set(origin, MOST_TRIPS, most);
        }
        self.arena.set(origin, ATTEMPT, 0);
        if !self.join_in_scratch(origin, level) {
            return Ok(false);
        }
        let (end, looked_at) = self.graph.loop_end(self.text, pc);
        self.walked += looked_at as u64;
        self.arena.set(origin, LOOP_END, end as u32);
        self.arena.set(origin, DEPTH, self.state.depth as u32);
        self.guess(origin, OWN_LOOP | DRY).map(|()| true)
    }

    /// Many states have come here, and none covers the next: guesses one that stands for the last of them and for all
    /// that are to come. False if there is nothing to guess.
    pub(super) fn guess_for_all(&mut self, ended: Ended) -> Result<bool, Reason> {
        let pc = self.state.pc;
        let Some(last) = ended.last.filter(|_| self.graph.may_guess(pc)) else {
            return Ok(false);
        };
        self.arena.restore_guess(last, &mut self.scratch);
        let manner = self.manner(None, 0, ended.guesses);
        if !generalise(&mut self.scratch, &self.state, self.graph.live(pc), manner) {
            return Ok(false);
        }
        self.scratch.executed = self.state.executed;
        let checkpoint = self.keep(pc)?;
        self.guess(checkpoint, 0).map(|()| true)
    }

    /// Makes `scratch`, the state or guess at the head, stand for the state too.
    fn join_in_scratch(&mut self, head: CheckpointId, level: usize) -> bool {
        let trips = Trips { least: 0, most: self.arena.get(head, MOST_TRIPS) };
        let manner = self.manner(Some(level as u8), trips.most, self.arena.get(head, ATTEMPT));
        let live = self.graph.live(self.state.pc);
        if !generalise(&mut self.scratch, &self.state, live, manner) {
            return false;
        }
        self.scratch.loop_count = level + 1;
        self.scratch.loops[level] = Loop { head: head.link(), trips };
        true
    }

    fn manner(&mut self, level: Option<u8>, most_trips: u32, attempt: u32) -> Manner {
        self.guesses += 1;
        Manner { addresses: self.facts.addresses, level, most_trips, attempt, guesses: self.guesses }
    }

    /// Goes back to `head` and explores `scratch` from there.
    fn guess(&mut self, head: CheckpointId, marks: u32) -> Result<(), Reason> {
        self.go_back(head);
        self.state.copy_from(&self.scratch);
        if self.arena.guess(head, &self.scratch, &self.graph, marks) { Ok(()) } else { Err(self.full()) }
    }

    /// Throws away all that came after `head`.
    fn go_back(&mut self, head: CheckpointId) {
        for (pc, next) in self.arena.after(head) {
            // Of those at one instruction, the oldest links to what stays.
            if CheckpointId::from_link(self.graph.link(pc)).is_some_and(|link| link.is_after(head)) {
                self.graph.set_link(pc, next);
            }
        }
        self.arena.truncate(head);
        if let Some(observer) = &mut self.observer {
            observer.taken_back(self.arena.steps(head) + 1);
        }
        (self.parent, self.kept_at, self.resumes) = (Some(head), self.arena.executed(head), true);
    }

    /// Goes back to `head` and follows the path from there as if it had just come to it.
    fn begin_again(&mut self, head: CheckpointId) {
        self.go_back(head);
        self.arena.restore(head, &mut self.state);
    }

    /// The guess claims what does not hold: claims less.
    fn guess_less(&mut self, head: CheckpointId, level: usize) -> Result<bool, Reason> {
        let attempt = self.arena.get(head, ATTEMPT) + 1;
        self.arena.restore_guess(head, &mut self.scratch);
        self.arena.set(head, ATTEMPT, attempt);
        if attempt > MAX_ATTEMPTS || !self.join_in_scratch(head, level) {
            return Ok(false);
        }
        let dry = if self.arena.is(head, DRY) { DRY } else { 0 };
        self.guess(head, OWN_LOOP | dry).map(|()| true)
    }

    /// Every trip is at least one instruction, so no program that is accepted makes more.
    fn trip_limit(&self) -> u32 {
        u32::try_from(self.limits.insns).unwrap_or(u32::MAX)
    }

    /// There are more trips than were thought. Perhaps a comparison for equality ends them, or there are many.
    fn guess_other_trips(&mut self, head: CheckpointId) -> bool {
        let (most, round) = (self.arena.get(head, MOST_TRIPS), self.arena.get(head, ROUND) + 1);
        let candidate = self.arena.get(head, CANDIDATE);
        let other = match candidate.checked_sub(1) {
            Some(trips) => trips,
            None if most < self.trip_limit() => self.trip_limit(),
            None => return false,
        };
        if round > MAX_ROUNDS {
            return false;
        }
        self.arena.set(head, ROUND, round);
        self.arena.set(head, TRIED, candidate.max(self.arena.get(head, TRIED)));
        self.arena.set(head, CANDIDATE, 0);
        self.arena.set(head, MOST_TRIPS, other.max(1));
        self.begin_again(head);
        true
    }

    /// A comparison for equality ends a loop whose counter passes no number by.
    pub(super) fn note_equality(&mut self, comparison: &Comparison) {
        if self.state.loop_count == 0 {
            return;
        }
        let Some((level, trips)) = transfer::equality_at(&self.state, comparison) else {
            return;
        };
        let Some(head) = CheckpointId::from_link(self.state.loops[level].head) else {
            return;
        };
        let (known, tried) = (self.arena.get(head, CANDIDATE), self.arena.get(head, TRIED));
        let candidate = trips.saturating_add(1);
        if candidate > tried && (known == 0 || candidate < known) {
            self.arena.set(head, CANDIDATE, candidate);
        }
    }

    /// The dry run is over, and every path that comes around is covered: explores the loop for good, with the
    /// number of trips that was found. If that is smaller than was thought, and was thought when bounds were found
    /// that moved, begins anew with it.
    pub(super) fn settle(&mut self, head: CheckpointId) -> Result<(), Reason> {
        let (most, found) = (self.arena.get(head, MOST_TRIPS), self.arena.get(head, TRIPS));
        let round = self.arena.get(head, ROUND) + 1;
        if found < most && round < MAX_ROUNDS && self.arena.get(head, ATTEMPT) > 0 {
            self.arena.set(head, ROUND, round);
            self.arena.set(head, MOST_TRIPS, found.max(1));
            self.begin_again(head);
            return Ok(());
        }
        self.arena.restore_guess(head, &mut self.scratch);
        self.arena.set(head, MOST_TRIPS, found);
        let level = self.arena.get(head, LOOPS) as usize;
        narrow(&mut self.scratch, level, Trips { least: 0, most: found });
        self.guess(head, OWN_LOOP)
    }

    /// If `checkpoint` is the head of a loop: instructions on all trips around it. Then it is open no more.
    pub(super) fn close_loop(&mut self, checkpoint: CheckpointId) -> u64 {
        let marks = self.arena.get(checkpoint, MARKS);
        self.arena.set(checkpoint, MARKS, marks & !OPEN);
        if !self.arena.is(checkpoint, GUESS | OWN_LOOP) {
            return 0;
        }
        let level = self.arena.get(checkpoint, LOOPS) as usize;
        let around = self.arena.longest(checkpoint, End::Around(level)).unwrap_or_default();
        around.saturating_mul(self.arena.get(checkpoint, TRIPS).into())
    }

    /// Leaves the loops that the state is outside of. Of a loop that is only being tried, the way out is not
    /// followed.
    pub(super) fn leave_loops(&mut self) -> Path {
        while let Some(level) = self.state.loop_count.checked_sub(1) {
            let Some(head) = CheckpointId::from_link(self.state.loops[level].head) else {
                break;
            };
            let depth = self.arena.get(head, DEPTH) as usize;
            let body = self.arena.get(head, PC) as usize..=self.arena.get(head, LOOP_END) as usize;
            if self.state.depth > depth || (self.state.depth == depth && body.contains(&self.state.pc)) {
                break;
            }
            if self.arena.is(head, DRY) {
                return Path::Ended;
            }
            self.state.leave_loops(level);
        }
        Path::Continues
    }

    /// No guess at `head` holds: the trips are followed one by one.
    fn give_up(&mut self, head: CheckpointId) -> Path {
        let pc = self.arena.get(head, PC);
        self.unbounded = self.unbounded.or(Some(pc));
        self.state.leave_loops(self.arena.get(head, LOOPS) as usize);
        if self.is_dry() {
            // That would take long in an outer loop that is only being tried.
            self.go_back(head);
            self.resumes = false;
            return Path::Ended;
        }
        self.graph.guess_no_more(pc as usize);
        self.begin_again(head);
        Path::Continues
    }

    /// What a path is refused for may be the fault of a guess. Then the guess is taken back, and the path from there
    /// followed as it is.
    pub(super) fn take_back(&mut self, reason: Reason) -> Result<(), Reason> {
        if matches!(reason, Reason::TooComplex { .. } | Reason::LargeStates { .. } | Reason::Workspace { .. })
        {
            return Err(reason);
        }
        if self.is_dry() {
            // It is followed again when it counts.
            return Ok(());
        }
        let Some(head) = self.innermost_guess() else {
            return Err(reason);
        };
        let pc = self.arena.get(head, PC) as usize;
        self.graph.guess_no_more(pc);
        self.begin_again(head);
        Ok(())
    }
}

/// Narrows everything tied to the trips around the loop at `level` to `trips`.
fn narrow(state: &mut State, level: usize, trips: Trips) {
    state.loops[level].trips = trips;
    state.for_each(|held| {
        let Tie::Trips { level: own, low, high } = held.tie else {
            return;
        };
        if usize::from(own) != level {
            return;
        }
        if let Value::Number(number) | Value::Pointer(Pointer { variable: number, .. }) = &mut held.value
            && let Some(met) = number.meet(&Scalar::signed_range(low.over(trips).0, high.over(trips).1))
        {
            *number = met;
        }
    });
}

const _: () = assert!(
    MAX_STEPS * (GUESSED_AT_ONCE as u64) < 1 << 31,
    "each guess is followed by a step, so names of what guesses made never come around"
);
