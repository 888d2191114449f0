//! A stream of instructions with labels. Jumps are laid out last: each is short where its distance allows.

use super::x86_64::{Bits, Cond, Instruction, Register, encode};
use crate::memory::Vec;

/// A place in the code, to be jumped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label(u32);

/// What stands between the bytes of the stream: its size is known last.
#[derive(Clone, Copy, Debug)]
enum Gap {
    Jump(Label),
    Branch(Cond, Label),
    Call(Label),
    /// To a multiple of 16 bytes, if at most 10 are needed for it.
    Align,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    /// Where in the bytes.
    at: u32,
    gap: Gap,
    size: u8,
}

/// Where a label is: after so many bytes and so many gaps.
#[derive(Clone, Copy, Debug)]
struct Point {
    at: u32,
    gaps: u32,
}

const UNBOUND: Point = Point { at: u32::MAX, gaps: 0 };

/// Instructions in the making.
#[derive(Default)]
pub(super) struct Assembler {
    bytes: Vec<u8>,
    events: Vec<Event>,
    labels: Vec<Point>,
    /// Where each gap ends in the finished code less where it is in the bytes.
    grown: Vec<u32>,
    /// The register whose comparison with 0 the flags hold.
    flags: Option<(Register, Bits)>,
}

impl Assembler {
    pub(super) fn with_capacity(insns: usize) -> Self {
        let bytes = Vec::with_capacity(insns * 5 + 64);
        let (events, labels) = (Vec::with_capacity(insns / 4 + 8), Vec::with_capacity(insns / 4 + 8));
        Self { bytes, events, labels, grown: Vec::new(), flags: None }
    }

    pub(super) fn label(&mut self) -> Label {
        self.labels.push(UNBOUND);
        Label(self.labels.len() as u32 - 1)
    }

    /// Puts `label` here.
    pub(super) fn bind(&mut self, label: Label) {
        let here = Point { at: self.bytes.len() as u32, gaps: self.events.len() as u32 };
        if let Some(point) = self.labels.get_mut(label.0 as usize) {
            *point = here;
        }
        self.flags = None;
    }

    pub(super) fn push(&mut self, instruction: &Instruction) {
        let (bytes, len) = encode(instruction);
        // All sixteen bytes, whose number the compiler knows, and then as many as count.
        let end = self.bytes.len() + len;
        self.bytes.extend_from_slice(&bytes);
        self.bytes.truncate(end);
        self.flags = None;
    }

    /// An instruction without operands.
    pub(super) fn push_bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.flags = None;
    }

    /// The instruction just pushed left the flags of `register` compared with 0, as far as equality goes.
    pub(super) fn flags_are_of(&mut self, register: Register, bits: Bits) {
        self.flags = Some((register, bits));
    }

    pub(super) fn has_flags_of(&self, register: Register, bits: Bits) -> bool {
        self.flags == Some((register, bits))
    }

    pub(super) fn jump(&mut self, to: Label) {
        self.event(Gap::Jump(to), 2);
    }

    pub(super) fn branch(&mut self, cond: Cond, to: Label) {
        self.event(Gap::Branch(cond, to), 2);
    }

    pub(super) fn call(&mut self, to: Label) {
        self.event(Gap::Call(to), 5);
    }

    pub(super) fn align(&mut self) {
        self.event(Gap::Align, 0);
    }

    fn event(&mut self, gap: Gap, size: u8) {
        self.events.push(Event { at: self.bytes.len() as u32, gap, size });
        self.flags = None;
    }

    /// Settles the size of every gap and returns that of the code. Jumps only grow, so this ends.
    pub(super) fn lay_out(&mut self) -> usize {
        self.grown.resize(self.events.len() + 1, 0);
        loop {
            let mut total = 0;
            for (index, event) in self.events.iter_mut().enumerate() {
                if matches!(event.gap, Gap::Align) {
                    event.size = padding(event.at + total);
                }
                total += u32::from(event.size);
                self.grown[index + 1] = total;
            }
            if !self.grow() {
                return self.bytes.len() + total as usize;
            }
        }
    }

    /// Makes long what a short jump does not reach; returns whether there was any.
    fn grow(&mut self) -> bool {
        let mut any = false;
        for index in 0..self.events.len() {
            let Event { at, gap, size: 2 } = self.events[index] else { continue };
            let (target, long) = match gap {
                Gap::Jump(label) => (label, 5),
                Gap::Branch(_, label) => (label, 6),
                Gap::Call(_) | Gap::Align => continue,
            };
            let from = at + self.grown[index + 1];
            if i8::try_from(self.distance(from, target)).is_err() {
                self.events[index].size = long;
                any = true;
            }
        }
        any
    }

    /// The offset of a label in the finished code.
    pub(super) fn offset(&self, Label(label): Label) -> Option<u32> {
        let point = self.labels.get(label as usize).filter(|point| point.at != u32::MAX)?;
        Some(point.at + self.grown.get(point.gaps as usize)?)
    }

    /// A label that was never bound is 0 bytes away: the check of the finished code would find it.
    fn distance(&self, from: u32, to: Label) -> i32 {
        self.offset(to).map_or(0, |target| target.wrapping_sub(from) as i32)
    }

    /// Writes the finished code, which [`Self::lay_out`] has measured.
    pub(super) fn write(&self, out: &mut [u8]) {
        let mut out = Cursor { out, at: 0 };
        let mut done = 0;
        for (event, grown) in self.events.iter().zip(self.grown.iter().skip(1)) {
            out.extend(self.bytes.get(done..event.at as usize).unwrap_or_default());
            done = event.at as usize;
            let from = event.at + grown;
            match event.gap {
                Gap::Align => out.extend(nops(event.size)),
                Gap::Call(to) => out.jump(&[0xe8], self.distance(from, to), event.size),
                Gap::Jump(to) if event.size == 2 => out.jump(&[0xeb], self.distance(from, to), 2),
                Gap::Jump(to) => out.jump(&[0xe9], self.distance(from, to), 5),
                Gap::Branch(cond, to) if event.size == 2 => {
                    out.jump(&[0x70 | cond as u8], self.distance(from, to), 2);
                }
                Gap::Branch(cond, to) => {
                    out.jump(&[0x0f, 0x80 | cond as u8], self.distance(from, to), 6);
                }
            }
        }
        out.extend(self.bytes.get(done..).unwrap_or_default());
    }
}

struct Cursor<'o> {
    out: &'o mut [u8],
    at: usize,
}

impl Cursor<'_> {
    fn extend(&mut self, bytes: &[u8]) {
        if let Some(place) = self.out.get_mut(self.at..self.at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
        self.at += bytes.len();
    }

    fn jump(&mut self, opcode: &[u8], distance: i32, size: u8) {
        self.extend(opcode);
        if size == 2 {
            self.extend(&[distance as u8]);
        } else {
            self.extend(&distance.to_le_bytes());
        }
    }
}

const MOST_PADDING: u32 = 10;

const fn padding(at: u32) -> u8 {
    let missing = at.next_multiple_of(16) - at;
    if missing > MOST_PADDING { 0 } else { missing as u8 }
}

/// The recommended no-operations (Intel SDM vol. 2, NOP), and one of ten bytes with another prefix.
const NOPS: [&[u8]; 11] = [
    &[],
    &[0x90],
    &[0x66, 0x90],
    &[0x0f, 0x1f, 0x00],
    &[0x0f, 0x1f, 0x40, 0x00],
    &[0x0f, 0x1f, 0x44, 0x00, 0x00],
    &[0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
    &[0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
    &[0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
    &[0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
    &[0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

fn nops(bytes: u8) -> &'static [u8] {
    NOPS.get(usize::from(bytes)).copied().unwrap_or_default()
}
