//! A state that stands for two: the verifier's guess at what holds every time a path comes to an instruction.
//! A guess need not be right. The explorer proves it, by finding that every path that comes back is covered,
//! or takes it back.

use super::Addresses;
use super::cover::{Groups, aligned};
use super::state::{Held, Part, REGISTERS, SAVED, SLOTS, Slot, State};
use super::tie::{Line, Tie, Trips};
use super::value::{MAX_OFFSET, Pointer, Scalar, Target, Tnum, Value};
use crate::interpreter::MAX_FRAMES;

/// Identities of pointers that guesses made begin here; those below are made by instructions.
const GUESSED: u32 = 1 << 31;
/// A guess makes fewer identities than this: one for each register, saved register and slot at most.
pub const GUESSED_AT_ONCE: u32 = 1024;
const _: () =
    assert!(REGISTERS + MAX_FRAMES * (SAVED + SLOTS) < GUESSED_AT_ONCE as usize, "there are fewer places");

/// How boldly values that differ are taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// Whether addresses are a secret.
    pub addresses: Addresses,
    /// The loop whose trips make the difference, if it is one.
    pub level: Option<u8>,
    /// Most trips around it.
    pub most_trips: u32,
    /// How often a guess here was wrong so far: the more, the less is claimed.
    pub attempt: u32,
    /// How many guesses were made before, anywhere: what one of them named is still held in other places, so this
    /// one uses names of its own.
    pub guesses: u32,
}

/// Attempts after which bounds that still move are no longer followed by trips, …
const LINES: u32 = 4;
/// … nor widened step by step.
const STEPS: u32 = 7;

/// Makes `guess` stand for `other` too; false if they have nothing in common. Registers not in `live` are
/// forgotten. A pointer's unknown part may come to be another one.
#[must_use]
pub fn generalise(guess: &mut State, other: &State, live: u16, manner: Manner) -> bool {
    if guess.depth != other.depth
        || guess.reference_count != other.reference_count
        || guess.references[..guess.reference_count] != other.references[..other.reference_count]
    {
        return false;
    }
    let frames = guess.frames.iter().zip(&other.frames).take(guess.depth + 1);
    let same = |(one, two): (&super::state::Frame, &super::state::Frame)| {
        (one.function, one.return_to, one.entry) == (two.function, two.return_to, two.entry)
    };
    if !frames.into_iter().all(same) {
        return false;
    }
    guess.packet_bytes = guess.packet_bytes.min(other.packet_bytes);
    let mut join = Join { manner, other, ties: Groups::NONE, place: manner.guesses * GUESSED_AT_ONCE };
    join.loops(guess);
    for (index, held) in guess.registers.iter_mut().enumerate() {
        *held = if live >> index & 1 == 0 { Held::NOTHING } else { join.held(held, &other.registers[index]) };
    }
    for (frame, other) in guess.frames[..=guess.depth].iter_mut().zip(&other.frames) {
        for (held, other) in frame.saved.iter_mut().zip(&other.saved) {
            *held = join.held(held, other);
        }
        let present = frame.present;
        for index in (0..64).filter(|index| present >> index & 1 != 0) {
            let slot = join.slot(&frame.slot(index), &other.slot(index));
            frame.set_slot(index, slot);
        }
    }
    true
}

/// Trips after which every number that moves by the same amount from `one` to `two`, and fits 32 bits in both,
/// still does one trip later; `None` if none moves.
#[must_use]
pub fn trips_in_32_bits(one: &State, two: &State) -> Option<u32> {
    let constant = |held: &Held| match held.value {
        Value::Number(number) => number.as_constant().and_then(|number| u32::try_from(number).ok()),
        _ => None,
    };
    let trips = |(first, second): (&Held, &Held)| {
        let (first, second) = (i64::from(constant(first)?), i64::from(constant(second)?));
        let room = if first > second { first } else { i64::from(u32::MAX) - first };
        u32::try_from(room.checked_div((second - first).abs())?.saturating_sub(1)).ok()
    };
    let slots = one.frames[one.depth].present_slots();
    let slots = slots.filter_map(|(index, slot)| {
        let other = two.frames[one.depth].slot(index);
        (slot.part == other.part).then_some((slot.held, other.held))
    });
    let in_slots = slots.filter_map(|(one, two)| trips((&one, &two)));
    one.registers.iter().zip(&two.registers).filter_map(trips).chain(in_slots).min()
}

struct Join<'s> {
    manner: Manner,
    other: &'s State,
    ties: Groups,
    /// Where the value is, counted on from the last guess, for a name of its unknown part.
    place: u32,
}

impl Join<'_> {
    /// Trips around the loops that both are in; the one that is guessed at sees to its own.
    fn loops(&self, guess: &mut State) {
        let (own, count) = match self.manner.level {
            Some(level) => (1, usize::from(level)),
            None => (0, guess.loop_count),
        };
        let same = |level: &usize| {
            *level < self.other.loop_count && guess.loops[*level].head == self.other.loops[*level].head
        };
        let shared = (0..count.min(guess.loop_count)).take_while(same).count();
        for level in 0..shared {
            let (one, two) = (guess.loops[level].trips, self.other.loops[level].trips);
            guess.loops[level].trips =
                Trips { least: one.least.min(two.least), most: one.most.max(two.most) };
        }
        guess.leave_loops(if shared == count { count + own } else { shared });
    }

    fn slot(&mut self, one: &Slot, two: &Slot) -> Slot {
        let hidden = one.pointer_mask() | two.pointer_mask();
        let written = one.written & two.written;
        let mut slot = Slot { written: written & !hidden, zero: one.zero & two.zero, ..Slot::EMPTY };
        if one.part == Part::Nothing {
            self.place += 1;
            return slot;
        }
        let other = two.load(one.part.start(), one.part.size());
        let held = other.map_or(Held::NOTHING, |other| self.held(&one.held, &other));
        let whole = held.value != Value::of_size(one.part.size()) || held.tie != Tie::None;
        if whole && held != Held::NOTHING {
            (slot.part, slot.held) = (one.part, held);
            slot.written |= written & one.part.mask();
        }
        slot
    }

    fn held(&mut self, one: &Held, two: &Held) -> Held {
        self.place += 1;
        let any = match self.manner.addresses {
            Addresses::Open => Held::new(Value::NUMBER),
            Addresses::Secret => Held::NOTHING,
        };
        match (&one.value, &two.value) {
            (Value::Uninitialised, _) | (_, Value::Uninitialised) => Held::NOTHING,
            (Value::Number(first), Value::Number(second)) => {
                let (number, tie) = self.number(first, one.tie, second, two.tie);
                Held { value: Value::Number(number), tie }
            }
            (Value::Pointer(first), Value::Pointer(second)) if first.target == second.target => {
                self.pointer(first, one.tie, second, two.tie)
            }
            _ => any,
        }
    }

    fn pointer(&mut self, one: &Pointer, tie: Tie, two: &Pointer, other_tie: Tie) -> Held {
        let unmoved =
            one.fixed == two.fixed && one.identity == two.identity && one.variable.covers(&two.variable);
        if unmoved {
            let (_, tie) = self.number(&one.variable, tie, &two.variable, other_tie);
            let proven = one.proven.min(two.proven);
            return Held { value: Value::Pointer(Pointer { proven, ..*one }), tie };
        }
        if matches!(
            one.target,
            Target::MapValueOrNull { .. } | Target::AllocatedOrNull { .. } | Target::Allocated { .. }
        ) {
            return Held::NOTHING;
        }
        let free = Pointer { variable: one.variable.join(&Scalar::UNKNOWN), ..*one };
        let near = Scalar::signed_range(-MAX_OFFSET, MAX_OFFSET);
        let Some((second, other_tie, _)) =
            aligned(&free, two, other_tie).filter(|(second, ..)| near.covers(second))
        else {
            return Held::NOTHING;
        };
        let (variable, tie) = self.number(&one.variable, tie, &second, other_tie);
        let variable = variable.meet(&near).unwrap_or(near);
        let identity = match one.target {
            Target::Packet if variable.as_constant() != Some(0) => GUESSED | self.place,
            _ => 0,
        };
        Held { value: Value::Pointer(Pointer { variable, identity, proven: 0, ..*one }), tie }
    }

    fn number(&mut self, one: &Scalar, tie: Tie, two: &Scalar, other_tie: Tie) -> (Scalar, Tie) {
        let tie = self.kept_tie(tie, two, other_tie);
        if let Some(level) = self.manner.level
            && let Some(found) = self.over_trips(level, one, tie, two, other_tie)
        {
            return found;
        }
        let tie = match tie {
            Tie::Trips { level, .. } if Some(level) == self.manner.level => Tie::None,
            tie => tie,
        };
        if one.covers(two) {
            return (*one, tie);
        }
        let joined = match (self.manner.level, self.manner.attempt) {
            (_, 0) => one.join(two),
            (_, ..STEPS) => one.widened(two),
            _ => Scalar::UNKNOWN,
        };
        (joined, tie)
    }

    /// The tie, if it holds of both.
    fn kept_tie(&mut self, tie: Tie, two: &Scalar, other: Tie) -> Tie {
        match tie {
            Tie::Same { id, delta } if self.ties.same(id, delta, two, other) => tie,
            Tie::Trips { level, .. } if Some(level) == self.manner.level || tie == other => tie,
            _ => Tie::None,
        }
    }

    /// Bounds that move with every trip.
    fn over_trips(
        &self,
        level: u8,
        one: &Scalar,
        tie: Tie,
        two: &Scalar,
        other: Tie,
    ) -> Option<(Scalar, Tie)> {
        let (low, high) = match tie {
            Tie::Trips { level: own, low, high } if own == level => {
                let Tie::Trips { level: own, low: seen_low, high: seen_high } = other else {
                    return None;
                };
                let lines = (lower(low, seen_low), higher(high, seen_high));
                (own == level && (lines == (low, high) || self.manner.attempt < LINES)).then_some(lines)?
            }
            // What does not move at first is not followed by trips later.
            _ if one.covers(two) || self.manner.attempt > 0 => return None,
            _ => {
                let low = Line { slope: two.smin.checked_sub(one.smin)?, start: one.smin };
                (low, Line { slope: two.smax.checked_sub(one.smax)?, start: one.smax })
            }
        };
        if !low.is_near() || !high.is_near() {
            return None;
        }
        let trips = Trips { least: 0, most: self.manner.most_trips };
        let range = Scalar::signed_range(low.over(trips).0, high.over(trips).1);
        let number = Scalar { bits: common_low_bits(one.bits, two.bits), ..Scalar::UNKNOWN };
        Some((number.meet(&range).unwrap_or(range), Tie::Trips { level, low, high }))
    }
}

/// A line that is no higher than `line`, nor than `seen` from the first trip on.
fn lower(line: Line, seen: Line) -> Line {
    Line { slope: line.slope.min(seen.slope).min(seen.at(1).saturating_sub(line.start)), ..line }
}

fn higher(line: Line, seen: Line) -> Line {
    let negated = |line: Line| Line { slope: -line.slope, start: -line.start };
    negated(lower(negated(line), negated(seen)))
}

/// The bits below the first that is unknown or different: what adding multiples of a power of two leaves.
fn common_low_bits(one: Tnum, two: Tnum) -> Tnum {
    let differing = (one.value ^ two.value) | one.mask | two.mask;
    let mask = if differing == 0 { 0 } else { u64::MAX << differing.trailing_zeros() };
    Tnum { value: one.value & !mask, mask }
}

#[cfg(test)]
mod tests;
