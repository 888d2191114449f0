//! The abstract state at an instruction: registers, the stack of every frame, references, trips of loops.

mod slot;

pub use slot::{Part, SLOTS, Slot, StackSpan};

use super::tie::{MAX_LOOPS, Tie, Trips};
use super::value::{Pointer, Target, Value};
use crate::insn::{Reg, Size};
use crate::interpreter::MAX_FRAMES;

/// Registers kept here: r0 to r9. r10 is always the top of the current frame.
pub const REGISTERS: usize = Reg::COUNT - 1;
/// The registers a call may save: r1 to r9.
pub const SAVED: usize = 9;
/// The registers a callee keeps: r6 to r9.
const KEPT: core::ops::Range<usize> = 6..10;
/// Most references held at once.
pub const MAX_REFERENCES: usize = 4;

/// What a register or slot holds, and how it moves along with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// What it is.
    pub value: Value,
    /// What ties it to others.
    pub tie: Tie,
}

impl Held {
    /// Nothing.
    pub const NOTHING: Self = Self::new(Value::Uninitialised);

    /// A value that is tied to no other.
    #[must_use]
    pub const fn new(value: Value) -> Self {
        Self { value, tie: Tie::None }
    }
}

/// One frame.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Which slots say anything, lowest address in bit 0; the others are as if empty.
    pub present: u64,
    slots: [Slot; SLOTS],
    /// r1 to r9 of the caller; r1 to r5 only of a call that comes back to itself. Nothing in the first frame.
    pub saved: [Held; SAVED],
    /// Where the caller goes on.
    pub return_to: usize,
    /// The function, by its index in the graph.
    pub function: usize,
    /// How it was entered.
    pub entry: Entry,
}

/// How a frame was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// By a call of the program.
    Call,
    /// By a helper that calls back: the end of the function comes back to the helper's call.
    Callback,
}

/// r10 of each frame: the address of its top.
static TOPS: [Held; MAX_FRAMES] = {
    let mut tops = [Held::NOTHING; MAX_FRAMES];
    let mut depth = 0;
    while depth < MAX_FRAMES {
        tops[depth].value = Value::Pointer(Pointer::to(Target::Stack { frame: depth as u8 }));
        depth += 1;
    }
    tops
};

/// Something a program must give back before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Pointers with this identity are to it.
    pub identity: u32,
}

/// A loop whose trips are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loop {
    /// The checkpoint at its head.
    pub head: u32,
    /// Trips so far.
    pub trips: Trips,
}

impl Loop {
    const NONE: Self = Self { head: 0, trips: Trips::NONE };
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
    pub registers: [Held; REGISTERS],
    /// Those up to `depth` are in use.
    pub frames: [Frame; MAX_FRAMES],
    /// Bytes the packet has at least.
    pub packet_bytes: u32,
    /// What must be given back; the first `reference_count` of them.
    pub references: [Reference; MAX_REFERENCES],
    /// How many.
    pub reference_count: usize,
    /// Loops whose trips are counted on this path.
    pub loop_count: usize,
    /// Those loops, the outermost first.
    pub loops: [Loop; MAX_LOOPS],
}

impl Frame {
    const fn new(function: usize) -> Self {
        Self {
            present: 0,
            slots: [Slot::EMPTY; SLOTS],
            saved: [Held::NOTHING; SAVED],
            return_to: 0,
            function,
            entry: Entry::Call,
        }
    }

    /// Slot `index`.
    #[must_use]
    pub const fn slot(&self, index: usize) -> Slot {
        if self.present >> index & 1 == 0 { Slot::EMPTY } else { self.slots[index] }
    }

    /// Replaces slot `index`.
    pub fn set_slot(&mut self, index: usize, slot: Slot) {
        if slot.is_empty() {
            self.present &= !(1 << index);
        } else {
            self.present |= 1 << index;
            self.slots[index] = slot;
        }
    }

    /// The slots that say anything, with their indices.
    pub fn present_slots(&self) -> impl Iterator<Item = (usize, &Slot)> + Clone {
        Bits(self.present).map(|index| (index, &self.slots[index]))
    }

    fn copy_from(&mut self, other: &Self) {
        self.present = other.present;
        (self.return_to, self.function, self.entry) = (other.return_to, other.function, other.entry);
        for index in Bits(other.present) {
            self.slots[index] = other.slots[index];
        }
    }
}

/// The places of the ones in a word.
#[derive(Clone)]
struct Bits(u64);

impl Iterator for Bits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let place = self.0.trailing_zeros() as usize;
        self.0 &= self.0.wrapping_sub(1);
        (place < SLOTS).then_some(place)
    }
}

impl State {
    /// Nothing is written. A constant, so that this large value is made where it is kept.
    pub const EMPTY: Self = Self {
        pc: 0,
        executed: 0,
        depth: 0,
        registers: [Held::NOTHING; REGISTERS],
        frames: [const { Frame::new(0) }; MAX_FRAMES],
        packet_bytes: 0,
        references: [Reference { identity: 0 }; MAX_REFERENCES],
        reference_count: 0,
        loop_count: 0,
        loops: [Loop::NONE; MAX_LOOPS],
    };

    /// Becomes `other`; only what is in use is copied.
    pub fn copy_from(&mut self, other: &Self) {
        (self.pc, self.executed, self.depth) = (other.pc, other.executed, other.depth);
        self.registers = other.registers;
        self.packet_bytes = other.packet_bytes;
        (self.loops, self.loop_count) = (other.loops, other.loop_count);
        (self.references, self.reference_count) = (other.references, other.reference_count);
        for (frame, other) in self.frames.iter_mut().zip(&other.frames[..=other.depth]) {
            frame.copy_from(other);
        }
        for (frame, other) in self.frames.iter_mut().zip(&other.frames[..=other.depth]).skip(1) {
            frame.saved = other.saved;
        }
    }

    /// Slots that say anything, over the frames in use.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.frames[..=self.depth].iter().map(|frame| 8 + frame.present.count_ones() as usize).sum()
    }

    /// What `register` holds.
    #[must_use]
    pub fn get(&self, register: Reg) -> Value {
        self.held(register).value
    }

    /// The same where it lies: values are large.
    #[must_use]
    pub fn value(&self, register: Reg) -> &Value {
        &self.held(register).value
    }

    /// What `register` holds, and what ties it.
    #[must_use]
    pub fn held(&self, register: Reg) -> &Held {
        self.registers.get(register.index()).unwrap_or(&TOPS[self.depth % MAX_FRAMES])
    }

    /// Writes `register` with what is tied to nothing; r10 is never written, which decoding has made sure of.
    pub fn set(&mut self, register: Reg, value: Value) {
        self.set_held(register, Held::new(value));
    }

    /// Writes `register`.
    pub fn set_held(&mut self, register: Reg, held: Held) {
        if let Some(place) = self.registers.get_mut(register.index()) {
            *place = held;
        }
    }

    /// Changes everything held, in registers and slots.
    pub fn for_each(&mut self, mut change: impl FnMut(&mut Held)) {
        self.registers.iter_mut().for_each(&mut change);
        for (depth, frame) in self.frames[..=self.depth].iter_mut().enumerate() {
            if depth > 0 {
                frame.saved.iter_mut().for_each(&mut change);
            }
            for index in Bits(frame.present) {
                change(&mut frame.slots[index].held);
            }
        }
    }

    /// Changes every pointer in registers and slots. Of one that dies in a slot, the bytes are no number that was
    /// written.
    pub fn for_each_pointer(&mut self, mut change: impl FnMut(&mut Value, Pointer)) {
        let mut died = false;
        self.for_each(|held| {
            if let Value::Pointer(pointer) = held.value {
                change(&mut held.value, pointer);
                if held.value == Value::Uninitialised {
                    (*held, died) = (Held::NOTHING, true);
                }
            }
        });
        for frame in self.frames[..=self.depth].iter_mut().filter(|_| died) {
            for index in Bits(frame.present) {
                let slot = frame.slot(index);
                if slot.part == Part::Whole && slot.held == Held::NOTHING {
                    frame.set_slot(index, Slot::EMPTY);
                }
            }
        }
    }

    /// Forgets what a callee may have used: r1 to r5.
    pub fn clobber_arguments(&mut self) {
        self.registers[1..KEPT.start].fill(Held::NOTHING);
    }

    /// Enters `function`, to go on at `return_to` afterwards; false if there is no frame left.
    #[must_use]
    pub fn enter(&mut self, function: usize, return_to: usize, entry: Entry) -> bool {
        let Some(frame) = self.frames.get_mut(self.depth + 1) else {
            return false;
        };
        frame.present = 0;
        (frame.function, frame.return_to, frame.entry) = (function, return_to, entry);
        frame.saved.copy_from_slice(&self.registers[1..]);
        if entry == Entry::Call {
            frame.saved[..KEPT.start - 1].fill(Held::NOTHING);
        }
        self.registers[0] = Held::NOTHING;
        self.registers[KEPT].fill(Held::NOTHING);
        self.depth += 1;
        true
    }

    /// Leaves the current function; the place to go on, or `None` from the program itself.
    pub fn leave(&mut self) -> Option<usize> {
        if self.depth == 0 {
            return None;
        }
        let frame = &self.frames[self.depth];
        let (return_to, entry) = (frame.return_to, frame.entry);
        self.registers[1..].copy_from_slice(&frame.saved);
        if entry == Entry::Callback {
            self.registers[0] = Held::NOTHING;
        }
        let gone = self.depth as u8;
        self.depth -= 1;
        self.forget_frame(gone);
        Some(return_to)
    }

    /// Pointers into a frame that is gone die with it.
    fn forget_frame(&mut self, gone: u8) {
        let is_dead = |value: Value| matches!(value, Value::Pointer(Pointer { target: Target::Stack { frame }, .. }) if frame == gone);
        let dead = |held: &&mut Held| is_dead(held.value);
        let frames = &mut self.frames[..=self.depth];
        let saved = frames.iter_mut().flat_map(|frame| &mut frame.saved);
        self.registers.iter_mut().chain(saved).filter(dead).for_each(|held| *held = Held::NOTHING);
        for frame in frames {
            for index in Bits(frame.present) {
                if is_dead(frame.slots[index].held.value) {
                    frame.set_slot(index, Slot::EMPTY);
                }
            }
        }
    }

    /// Stores `held` of `size` bytes in `span`.
    pub fn write(&mut self, span: StackSpan, size: Size, held: Held) {
        let frame = &mut self.frames[span.frame];
        for (index, mask) in span.slots() {
            let mut slot = frame.slot(index);
            if span.exact {
                slot.store(span.start % 8, mask, size, held);
            } else {
                slot.blur(mask);
            }
            frame.set_slot(index, slot);
        }
    }

    /// What a load of `size` bytes from `span` yields; `None` if it is part of a pointer.
    #[must_use]
    pub fn read(&self, span: StackSpan, size: Size) -> Option<Held> {
        let frame = &self.frames[span.frame];
        if span.exact && span.start % 8 + size.bytes() <= 8 {
            return frame.slot(span.start / 8).load(span.start % 8, size);
        }
        (!self.holds_pointer(span)).then(|| Held::new(Value::of_size(size)))
    }

    /// Whether every byte of `span` was written.
    #[must_use]
    pub fn is_written(&self, span: StackSpan) -> bool {
        span.slots().all(|(index, mask)| self.frames[span.frame].slot(index).written & mask == mask)
    }

    /// Whether `span` touches a spilled pointer.
    #[must_use]
    pub fn holds_pointer(&self, span: StackSpan) -> bool {
        span.slots().any(|(index, _)| self.frames[span.frame].slot(index).holds_pointer())
    }

    /// Notes that what has `identity` must be given back; false if there are too many such things.
    #[must_use]
    pub fn acquire(&mut self, identity: u32) -> bool {
        let Some(place) = self.references.get_mut(self.reference_count) else {
            return false;
        };
        *place = Reference { identity };
        self.reference_count += 1;
        true
    }

    /// Whether what has `identity` must be given back.
    #[must_use]
    pub fn is_held(&self, identity: u32) -> bool {
        self.references[..self.reference_count].contains(&Reference { identity })
    }

    /// What has `identity` is given back, if it had to be.
    pub fn release(&mut self, identity: u32) {
        let held = &self.references[..self.reference_count];
        if let Some(place) = held.iter().position(|reference| reference.identity == identity) {
            self.references.copy_within(place + 1..self.reference_count, place);
            self.reference_count -= 1;
        }
    }

    /// The loop at `level` and those inside it are left: their trips say nothing any more.
    pub fn leave_loops(&mut self, level: usize) {
        if self.loop_count > level {
            self.loop_count = level;
            self.for_each(|held| held.tie = held.tie.outside(level));
        }
    }

    /// The path has come around the loop at `level` once more.
    pub fn come_around(&mut self, level: usize) {
        let Trips { least, most } = &mut self.loops[level].trips;
        (*least, *most) = (least.saturating_add(1), most.saturating_add(1));
        self.for_each(|held| {
            if let Tie::Trips { level: own, low, high } = &mut held.tie
                && usize::from(*own) == level
            {
                (*low, *high) = (low.one_trip_later(), high.one_trip_later());
                if !low.is_near() || !high.is_near() {
                    held.tie = Tie::None;
                }
            }
        });
    }
}

#[cfg(test)]
mod tests;
