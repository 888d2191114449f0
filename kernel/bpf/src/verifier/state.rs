//! The abstract state at an instruction: registers, and the stack of every frame by 8-byte slots.

use super::value::{Pointer, Scalar, Target, Value};
use crate::insn::{Reg, Size};
use crate::interpreter::{FRAME_BYTES, MAX_FRAMES};

/// Slots of a frame.
pub const SLOTS: usize = FRAME_BYTES / 8;
/// Registers kept here: r0 to r9. r10 is always the top of the current frame.
pub const REGISTERS: usize = Reg::COUNT - 1;
/// The registers a callee keeps: r6 to r9.
const KEPT: core::ops::Range<usize> = 6..10;

/// Eight bytes of stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The bytes that were written, lowest address in bit 0.
    pub written: u8,
    /// What was stored by one aligned 8-byte store, if it is still whole; else [`Value::Uninitialised`].
    pub value: Value,
}

impl Slot {
    const EMPTY: Self = Self { written: 0, value: Value::Uninitialised };

    /// Whether everything that is safe with this slot is safe with `other`.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        if matches!(self.value, Value::Uninitialised) {
            // Loose bytes are numbers; a spilled pointer is not.
            let pointer = matches!(other.value, Value::Pointer(_));
            return self.written == 0 || (!pointer && self.written & !other.written == 0);
        }
        self.value.covers(&other.value) && !matches!(other.value, Value::Uninitialised)
    }
}

/// One frame.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Lowest address first.
    pub slots: [Slot; SLOTS],
    /// r6 to r9 of the caller.
    pub saved: [Value; 4],
    /// Where the caller goes on.
    pub return_to: usize,
    /// The function, by its index in the graph.
    pub function: usize,
}

impl Frame {
    const fn new(function: usize) -> Self {
        Self { slots: [Slot::EMPTY; SLOTS], saved: [Value::Uninitialised; 4], return_to: 0, function }
    }
}

/// The state before the instruction at `pc`.
#[derive(Clone, Debug)]
pub struct State {
    /// The instruction.
    pub pc: usize,
    /// Instructions executed on the path to here.
    pub executed: u64,
    /// Frames in use less one.
    pub depth: usize,
    /// r0 to r9.
    pub registers: [Value; REGISTERS],
    /// Those up to `depth` are in use.
    pub frames: [Frame; MAX_FRAMES],
}

/// Where an access lands on a stack: first byte, counted from the bottom of the frame, and number of bytes
/// that may be touched.
#[derive(Clone, Copy, Debug)]
pub struct StackSpan {
    /// Depth of the frame.
    pub frame: usize,
    /// First byte, 0..512.
    pub start: usize,
    /// Bytes that may be touched.
    pub len: usize,
    /// Whether they all are.
    pub exact: bool,
}

impl StackSpan {
    /// The span of `size` bytes at `pointer + offset`; `None` if it leaves the frame.
    #[must_use]
    pub fn of(pointer: &Pointer, offset: i64, size: u64) -> Option<Self> {
        let Target::Stack { frame } = pointer.target else {
            return None;
        };
        let (low, high) = pointer.reach(offset);
        let end = high.checked_add_unsigned(size)?;
        if low < -(FRAME_BYTES as i64) || end > 0 || low > high {
            return None;
        }
        let start = (low + FRAME_BYTES as i64) as usize;
        Some(Self { frame: usize::from(frame), start, len: (end - low) as usize, exact: low == high })
    }

    /// The slots it touches, each with the mask of its bytes.
    pub fn slots(self) -> impl Iterator<Item = (usize, u8)> {
        let end = self.start + self.len;
        (self.start / 8..end.div_ceil(8)).map(move |slot| {
            let first = self.start.max(slot * 8) - slot * 8;
            let last = end.min(slot * 8 + 8) - slot * 8;
            (slot, ((1u16 << last) - (1u16 << first)) as u8)
        })
    }
}

impl State {
    /// Nothing is written. A constant, so that this large value is made where it is kept.
    pub const EMPTY: Self = Self {
        pc: 0,
        executed: 0,
        depth: 0,
        registers: [Value::Uninitialised; REGISTERS],
        frames: [const { Frame::new(0) }; MAX_FRAMES],
    };

    /// Becomes `other`; only frames in use are copied.
    pub fn copy_from(&mut self, other: &Self) {
        (self.pc, self.executed, self.depth) = (other.pc, other.executed, other.depth);
        self.registers = other.registers;
        self.frames[..=other.depth].clone_from_slice(&other.frames[..=other.depth]);
    }

    /// Slots of the frames in use.
    #[must_use]
    pub const fn slots(&self) -> usize {
        (self.depth + 1) * SLOTS
    }

    /// What `register` holds.
    #[must_use]
    pub fn get(&self, register: Reg) -> Value {
        match self.registers.get(register.index()) {
            Some(value) => *value,
            None => Value::Pointer(Pointer::to(Target::Stack { frame: self.depth as u8 })),
        }
    }

    /// Writes `register`; r10 is never written, which decoding has made sure of.
    pub fn set(&mut self, register: Reg, value: Value) {
        if let Some(place) = self.registers.get_mut(register.index()) {
            *place = value;
        }
    }

    /// Changes every pointer in registers and slots.
    pub fn for_each_pointer(&mut self, mut change: impl FnMut(&mut Value, Pointer)) {
        let depth = self.depth;
        let frames = self.frames[..=depth].iter_mut();
        let kept = frames.flat_map(|frame| {
            frame.saved.iter_mut().chain(frame.slots.iter_mut().map(|slot| &mut slot.value))
        });
        for value in self.registers.iter_mut().chain(kept) {
            if let Value::Pointer(pointer) = *value {
                change(value, pointer);
            }
        }
    }

    /// Forgets what a callee may have used: r1 to r5.
    pub fn clobber_arguments(&mut self) {
        self.registers[1..KEPT.start].fill(Value::Uninitialised);
    }

    /// Enters `function`, to go on at `return_to` afterwards; false if there is no frame left.
    #[must_use]
    pub fn enter(&mut self, function: usize, return_to: usize) -> bool {
        let Some(frame) = self.frames.get_mut(self.depth + 1) else {
            return false;
        };
        *frame = Frame::new(function);
        frame.saved.copy_from_slice(&self.registers[KEPT]);
        frame.return_to = return_to;
        self.registers[0] = Value::Uninitialised;
        self.registers[KEPT].fill(Value::Uninitialised);
        self.depth += 1;
        true
    }

    /// Leaves the current function; the place to go on, or `None` from the program itself.
    pub fn leave(&mut self) -> Option<usize> {
        if self.depth == 0 {
            return None;
        }
        let frame = &self.frames[self.depth];
        let return_to = frame.return_to;
        self.registers[KEPT].copy_from_slice(&frame.saved);
        self.clobber_arguments();
        let gone = self.depth as u8;
        self.depth -= 1;
        self.forget_frame(gone);
        Some(return_to)
    }

    /// Pointers into a frame that is gone die with it.
    fn forget_frame(&mut self, gone: u8) {
        let dead = |value: &Value| matches!(value, Value::Pointer(Pointer { target: Target::Stack { frame }, .. }) if *frame == gone);
        let frames = &mut self.frames[..=self.depth];
        let saved = frames.iter_mut().flat_map(|frame| &mut frame.saved);
        for value in self.registers.iter_mut().chain(saved).filter(|value| dead(value)) {
            *value = Value::Uninitialised;
        }
        for slot in frames.iter_mut().flat_map(|frame| &mut frame.slots).filter(|slot| dead(&slot.value)) {
            *slot = Slot::EMPTY;
        }
    }

    /// Stores `value` of `size` bytes in `span`.
    pub fn write(&mut self, span: StackSpan, size: Size, value: Value) {
        for (index, mask) in span.slots() {
            let slot = &mut self.frames[span.frame].slots[index];
            if span.exact && size == Size::DW && mask == 0xff {
                // A number nothing is known of is eight loose bytes: one spelling for one thing.
                let value = if value == Value::NUMBER { Value::Uninitialised } else { value };
                *slot = Slot { written: 0xff, value };
            } else {
                let loose = loose_bytes(slot);
                *slot = Slot { written: if span.exact { loose | mask } else { loose }, ..Slot::EMPTY };
            }
        }
    }

    /// What a load of `size` bytes from `span` yields; `None` if a byte was not written or is part of a pointer.
    #[must_use]
    pub fn read(&self, span: StackSpan, size: Size) -> Option<Value> {
        let slots = &self.frames[span.frame].slots;
        if span.exact && size == Size::DW && span.start.is_multiple_of(8) {
            let slot = slots[span.start / 8];
            match slot.value {
                Value::Uninitialised => {}
                value => return Some(value),
            }
        }
        if !self.readable(span) {
            return None;
        }
        let first = slots[span.start / 8];
        match first.value {
            Value::Number(number) if span.exact && span.start.is_multiple_of(8) => {
                Some(Value::Number(number.truncated(size)))
            }
            _ => Some(Value::Number(Scalar::of_size(size))),
        }
    }

    /// Whether every byte of `span` is a written number.
    #[must_use]
    pub fn readable(&self, span: StackSpan) -> bool {
        span.slots().all(|(index, mask)| loose_bytes(&self.frames[span.frame].slots[index]) & mask == mask)
    }

    /// Whether `span` touches a spilled pointer.
    #[must_use]
    pub fn holds_pointer(&self, span: StackSpan) -> bool {
        span.slots().any(|(index, _)| matches!(self.frames[span.frame].slots[index].value, Value::Pointer(_)))
    }
}

/// The bytes of a slot that may be read as numbers.
const fn loose_bytes(slot: &Slot) -> u8 {
    match slot.value {
        Value::Pointer(_) => 0,
        _ => slot.written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: usize, len: usize) -> StackSpan {
        StackSpan { frame: 0, start, len, exact: true }
    }

    fn state() -> State {
        State::EMPTY
    }

    #[test]
    fn a_spill_keeps_its_value_until_a_byte_of_it_is_overwritten() {
        let mut state = state();
        let pointer = Value::Pointer(Pointer::to(Target::Context));
        state.write(span(16, 8), Size::DW, pointer);
        assert_eq!(state.read(span(16, 8), Size::DW), Some(pointer));
        assert_eq!(state.read(span(16, 4), Size::W), None);
        state.write(span(20, 1), Size::B, Value::NUMBER);
        assert_eq!(state.read(span(16, 8), Size::DW), None);
        assert_eq!(state.read(span(20, 1), Size::B), Some(Value::Number(Scalar::of_size(Size::B))));
    }

    #[test]
    fn bytes_are_readable_once_they_are_all_written() {
        let mut state = state();
        state.write(span(0, 4), Size::W, Value::NUMBER);
        assert_eq!(state.read(span(0, 8), Size::DW), None);
        state.write(span(4, 4), Size::W, Value::NUMBER);
        assert_eq!(state.read(span(0, 8), Size::DW), Some(Value::NUMBER));
    }

    #[test]
    fn a_store_somewhere_in_a_range_initialises_nothing_and_keeps_what_was() {
        let mut state = state();
        state.write(span(0, 8), Size::DW, Value::Number(Scalar::constant(7)));
        state.write(StackSpan { exact: false, ..span(0, 24) }, Size::B, Value::NUMBER);
        assert_eq!(state.read(span(0, 8), Size::DW), Some(Value::NUMBER));
        assert_eq!(state.read(span(8, 8), Size::DW), None);
    }

    #[test]
    fn a_pointer_into_a_frame_that_is_gone_is_dead() {
        let mut state = state();
        assert!(state.enter(1, 5));
        let own = Value::Pointer(Pointer::to(Target::Stack { frame: 1 }));
        state.write(span(0, 8), Size::DW, own);
        state.set(Reg::R0, own);
        assert_eq!(state.leave(), Some(5));
        assert_eq!(state.get(Reg::R0), Value::Uninitialised);
        assert_eq!(state.read(span(0, 8), Size::DW), None);
        assert_eq!(state.read(span(0, 1), Size::B), None);
        assert_eq!(state.leave(), None);
    }

    #[test]
    fn frames_run_out() {
        let mut state = state();
        assert_eq!((0..).take_while(|_| state.enter(0, 0)).count(), MAX_FRAMES - 1);
    }
}
