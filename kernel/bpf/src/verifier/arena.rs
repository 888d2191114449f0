//! The explorer's memory: checkpoints growing up from the start, pending work growing down from the end.
//!
//! A checkpoint is a state that was seen, with the longest path found from it. Pending work is taken last
//! in, first out: a state still to be explored, or the closing of a checkpoint when all its paths have ended.

use super::state::State;
use super::store::{Reader, Writer};

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

/// Words of a checkpoint in front of its state.
const HEAD: usize = 5;
const NEXT: usize = 0;
const OPEN: usize = 1;
const LONGEST: usize = 2;
const PARENT: usize = 3;
const EXECUTED: usize = 4;

/// Words of a pending entry in front of its state: kind or parent, pc, executed, words of the state.
const PENDING_HEAD: usize = 4;
const CLOSE: u64 = 1 << 32;

/// The memory.
pub struct Arena<'w> {
    words: &'w mut [u64],
    seen: usize,
    pending: usize,
    /// Length of the candidate written at `seen`.
    candidate: usize,
    /// Words of states written, read and compared so far.
    touched: u64,
}

fn encode_parent(parent: Option<CheckpointId>) -> u64 {
    parent.map_or(u64::from(super::graph::NONE), |CheckpointId(place)| u64::from(place))
}

impl<'w> Arena<'w> {
    /// An empty arena in `words`.
    #[must_use]
    pub fn new(words: &'w mut [u64]) -> Self {
        // Places are kept in 32 bits.
        let len = words.len().min(u32::MAX as usize - 1);
        let words = &mut words[..len];
        Self { words, seen: 0, pending: len, candidate: 0, touched: 0 }
    }

    /// Its size in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.words.len() * 8
    }

    /// Words of states it has written, read and compared so far.
    #[must_use]
    pub const fn touched(&self) -> u64 {
        self.touched
    }

    /// Encodes `state` as a candidate for a checkpoint; false if there is no room.
    #[must_use]
    pub fn propose(&mut self, state: &State, live: u16) -> bool {
        let room = self.words.get_mut(self.seen + HEAD..self.pending).unwrap_or_default();
        let most = room.len();
        let written = Writer::new(room).state(state, live);
        self.candidate = written.unwrap_or_default();
        self.touched += written.unwrap_or(most) as u64;
        written.is_some()
    }

    /// Whether the candidate equals the state of `checkpoint`.
    #[must_use]
    pub fn equals_candidate(&mut self, CheckpointId(place): CheckpointId) -> bool {
        let (old, new) = (place as usize + HEAD, self.seen + HEAD);
        self.touched += self.candidate as u64;
        self.words[old..old + self.candidate] == self.words[new..new + self.candidate]
    }

    /// Whether everything that is safe from `checkpoint` is safe from `state`.
    #[must_use]
    pub fn covers(&mut self, CheckpointId(place): CheckpointId, state: &State) -> bool {
        let mut reader = Reader::new(&self.words[place as usize + HEAD..]);
        let covers = reader.covers(state);
        self.touched += reader.words_read() as u64;
        covers
    }

    /// Makes the candidate a checkpoint, open, in front of `next` at its instruction.
    pub fn keep(&mut self, next: u32, parent: Option<CheckpointId>, executed: u64) -> CheckpointId {
        let place = self.seen;
        self.words[place..place + HEAD].copy_from_slice(&[
            u64::from(next),
            1,
            0,
            encode_parent(parent),
            executed,
        ]);
        self.seen += HEAD + self.candidate;
        CheckpointId(place as u32)
    }

    fn word(&self, CheckpointId(place): CheckpointId, word: usize) -> u64 {
        self.words[place as usize + word]
    }

    /// The one kept before it at the same instruction.
    #[must_use]
    pub fn next(&self, checkpoint: CheckpointId) -> Option<CheckpointId> {
        CheckpointId::from_link(self.word(checkpoint, NEXT) as u32)
    }

    /// Whether paths from it are still being explored.
    #[must_use]
    pub fn is_open(&self, checkpoint: CheckpointId) -> bool {
        self.word(checkpoint, OPEN) != 0
    }

    /// Instructions on the longest path from it, once it is closed.
    #[must_use]
    pub fn longest(&self, checkpoint: CheckpointId) -> u64 {
        self.word(checkpoint, LONGEST)
    }

    /// A path below `parent` ends after `executed` instructions from the start.
    pub fn note(&mut self, CheckpointId(place): CheckpointId, executed: u64) {
        let place = place as usize;
        let length = executed - self.words[place + EXECUTED];
        self.words[place + LONGEST] = self.words[place + LONGEST].max(length);
    }

    /// Closes a checkpoint: returns its parent, and the instructions from the start to the end of its longest path.
    pub fn close(&mut self, checkpoint: CheckpointId) -> (Option<CheckpointId>, u64) {
        self.words[checkpoint.0 as usize + OPEN] = 0;
        let parent = CheckpointId::from_link(self.word(checkpoint, PARENT) as u32);
        (parent, self.word(checkpoint, EXECUTED) + self.longest(checkpoint))
    }

    /// Puts off the closing of a checkpoint; false if there is no room.
    #[must_use]
    pub fn push_close(&mut self, CheckpointId(place): CheckpointId) -> bool {
        self.push_head(0, [CLOSE | u64::from(place), 0, 0, 0])
    }

    /// Puts off a state; false if there is no room.
    #[must_use]
    pub fn push_state(&mut self, state: &State, parent: Option<CheckpointId>) -> bool {
        // Encoded at the bottom of the gap, then moved to its top, where the pending entries are.
        let room = &mut self.words[self.seen..self.pending];
        let Some(len) = Writer::new(room).state(state, u16::MAX) else {
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
        true
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
