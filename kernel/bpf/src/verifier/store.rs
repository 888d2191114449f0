//! States as words. A state is encoded sparsely: registers, and of the stack only slots that say something.
//! The encoding is canonical, so equal states are equal words.

use super::cover::{Cover, Own};
use super::graph::Graph;
use super::state::{Entry, Frame, Held, Loop, Part, Reference, Slot, State};
use super::tie::{Line, MAX_LOOPS, Tie, Trips};
use super::value::{Pointer, Scalar, Target, Tnum, Value};

/// Appends words; `None` when there is no room.
pub struct Writer<'w> {
    words: &'w mut [u64],
    len: usize,
}

impl<'w> Writer<'w> {
    /// Writes from the start of `words`.
    pub const fn new(words: &'w mut [u64]) -> Self {
        Self { words, len: 0 }
    }

    fn word(&mut self, word: u64) -> Option<()> {
        *self.words.get_mut(self.len)? = word;
        self.len += 1;
        Some(())
    }

    /// Encodes `state`, less what `graph` knows not to matter. Returns the number of words.
    pub fn state(mut self, state: &State, graph: Option<&Graph<'_>>) -> Option<usize> {
        let live = |pc: usize| graph.map_or(u16::MAX, |graph| graph.live(pc));
        let counts = (state.depth | state.loop_count << 8 | state.reference_count << 16) as u64;
        self.word(counts | u64::from(state.packet_bytes) << 32)?;
        for Reference { identity } in &state.references[..state.reference_count] {
            self.word(u64::from(*identity))?;
        }
        for Loop { head, trips } in &state.loops[..state.loop_count] {
            self.word(u64::from(*head))?;
            self.word(u64::from(trips.least) | u64::from(trips.most) << 32)?;
        }
        self.registers(&state.registers, live(state.pc))?;
        for (depth, frame) in state.frames[..=state.depth].iter().enumerate() {
            let entry = match frame.entry {
                Entry::Call => 0,
                Entry::Callback => 1 << 63,
            };
            self.word(entry | (frame.function as u64) << 32 | frame.return_to as u64)?;
            if depth > 0 {
                self.registers(&frame.saved, live(frame.return_to) >> 1)?;
            }
            self.word(frame.present)?;
            frame.present_slots().try_for_each(|(_, slot)| self.slot(slot))?;
        }
        Some(self.len)
    }

    fn registers(&mut self, registers: &[Held], live: u16) -> Option<()> {
        registers.iter().enumerate().try_for_each(|(index, held)| {
            self.held(if live >> index & 1 == 0 { &Held::NOTHING } else { held })
        })
    }

    fn slot(&mut self, slot: &Slot) -> Option<()> {
        self.word(u64::from(slot.written) | u64::from(slot.zero) << 8 | (slot.part as u64) << 16)?;
        if slot.part == Part::Nothing { Some(()) } else { self.held(&slot.held) }
    }

    fn held(&mut self, held: &Held) -> Option<()> {
        let tie = match held.tie {
            Tie::None => 0,
            Tie::Same { .. } => SAME,
            Tie::Trips { level, .. } => TRIPS | u64::from(level) << LEVEL_SHIFT,
        };
        match &held.value {
            Value::Uninitialised => self.word(UNINITIALISED)?,
            Value::Number(number) => self.number(number, tie)?,
            Value::Pointer(pointer) => {
                let (kind, parameter) = encode_target(pointer.target);
                self.word(POINTER | kind << 8 | u64::from(parameter) << 32)?;
                self.word(pointer.fixed as u64)?;
                self.word(u64::from(pointer.identity) << 32 | u64::from(pointer.proven))?;
                self.number(&pointer.variable, tie)?;
            }
        }
        match held.tie {
            Tie::None => Some(()),
            Tie::Same { id, delta } => self.all([id.into(), delta as u64]),
            Tie::Trips { low, high, .. } => {
                self.all([low.slope, low.start, high.slope, high.start].map(|word| word as u64))
            }
        }
    }

    fn number(&mut self, number: &Scalar, tie: u64) -> Option<()> {
        if *number == Scalar::UNKNOWN {
            return self.word(UNKNOWN | tie);
        }
        if let Some(value) = number.as_constant() {
            return self.all([CONSTANT | tie, value]);
        }
        let Scalar { bits: Tnum { value, mask }, umin, umax, smin, smax, .. } = *number;
        self.all([NUMBER | tie, value, mask, umin, umax, smin as u64, smax as u64])?;
        let unsigned = u64::from(number.umin32) | u64::from(number.umax32) << 32;
        let signed = u64::from(number.smin32 as u32) | u64::from(number.smax32 as u32) << 32;
        self.all([unsigned, signed])
    }

    fn all<const N: usize>(&mut self, words: [u64; N]) -> Option<()> {
        words.into_iter().try_for_each(|word| self.word(word))
    }
}

const UNINITIALISED: u64 = 0;
const UNKNOWN: u64 = 1;
const CONSTANT: u64 = 2;
const NUMBER: u64 = 3;
const POINTER: u64 = 4;
const SAME: u64 = 1 << 16;
const TRIPS: u64 = 2 << 16;
const TIE: u64 = 3 << 16;
const LEVEL_SHIFT: u32 = 24;

const fn encode_target(target: Target) -> (u64, u32) {
    match target {
        Target::Stack { frame } => (0, frame as u32),
        Target::Context => (1, 0),
        Target::Memory { size } => (2, size),
        Target::Packet => (3, 0),
        Target::PacketEnd => (4, 0),
        Target::Map { map } => (5, map),
        Target::MapValue { map } => (6, map),
        Target::MapValueOrNull { map } => (7, map),
        Target::Allocated { size } => (8, size),
        Target::AllocatedOrNull { size } => (9, size),
        Target::Function { entry } => (10, entry),
        Target::PacketMeta => (11, 0),
        Target::MapKey { map } => (12, map),
    }
}

const fn decode_target(kind: u64, parameter: u32) -> Target {
    match kind {
        0 => Target::Stack { frame: parameter as u8 },
        1 => Target::Context,
        2 => Target::Memory { size: parameter },
        3 => Target::Packet,
        4 => Target::PacketEnd,
        5 => Target::Map { map: parameter },
        6 => Target::MapValue { map: parameter },
        7 => Target::MapValueOrNull { map: parameter },
        8 => Target::Allocated { size: parameter },
        9 => Target::AllocatedOrNull { size: parameter },
        10 => Target::Function { entry: parameter },
        11 => Target::PacketMeta,
        _ => Target::MapKey { map: parameter },
    }
}

/// Six bits for each register that matters and holds a constant, or a pointer to a known place; 0 for others.
///
/// Such a register of a state that was seen covers only the same constant or place, so one look at two
/// fingerprints ([`may_cover`]) tells most states apart.
#[must_use]
pub fn fingerprint(state: &State, live: u16) -> u64 {
    state.registers.iter().enumerate().filter(|(index, _)| live >> index & 1 != 0).fold(
        0,
        |all, (index, held)| {
            let known = match &held.value {
                Value::Number(number) => number.as_constant(),
                Value::Pointer(pointer) => {
                    pointer.variable.as_constant().map(|known| known.wrapping_add(pointer.fixed as u64))
                }
                Value::Uninitialised => None,
            };
            // The high bits of the product depend on all of the number's.
            let hash = |number: u64| 1 << 5 | number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 59;
            all | known.map_or(0, hash) << (6 * index)
        },
    )
}

/// Whether a state that was seen with one fingerprint may cover a state with another.
#[must_use]
pub const fn may_cover(seen: u64, other: u64) -> bool {
    let known = seen & 0x0820_8208_2082_0820;
    let mask = (known << 1).wrapping_sub(known >> 5);
    (seen ^ other) & mask == 0
}

/// Reads words that a [`Writer`] wrote.
pub struct Reader<'w> {
    words: core::slice::Iter<'w, u64>,
    len: usize,
}

impl<'w> Reader<'w> {
    /// Reads from the start of `words`.
    pub fn new(words: &'w [u64]) -> Self {
        Self { words: words.iter(), len: words.len() }
    }

    /// How many it has read.
    pub fn words_read(&self) -> usize {
        self.len - self.words.len()
    }

    fn word(&mut self) -> u64 {
        self.words.next().copied().unwrap_or_default()
    }

    fn held(&mut self) -> Held {
        let header = self.word();
        match header & 0xff {
            UNINITIALISED => Held::NOTHING,
            POINTER => {
                let target = decode_target(header >> 8 & 0xff, (header >> 32) as u32);
                let fixed = self.word() as i64;
                let marks = self.word();
                let header = self.word();
                let variable = self.number(header);
                let (identity, proven) = ((marks >> 32) as u32, marks as u32);
                let tie = self.tie(header);
                Held { value: Value::Pointer(Pointer { target, fixed, variable, identity, proven }), tie }
            }
            _ => Held { value: Value::Number(self.number(header)), tie: self.tie(header) },
        }
    }

    fn tie(&mut self, header: u64) -> Tie {
        match header & TIE {
            0 => Tie::None,
            SAME => Tie::Same { id: self.word() as u32, delta: self.word() as i64 },
            _ => {
                let level = (header >> LEVEL_SHIFT) as u8;
                let mut line = || Line { slope: self.word() as i64, start: self.word() as i64 };
                Tie::Trips { level, low: line(), high: line() }
            }
        }
    }

    fn number(&mut self, header: u64) -> Scalar {
        match header & 0xff {
            UNKNOWN => Scalar::UNKNOWN,
            CONSTANT => Scalar::constant(self.word()),
            _ => {
                let bits = Tnum { value: self.word(), mask: self.word() };
                let (umin, umax) = (self.word(), self.word());
                let (smin, smax) = (self.word() as i64, self.word() as i64);
                let (low, low_signed) = (self.word(), self.word());
                Scalar {
                    bits,
                    umin,
                    umax,
                    smin,
                    smax,
                    umin32: low as u32,
                    umax32: (low >> 32) as u32,
                    smin32: low_signed as i32,
                    smax32: (low_signed >> 32) as i32,
                }
            }
        }
    }

    fn slot(&mut self) -> Slot {
        let marks = self.word();
        let part = match marks >> 16 {
            0 => Part::Nothing,
            1 => Part::Whole,
            2 => Part::Low,
            _ => Part::High,
        };
        let held = if part == Part::Nothing { Held::NOTHING } else { self.held() };
        Slot { written: marks as u8, zero: (marks >> 8) as u8, part, held }
    }

    fn frame(&mut self, depth: usize, frame: &mut Frame) {
        let place = self.word();
        frame.entry = if place >> 63 == 0 { Entry::Call } else { Entry::Callback };
        (frame.function, frame.return_to) = ((place >> 32) as usize & 0xff, place as u32 as usize);
        if depth > 0 {
            frame.saved = core::array::from_fn(|_| self.held());
        }
        frame.present = self.word();
    }

    fn loops(&mut self, count: usize) -> [Loop; MAX_LOOPS] {
        let mut loops = State::EMPTY.loops;
        for place in &mut loops[..count] {
            let (head, trips) = (self.word() as u32, self.word());
            *place = Loop { head, trips: Trips { least: trips as u32, most: (trips >> 32) as u32 } };
        }
        loops
    }

    /// Overwrites `state` but for its `pc` and `executed`.
    pub fn restore(mut self, state: &mut State) {
        let counts = self.word();
        (state.depth, state.loop_count) = (counts as usize & 0xff, (counts >> 8) as usize & 0xff);
        state.reference_count = (counts >> 16) as usize & 0xff;
        state.packet_bytes = (counts >> 32) as u32;
        for place in &mut state.references[..state.reference_count] {
            *place = Reference { identity: self.word() as u32 };
        }
        state.loops = self.loops(state.loop_count);
        state.registers = core::array::from_fn(|_| self.held());
        for (depth, frame) in state.frames[..=state.depth].iter_mut().enumerate() {
            self.frame(depth, frame);
            let present = frame.present;
            for index in (0..64).filter(|index| present >> index & 1 != 0) {
                frame.set_slot(index, self.slot());
            }
        }
    }

    /// Whether everything that is safe from the encoded state is safe from `state`.
    pub fn covers(&mut self, state: &State, cover: &mut Cover<'_>, own: Own) -> bool {
        let counts = self.word();
        let loop_count = (counts >> 8) as usize & 0xff;
        if counts as usize & 0xff != state.depth
            || (counts >> 16) as usize & 0xff != state.reference_count
            || (counts >> 32) as u32 > state.packet_bytes
        {
            return false;
        }
        let references = &state.references[..state.reference_count];
        if !references.iter().all(|reference| self.word() as u32 == reference.identity) {
            return false;
        }
        let loops = self.loops(loop_count);
        cover.loops(&loops[..loop_count], own)
            && state.registers.iter().all(|held| cover.held(&self.held(), held))
            && (0..=state.depth).all(|depth| self.covers_frame(depth, state, cover))
    }

    fn covers_frame(&mut self, depth: usize, state: &State, cover: &mut Cover<'_>) -> bool {
        let frame = &state.frames[depth];
        let saved = if depth > 0 { &frame.saved[..] } else { &[] };
        let place = self.word();
        let entry = if place >> 63 == 0 { Entry::Call } else { Entry::Callback };
        if (entry, (place >> 32) as usize & 0xff, place as u32 as usize)
            != (frame.entry, frame.function, frame.return_to)
            || !saved.iter().all(|held| cover.held(&self.held(), held))
        {
            return false;
        }
        let present = self.word();
        (0..64).filter(|index| present >> index & 1 != 0).all(|index| cover.slot(depth, index, &self.slot()))
    }
}

#[cfg(test)]
mod tests;
