//! Eight bytes of stack.

use crate::insn::Size;
use crate::interpreter::{FRAME_BYTES, alu};
use crate::verifier::state::Held;
use crate::verifier::value::{Pointer, Scalar, Target, Value};

/// Slots of a frame.
pub const SLOTS: usize = FRAME_BYTES / 8;

/// Which bytes of a slot hold a value that was stored at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// None.
    Nothing = 0,
    /// All eight.
    Whole = 1,
    /// The lower four.
    Low = 2,
    /// The upper four.
    High = 3,
}

impl Part {
    const fn of(start: usize, size: Size) -> Self {
        match (start, size) {
            (0, Size::DW) => Self::Whole,
            (0, Size::W) => Self::Low,
            (4, Size::W) => Self::High,
            _ => Self::Nothing,
        }
    }

    /// Its bytes, lowest address in bit 0.
    #[must_use]
    pub const fn mask(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Whole => 0xff,
            Self::Low => 0x0f,
            Self::High => 0xf0,
        }
    }

    /// Its first byte.
    #[must_use]
    pub const fn start(self) -> usize {
        if matches!(self, Self::High) { 4 } else { 0 }
    }

    /// Its size.
    #[must_use]
    pub const fn size(self) -> Size {
        if matches!(self, Self::Whole) { Size::DW } else { Size::W }
    }
}

/// Eight bytes of stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The bytes that were written, lowest address in bit 0.
    pub written: u8,
    /// The bytes that are zero.
    pub zero: u8,
    /// Where `held` is.
    pub part: Part,
    /// What was stored there by one store and is still whole.
    pub held: Held,
}

impl Slot {
    /// Nothing was written.
    pub const EMPTY: Self = Self { written: 0, zero: 0, part: Part::Nothing, held: Held::NOTHING };

    /// Whether it says nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.written == 0 && self.zero == 0 && matches!(self.part, Part::Nothing)
    }

    /// Whether it holds a pointer, whole.
    #[must_use]
    pub const fn holds_pointer(&self) -> bool {
        matches!(self.held.value, Value::Pointer(_))
    }

    /// The bytes of the pointer it holds.
    #[must_use]
    pub const fn pointer_mask(&self) -> u8 {
        if self.holds_pointer() { self.part.mask() } else { 0 }
    }

    fn forget(&mut self) {
        (self.part, self.held) = (Part::Nothing, Held::NOTHING);
    }

    /// Stores the low bytes of `held` from byte `start` on, over the bytes in `mask`.
    pub fn store(&mut self, start: usize, mask: u8, size: Size, held: Held) {
        if self.part.mask() & mask != 0 {
            if self.holds_pointer() {
                // What is left of it is no number that was written.
                self.written &= !self.part.mask();
            }
            self.forget();
        }
        self.written |= mask;
        self.zero &= !mask;
        match held.value {
            Value::Number(number) => {
                if number.truncated(size).as_constant() == Some(0) {
                    self.zero |= mask;
                }
                // Of a number nothing is known of, its bytes are as good: one spelling for one thing.
                let part = Part::of(start, size);
                let low = number.truncated(size);
                let known = low != Scalar::of_size(size) || held.tie != Default::default();
                let fits = size == Size::DW || number.umax <= alu::mask(size);
                if part != Part::Nothing && known && self.zero & mask != mask {
                    let tie = if fits { held.tie } else { Default::default() };
                    (self.part, self.held) = (part, Held { value: Value::Number(low), tie });
                }
            }
            Value::Pointer(_) if Part::of(start, size) == Part::Whole => {
                (self.part, self.held) = (Part::Whole, held);
            }
            Value::Pointer(_) | Value::Uninitialised => {}
        }
    }

    /// Some of the bytes in `mask` may have been written.
    pub fn blur(&mut self, mask: u8) {
        if self.part.mask() & mask != 0 {
            self.forget();
        }
        self.zero &= !mask;
    }

    /// What a load of `size` bytes from byte `start` yields; `None` if it is part of a pointer.
    #[must_use]
    pub fn load(&self, start: usize, size: Size) -> Option<Held> {
        let mask = (((1u16 << size.bytes()) - 1) << start) as u8;
        if mask & !self.zero == 0 {
            return Some(Held::new(Value::Number(Scalar::constant(0))));
        }
        let inside = mask & !self.part.mask() == 0;
        match self.held.value {
            Value::Pointer(_) if self.part.mask() == mask => Some(self.held),
            Value::Pointer(_) if self.part.mask() & mask != 0 => None,
            Value::Number(_) if self.part.mask() == mask => Some(self.held),
            Value::Number(number) if inside => {
                Some(Held::new(part_of(&number, start - self.part.start(), size)))
            }
            _ => Some(Held::new(Value::of_size(size))),
        }
    }
}

/// `size` bytes of `number` from byte `start` on.
fn part_of(number: &Scalar, start: usize, size: Size) -> Value {
    match number.as_constant() {
        Some(value) => Value::Number(Scalar::constant(value >> (8 * start) & alu::mask(size))),
        None if start == 0 => Value::Number(number.truncated(size)),
        None => Value::of_size(size),
    }
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
