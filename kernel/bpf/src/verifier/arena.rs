//! The explorer's memory: checkpoints growing up from the start, pending work growing down from the end.
//!
//! A checkpoint is a state that was seen, with the longest paths found from it and, if the explorer guesses
//! there, the guess. Pending work is taken last in, first out: a state still to be explored, or the closing of
//! a checkpoint when all its paths have ended. So what came after a checkpoint can be thrown away at once.

use super::Addresses;
use super::cover::{Cover, Own};
use super::graph::Graph;
use super::state::State;
use super::store::{Reader, Writer, fingerprint, may_cover};
use super::tie::MAX_LOOPS;

/// A checkpoint, by the place of its first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointId(u32);

impl CheckpointId {
    /// From a link of the graph.
    #[must_use]
    pub const fn from_link(link: u32) -> Option<Self> {
        if link == super::graph::NONE { None } else { Some(Self(link)) }
    }

    /// As a link of the graph.
    #[must_use]
    pub const fn link(self) -> u32 {
        self.0
    }

    /// Whether it was kept after `other`.
    #[must_use]
    pub const fn is_after(self, other: Self) -> bool {
        self.0 > other.0
    }

    const fn place(self) -> usize {
        self.0 as usize
    }
}

/// Pending work.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// Explore the state that was restored, below `parent`.
    Explore {
        /// The innermost open checkpoint on its path.
        parent: Option<CheckpointId>,
    },
    /// All paths from the checkpoint have ended.
    Close(CheckpointId),
}

/// Where a path ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At the end of the program.
    Exit,
    /// At the head of the loop at this level, which it came around.
    Around(usize),
}

impl End {
    const fn index(self) -> usize {
        match self {
            Self::Exit => 0,
            Self::Around(level) => level + 1,
        }
    }

    /// Those of a path inside `loops` loops.
    pub fn all(loops: usize) -> impl Iterator<Item = Self> {
        core::iter::once(Self::Exit).chain((0..loops).map(Self::Around))
    }
}

/// A field of a checkpoint: a word, and which half of it.
#[derive(Clone, Copy, Debug)]
pub struct Field(usize, u32);

/// The checkpoint kept before it at the same instruction.
pub const NEXT: Field = Field(0, 0);
/// The innermost open checkpoint on its path.
pub const PARENT: Field = Field(0, 32);
/// Its instruction.
pub const PC: Field = Field(1, 0);
/// What it is: see [`OPEN`] and those after it.
pub const MARKS: Field = Field(1, 32);
const LEN: Field = Field(2, 0);
const GUESS_LEN: Field = Field(2, 32);
const PENDING: Field = Field(3, 0);
/// Loops that were counted when it was kept.
pub const LOOPS: Field = Field(3, 32);
/// Most trips that its guess allows.
pub const MOST_TRIPS: Field = Field(4, 0);
/// Trips after which a comparison for equality may end the loop.
pub const CANDIDATE: Field = Field(4, 32);
/// Most trips that a path came around with.
pub const TRIPS: Field = Field(5, 0);
/// Guesses made there.
pub const ATTEMPT: Field = Field(5, 32);
/// Depth of its frame, if it is a loop's head.
pub const DEPTH: Field = Field(6, 0);
/// The loop's last instruction.
pub const LOOP_END: Field = Field(6, 32);
/// How often another number of trips began it anew.
pub const ROUND: Field = Field(7, 0);
/// The last of the candidates that did not end the loop.
pub const TRIED: Field = Field(7, 32);
/// Words of a checkpoint in front of its longest paths: the fields, instructions executed, steps taken, fingerprint.
const HEAD: usize = 11;
const EXECUTED: usize = 8;
const STEPS: usize = 9;
const FINGERPRINT: usize = 10;

/// A mark: paths from it are still being explored.
pub const OPEN: u32 = 1;
/// A mark: its guess is what was explored.
pub const GUESS: u32 = 2;
/// A mark: its guess is only being tried; paths out of the loop are not followed.
pub const DRY: u32 = 4;

/// Words of a pending entry in front of its state: kind or parent, pc, executed, words of the state.
const PENDING_HEAD: usize = 4;
const CLOSE: u64 = 1 << 32;

/// A mark: its guess is of a loop's trips.
pub const OWN_LOOP: u32 = 8;

/// The memory.
pub struct Arena<'w> {
    words: &'w mut [u64],
    seen: usize,
    pending: usize,
    /// Length of the candidate written behind the last checkpoint.
    candidate: usize,
    /// Of the candidate.
    fingerprint: u64,
    /// Words of states written, read and compared so far.
    touched: u64,
    /// Most words in use at once.
    peak: usize,
}

fn encode_parent(parent: Option<CheckpointId>) -> u64 {
    parent.map_or(u64::from(super::graph::NONE), |CheckpointId(place)| u64::from(place))
}

/// Where the longest paths of a checkpoint end and its state begins.
const fn state_offset(loops: usize) -> usize {
    // One for the exit, one for each loop around it, one for the loop it may become the head of.
    HEAD + loops + 2
}

impl<'w> Arena<'w> {
    /// An empty arena in `words`.
    #[must_use]
    pub fn new(words: &'w mut [u64]) -> Self {
        // Places are kept in 32 bits.
        let len = words.len().min(u32::MAX as usize - 1);
        let words = &mut words[..len];
        Self { words, seen: 0, pending: len, candidate: 0, fingerprint: 0, touched: 0, peak: 0 }
    }

    /// Its size in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.words.len() * 8
    }

    /// Most bytes in use at once.
    #[must_use]
    pub const fn peak_bytes(&self) -> usize {
        self.peak * 8
    }

    /// Words of states it has written, read and compared so far.
    #[must_use]
    pub const fn touched(&self) -> u64 {
        self.touched
    }

    /// A field of a checkpoint.
    #[must_use]
    pub const fn get(&self, checkpoint: CheckpointId, Field(word, shift): Field) -> u32 {
        (self.words[checkpoint.place() + word] >> shift) as u32
    }

    /// Sets a field of a checkpoint.
    pub const fn set(&mut self, checkpoint: CheckpointId, Field(word, shift): Field, value: u32) {
        let place = &mut self.words[checkpoint.place() + word];
        *place = *place & !((u32::MAX as u64) << shift) | (value as u64) << shift;
    }

    /// Whether a checkpoint has all of `marks`.
    #[must_use]
    pub const fn is(&self, checkpoint: CheckpointId, marks: u32) -> bool {
        self.get(checkpoint, MARKS) & marks == marks
    }

    /// The checkpoint a field names.
    #[must_use]
    pub const fn linked(&self, checkpoint: CheckpointId, field: Field) -> Option<CheckpointId> {
        CheckpointId::from_link(self.get(checkpoint, field))
    }

    /// Instructions executed on the path to a checkpoint.
    #[must_use]
    pub const fn executed(&self, checkpoint: CheckpointId) -> u64 {
        self.words[checkpoint.place() + EXECUTED]
    }

    /// Steps the explorer had taken when it was kept.
    #[must_use]
    pub const fn steps(&self, checkpoint: CheckpointId) -> u64 {
        self.words[checkpoint.place() + STEPS]
    }

    /// Encodes `state` as a candidate for a checkpoint; false if there is no room.
    #[must_use]
    pub fn propose(&mut self, state: &State, graph: &Graph<'_>) -> bool {
        let start = self.seen + state_offset(state.loop_count);
        let room = self.words.get_mut(start..self.pending).unwrap_or_default();
        let most = room.len();
        let written = Writer::new(room).state(state, Some(graph));
        self.fingerprint = fingerprint(state, graph.live(state.pc));
        self.candidate = written.unwrap_or_default();
        self.touched += written.unwrap_or(most) as u64;
        written.is_some()
    }

    /// Whether the candidate, of a state inside `loops` loops, equals the state of `checkpoint`.
    #[must_use]
    pub fn equals_candidate(&mut self, checkpoint: CheckpointId, loops: usize) -> bool {
        let old = self.state_of(checkpoint, GUESS_LEN);
        let new = self.seen + state_offset(loops);
        if old.len() != self.candidate {
            self.touched += 1;
            return false;
        }
        self.touched += self.candidate as u64;
        self.words[old] == self.words[new..new + self.candidate]
    }

    /// Where the words of a checkpoint's state are: of its guess, if it has one and `of` says so.
    fn state_of(&self, checkpoint: CheckpointId, of: Field) -> core::ops::Range<usize> {
        let start = checkpoint.place() + state_offset(self.get(checkpoint, LOOPS) as usize);
        let (len, guess) = (self.get(checkpoint, LEN) as usize, self.get(checkpoint, of) as usize);
        if of.1 == GUESS_LEN.1 && self.is(checkpoint, GUESS) {
            start + len..start + len + guess
        } else {
            start..start + len
        }
    }

    /// Whether `checkpoint`, whose paths have all ended, may cover the candidate: a quick look.
    #[must_use]
    pub fn may_cover_candidate(&mut self, checkpoint: CheckpointId) -> bool {
        self.touched += 1;
        // Of a guess, the fingerprint would be another one.
        let seen = self.words[checkpoint.place() + FINGERPRINT];
        self.is(checkpoint, GUESS) || may_cover(seen, self.fingerprint)
    }

    /// Whether everything that is safe from `checkpoint` is safe from `state`.
    #[must_use]
    pub fn covers(&mut self, checkpoint: CheckpointId, state: &State, addresses: Addresses) -> bool {
        let own = if self.is(checkpoint, GUESS | OWN_LOOP) { Own::BeginsHere } else { Own::Around };
        let place = self.state_of(checkpoint, GUESS_LEN);
        let mut reader = Reader::new(&self.words[place]);
        let covers = reader.covers(state, &mut Cover::new(state, addresses), own);
        self.touched += reader.words_read() as u64;
        covers
    }

    /// Makes the candidate a checkpoint of `state`, open, in front of `next` at its instruction, and puts off its
    /// closing; `None` if there is no room.
    #[must_use]
    pub fn keep(
        &mut self,
        next: u32,
        parent: Option<CheckpointId>,
        state: &State,
        steps: u64,
    ) -> Option<CheckpointId> {
        let (place, offset) = (self.seen, state_offset(state.loop_count));
        let checkpoint = CheckpointId(place as u32);
        self.words[place..place + offset].fill(0);
        self.seen += offset + self.candidate;
        self.set(checkpoint, NEXT, next);
        self.set(checkpoint, PARENT, encode_parent(parent) as u32);
        self.set(checkpoint, PC, state.pc as u32);
        self.set(checkpoint, MARKS, OPEN);
        self.set(checkpoint, LEN, self.candidate as u32);
        self.set(checkpoint, LOOPS, state.loop_count as u32);
        self.words[place + EXECUTED] = state.executed;
        self.words[place + STEPS] = steps;
        self.words[place + FINGERPRINT] = self.fingerprint;
        if !self.push_head(0, [CLOSE | place as u64, 0, 0, 0]) {
            return None;
        }
        self.set(checkpoint, PENDING, self.pending as u32);
        Some(checkpoint)
    }

    /// Restores the state a checkpoint was kept with.
    pub fn restore(&mut self, checkpoint: CheckpointId, state: &mut State) {
        self.restore_from(checkpoint, self.state_of(checkpoint, LEN), state);
    }

    /// Restores the guess of a checkpoint.
    pub fn restore_guess(&mut self, checkpoint: CheckpointId, state: &mut State) {
        self.restore_from(checkpoint, self.state_of(checkpoint, GUESS_LEN), state);
    }

    fn restore_from(&mut self, checkpoint: CheckpointId, place: core::ops::Range<usize>, state: &mut State) {
        self.touched += place.len() as u64;
        (state.pc, state.executed) = (self.get(checkpoint, PC) as usize, self.executed(checkpoint));
        Reader::new(&self.words[place]).restore(state);
    }

    /// Throws away everything that came after `checkpoint` was kept, with its guess and its longest paths.
    pub fn truncate(&mut self, checkpoint: CheckpointId) {
        self.seen = self.state_of(checkpoint, LEN).end;
        self.pending = self.get(checkpoint, PENDING) as usize;
        let marks = self.get(checkpoint, MARKS) & OPEN;
        self.set(checkpoint, MARKS, marks);
        let (longest, ends) = (checkpoint.place() + HEAD, self.get(checkpoint, LOOPS) as usize + 2);
        self.words[longest..longest + ends].fill(0);
    }

    /// Writes `state` behind the last checkpoint, which was just truncated to, as its guess; false if there is no
    /// room.
    #[must_use]
    pub fn guess(&mut self, checkpoint: CheckpointId, state: &State, graph: &Graph<'_>, marks: u32) -> bool {
        let room = &mut self.words[self.seen..self.pending];
        let Some(len) = Writer::new(room).state(state, Some(graph)) else {
            return false;
        };
        self.touched += len as u64;
        self.seen += len;
        self.set(checkpoint, GUESS_LEN, len as u32);
        self.set(checkpoint, MARKS, OPEN | GUESS | marks);
        self.set(checkpoint, TRIPS, 0);
        true
    }

    /// The checkpoints kept after `checkpoint`, oldest first, with their instructions and what they link to.
    pub fn after(&self, checkpoint: CheckpointId) -> impl Iterator<Item = (usize, u32)> + '_ {
        let mut next = self.end_of(checkpoint);
        core::iter::from_fn(move || {
            let checkpoint = (next < self.seen).then_some(CheckpointId(next as u32))?;
            next = self.end_of(checkpoint);
            Some((self.get(checkpoint, PC) as usize, self.get(checkpoint, NEXT)))
        })
    }

    fn end_of(&self, checkpoint: CheckpointId) -> usize {
        let end = self.state_of(checkpoint, LEN).end;
        if self.is(checkpoint, GUESS) { end + self.get(checkpoint, GUESS_LEN) as usize } else { end }
    }

    /// Instructions on the longest path from a checkpoint to `end`, if one was found.
    #[must_use]
    pub fn longest(&self, checkpoint: CheckpointId, end: End) -> Option<u64> {
        self.words[checkpoint.place() + HEAD + end.index()].checked_sub(1)
    }

    /// A path of `length` instructions leads from a checkpoint to `end`.
    pub fn note(&mut self, checkpoint: CheckpointId, end: End, length: u64) {
        let place = &mut self.words[checkpoint.place() + HEAD + end.index()];
        *place = length.saturating_add(1).max(*place);
    }

    /// Puts off a state; false if there is no room.
    #[must_use]
    pub fn push_state(&mut self, state: &State, parent: Option<CheckpointId>) -> bool {
        // Encoded at the bottom of the gap, then moved to its top, where the pending entries are.
        let room = &mut self.words[self.seen..self.pending];
        let Some(len) = Writer::new(room).state(state, None) else {
            return false;
        };
        if len + PENDING_HEAD > room.len() {
            return false;
        }
        let end = room.len();
        room.copy_within(..len, end - len);
        self.touched += len as u64;
        self.push_head(len, [encode_parent(parent), state.pc as u64, state.executed, len as u64])
    }

    fn push_head(&mut self, len: usize, head: [u64; PENDING_HEAD]) -> bool {
        let Some(place) = self.pending.checked_sub(len + PENDING_HEAD).filter(|&place| place >= self.seen)
        else {
            return false;
        };
        self.words[place..place + PENDING_HEAD].copy_from_slice(&head);
        self.pending = place;
        self.peak = self.peak.max(self.seen + self.words.len() - self.pending);
        true
    }

    /// Whether anything was put off since `checkpoint`, or the start, was kept.
    #[must_use]
    pub const fn pending_since_kept(&self, checkpoint: Option<CheckpointId>) -> bool {
        match checkpoint {
            Some(checkpoint) => self.pending != self.get(checkpoint, PENDING) as usize,
            None => self.pending != self.words.len(),
        }
    }

    /// Takes the work that was put off last; a state is restored into `state`.
    pub fn pop(&mut self, state: &mut State) -> Option<Work> {
        let entry = self.words.get(self.pending..)?;
        let &[kind, pc, executed, len, ref rest @ ..] = entry else {
            return None;
        };
        let len = len as usize;
        self.touched += len as u64;
        if kind & CLOSE == 0 {
            (state.pc, state.executed) = (pc as usize, executed);
            Reader::new(&rest[..len]).restore(state);
        }
        self.pending += PENDING_HEAD + len;
        Some(if kind & CLOSE == 0 {
            Work::Explore { parent: CheckpointId::from_link(kind as u32) }
        } else {
            Work::Close(CheckpointId(kind as u32))
        })
    }
}

const _: () = assert!(MAX_LOOPS < 256, "a count of loops fits its field");
