//! States in memory: a fixed workspace of words, states waiting to be explored growing down from its end and
//! states already seen growing up from its start.
//!
//! A state is encoded sparsely: registers, and of the stack only slots that were written. The encoding is
//! canonical, so equal states are equal words.

use super::state::{REGISTERS, SLOTS, Slot, State};
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

    /// Encodes `state`; registers of the current function that are not in the mask `live` are left out.
    /// Returns the number of words.
    pub fn state(mut self, state: &State, live: u16) -> Option<usize> {
        self.word(state.depth as u64)?;
        for (index, value) in state.registers.iter().enumerate() {
            let kept = if live >> index & 1 == 0 { &Value::Uninitialised } else { value };
            self.value(kept)?;
        }
        for frame in &state.frames[..=state.depth] {
            self.word((frame.function as u64) << 32 | frame.return_to as u64)?;
            frame.saved.iter().try_for_each(|value| self.value(value))?;
            let written = |slot: &Slot| slot.written != 0;
            let present = frame.slots.iter().enumerate().filter(|(_, slot)| written(slot));
            self.word(present.clone().fold(0, |bits, (index, _)| bits | 1 << index))?;
            for (_, slot) in present {
                self.word(u64::from(slot.written))?;
                self.value(&slot.value)?;
            }
        }
        Some(self.len)
    }

    fn value(&mut self, value: &Value) -> Option<()> {
        match value {
            Value::Uninitialised => self.word(UNINITIALISED),
            Value::Number(number) => self.number(number),
            Value::Pointer(pointer) => {
                let (kind, parameter) = encode_target(pointer.target);
                self.word(POINTER | kind << 8 | u64::from(parameter) << 32)?;
                self.word(pointer.fixed as u64)?;
                self.word(u64::from(pointer.identity) << 32 | u64::from(pointer.proven))?;
                self.number(&pointer.variable)
            }
        }
    }

    fn number(&mut self, number: &Scalar) -> Option<()> {
        if *number == Scalar::UNKNOWN {
            return self.word(UNKNOWN);
        }
        if let Some(value) = number.as_constant() {
            self.word(CONSTANT)?;
            return self.word(value);
        }
        let Scalar { bits: Tnum { value, mask }, umin, umax, smin, smax, .. } = *number;
        let Scalar { umin32, umax32, smin32, smax32, .. } = *number;
        self.word(NUMBER)?;
        let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        let low = [pair(umax32, umin32), pair(smax32 as u32, smin32 as u32)];
        let wide = [value, mask, umin, umax, smin as u64, smax as u64];
        wide.into_iter().chain(low).try_for_each(|word| self.word(word))
    }
}

const UNINITIALISED: u64 = 0;
const UNKNOWN: u64 = 1;
const CONSTANT: u64 = 2;
const NUMBER: u64 = 3;
const POINTER: u64 = 4;

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
        _ => Target::MapValueOrNull { map: parameter },
    }
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

    fn value(&mut self) -> Value {
        let header = self.word();
        match header & 0xff {
            UNINITIALISED => Value::Uninitialised,
            POINTER => {
                let target = decode_target(header >> 8 & 0xff, (header >> 32) as u32);
                let fixed = self.word() as i64;
                let marks = self.word();
                let header = self.word();
                let variable = self.number(header);
                let (identity, proven) = ((marks >> 32) as u32, marks as u32);
                Value::Pointer(Pointer { target, fixed, variable, identity, proven })
            }
            kind => Value::Number(self.number(kind)),
        }
    }

    fn number(&mut self, kind: u64) -> Scalar {
        match kind {
            UNKNOWN => Scalar::UNKNOWN,
            CONSTANT => Scalar::constant(self.word()),
            _ => {
                let bits = Tnum { value: self.word(), mask: self.word() };
                let (umin, umax) = (self.word(), self.word());
                let (smin, smax) = (self.word() as i64, self.word() as i64);
                let (unsigned, signed) = (self.word(), self.word());
                let (umin32, umax32) = (unsigned as u32, (unsigned >> 32) as u32);
                let (smin32, smax32) = (signed as u32 as i32, (signed >> 32) as u32 as i32);
                Scalar { bits, umin, umax, smin, smax, umin32, umax32, smin32, smax32 }
            }
        }
    }

    /// Overwrites `state` but for its `pc` and `executed`.
    pub fn restore(mut self, state: &mut State) {
        state.depth = self.word() as usize;
        state.registers = core::array::from_fn::<_, REGISTERS, _>(|_| self.value());
        for frame in &mut state.frames[..=state.depth] {
            let place = self.word();
            (frame.function, frame.return_to) = ((place >> 32) as usize, place as u32 as usize);
            frame.saved = core::array::from_fn(|_| self.value());
            let present = self.word();
            for index in 0..SLOTS {
                frame.slots[index] = if present >> index & 1 == 0 {
                    Slot { written: 0, value: Value::Uninitialised }
                } else {
                    Slot { written: self.word() as u8, value: self.value() }
                };
            }
        }
    }

    /// Whether everything that is safe from the encoded state is safe from `state`.
    pub fn covers(&mut self, state: &State) -> bool {
        self.word() as usize == state.depth
            && state.registers.iter().all(|value| self.value().covers(value))
            && state.frames[..=state.depth].iter().all(|frame| {
                self.word() == (frame.function as u64) << 32 | frame.return_to as u64
                    && frame.saved.iter().all(|value| self.value().covers(value))
                    && self.covers_slots(&frame.slots)
            })
    }

    fn covers_slots(&mut self, slots: &[Slot; SLOTS]) -> bool {
        let present = self.word();
        slots.iter().enumerate().filter(|(index, _)| present >> index & 1 != 0).all(|(_, slot)| {
            let seen = Slot { written: self.word() as u8, value: self.value() };
            seen.covers(slot)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::insn::{Reg, Size};
    use crate::verifier::state::StackSpan;

    fn sample() -> State {
        let mut state = State::EMPTY;
        state.set(Reg::R1, Value::Pointer(Pointer::to(Target::Context)));
        let pointer =
            Pointer { fixed: -8, identity: 7, proven: 9, ..Pointer::to(Target::MapValue { map: 2 }) };
        let pointer = Pointer { variable: Scalar::range(1, 5), ..pointer };
        state.write(StackSpan { frame: 0, start: 8, len: 8, exact: true }, Size::DW, Value::Pointer(pointer));
        assert!(state.enter(1, 9));
        state.set(Reg::R0, Value::Number(Scalar::constant(5)));
        state.write(StackSpan { frame: 1, start: 0, len: 4, exact: true }, Size::W, Value::NUMBER);
        state
    }

    #[test]
    fn a_restored_state_encodes_to_the_same_words() {
        let (mut one, mut two) = ([0; 256], [0; 256]);
        let len = Writer::new(&mut one).state(&sample(), u16::MAX).unwrap();
        let mut restored = State::EMPTY;
        Reader::new(&one[..len]).restore(&mut restored);
        assert_eq!(Writer::new(&mut two).state(&restored, u16::MAX), Some(len));
        assert_eq!(one, two);
        assert!(Reader::new(&one[..len]).covers(&restored));
    }

    #[test]
    fn a_state_covers_those_that_know_more() {
        let mut words = [0; 256];
        let len = Writer::new(&mut words).state(&sample(), u16::MAX).unwrap();
        let mut other = sample();
        other.set(Reg::R0, Value::Number(Scalar::constant(6)));
        assert!(!Reader::new(&words[..len]).covers(&other));
        let live = !1;
        let len = Writer::new(&mut words).state(&sample(), live).unwrap();
        assert!(Reader::new(&words[..len]).covers(&other));
    }

    #[test]
    fn too_little_room_is_told() {
        assert_eq!(Writer::new(&mut [0; 8]).state(&sample(), u16::MAX), None);
    }
}
