//! Stack slots that live in registers: those whose address nobody takes.

use super::Passes;
use super::flow::Op;
use crate::insn::{Extend, Insn, Operand, Reg, Size};

/// Most slots of one function in registers.
pub(super) const MAX_PROMOTED: usize = 2;
/// The number of the first one among the virtual registers.
const FIRST: usize = Reg::COUNT;
const SLOTS: usize = 64;

/// The slots of a function that live in registers, by their offset from the frame pointer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Promoted {
    offsets: [i16; MAX_PROMOTED],
    count: u8,
}

impl Promoted {
    /// The virtual register of an access, if it has one.
    pub(super) fn slot(&self, base: Reg, offset: i16) -> Option<usize> {
        if self.count == 0 || base != Reg::FRAME {
            return None;
        }
        let offsets = self.offsets.iter().take(usize::from(self.count));
        offsets.zip(FIRST..).find(|(known, _)| **known == offset).map(|(_, number)| number)
    }

    fn push(&mut self, offset: i16) {
        if let Some(place) = self.offsets.get_mut(usize::from(self.count)) {
            *place = offset;
            self.count += 1;
        }
    }
}

/// How the accesses of one slot look so far.
#[derive(Clone, Copy, Default, PartialEq)]
enum Use {
    #[default]
    Unused,
    /// Always whole, with this size; so often.
    Whole(Size, u32),
    Mixed,
}

/// Chooses at most `room` slots of a function, the most used ones. None if the frame's address goes anywhere.
pub(super) fn promote(ops: &[Op], first: usize, passes: Passes) -> Promoted {
    let mut slots = [Use::Unused; SLOTS];
    // The earliest target of the jumps back seen so far, from the end: what lies behind it is repeated.
    let mut head = usize::MAX;
    for (index, op) in ops.iter().enumerate().rev() {
        if matches!(op.insn, Insn::Jump { .. } | Insn::Branch { .. }) && op.target as usize <= first + index {
            head = head.min(op.target as usize - first);
        }
        let weight = if index >= head { 8 } else { 1 };
        match op.insn {
            Insn::Load { base: Reg::FRAME, offset, size, extend: Extend::Zero, .. } => {
                note(&mut slots, offset, size, weight);
            }
            Insn::Store { base: Reg::FRAME, offset, size, value } if value != Operand::Reg(Reg::FRAME) => {
                note(&mut slots, offset, size, weight);
            }
            _ if reads_frame(op) => return Promoted::default(),
            _ => {}
        }
    }
    let mut promoted = Promoted::default();
    for _ in 0..room(ops, passes) {
        let weights = slots.iter().enumerate().filter_map(|(index, slot)| match slot {
            Use::Whole(_, times) => Some((*times, index)),
            _ => None,
        });
        let Some((_, best)) = weights.max() else { break };
        slots[best] = Use::Mixed;
        promoted.push(-8 * (best as i16 + 1));
    }
    promoted
}

fn note(slots: &mut [Use; SLOTS], offset: i16, size: Size, weight: u32) {
    // Distances of the access's ends below the frame pointer.
    let (low, high) = (-i32::from(offset), -i32::from(offset) - size.bytes() as i32);
    let whole = low % 8 == 0 && matches!(size, Size::W | Size::DW);
    for (index, slot) in slots.iter_mut().enumerate() {
        let (top, bottom) = (8 * index as i32, 8 * index as i32 + 8);
        if low <= top || high >= bottom {
            continue;
        }
        *slot = match *slot {
            Use::Unused if whole => Use::Whole(size, weight),
            Use::Whole(known, times) if whole && known == size => Use::Whole(size, times + weight),
            _ => Use::Mixed,
        };
    }
}

fn reads_frame(op: &Op) -> bool {
    super::flow::uses_and_defs(&op.insn, &Promoted::default()).0 & super::flow::bit(Reg::FRAME) != 0
}

/// How many slots a function has registers for, beside r6 to r9 and the frame pointer (see `lower/homes.rs`).
fn room(ops: &[Op], passes: Passes) -> usize {
    let calls = |op: &Op| {
        matches!(op.insn, Insn::CallHelper { .. } | Insn::CallLocal { .. } | Insn::CallRegister { .. })
    };
    if passes.has(Passes::REGISTERS) && !ops.iter().any(calls) { MAX_PROMOTED } else { 1 }
}
