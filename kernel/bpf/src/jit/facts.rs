//! Which registers have zeros in their high halves: a 32-bit result need not be extended again.

use super::flow::{Function, Op, Set, bit};
use super::slots::Promoted;
use crate::insn::{AluOp, AtomicOp, ByteOrder, Extend, Fetch, Immediate, Insn, Operand, Size, Width};

/// What holds after `insn` if `before` held.
pub(super) fn step(op: &Op, promoted: &Promoted, before: Set) -> Set {
    let with = |reg, holds| if holds { before | bit(reg) } else { before & !bit(reg) };
    let zero = |operand| match operand {
        Operand::Reg(reg) => before & bit(reg) != 0,
        Operand::Imm(imm) => imm >= 0,
    };
    match op.insn {
        Insn::Alu { width: Width::W32, dst, .. }
        | Insn::Neg { width: Width::W32, dst }
        | Insn::MovSx { width: Width::W32, dst, .. } => with(dst, true),
        Insn::Alu { op, dst, src, .. } => with(
            dst,
            match op {
                AluOp::Mov => zero(src),
                AluOp::And => zero(Operand::Reg(dst)) || zero(src),
                AluOp::Or | AluOp::Xor => zero(Operand::Reg(dst)) && zero(src),
                AluOp::Rsh => zero(Operand::Reg(dst)) || matches!(src, Operand::Imm(32..64)),
                AluOp::Div | AluOp::Mod => zero(Operand::Reg(dst)),
                _ => false,
            },
        ),
        Insn::Neg { dst, .. } | Insn::MovSx { dst, .. } => with(dst, false),
        Insn::Swap { dst, size: Size::DW, order } => {
            with(dst, order == ByteOrder::ToLittle && zero(Operand::Reg(dst)))
        }
        Insn::Swap { dst, .. } => with(dst, true),
        Insn::LoadImm { dst, value } => {
            with(dst, matches!(value, Immediate::Value(value) if value >> 32 == 0))
        }
        Insn::Load { dst, base, offset, size, extend } => match promoted.slot(base, offset) {
            Some(slot) => with(dst, before & 1 << slot != 0),
            None => with(dst, size != Size::DW && extend == Extend::Zero),
        },
        Insn::Store { base, offset, size, value } => match promoted.slot(base, offset) {
            Some(slot) if size == Size::W || zero(value) => before | 1 << slot,
            Some(slot) => before & !(1 << slot),
            None => before,
        },
        Insn::Atomic { op: AtomicOp::CmpXchg, size, .. } => {
            if size == Size::W {
                before | 1
            } else {
                before & !1
            }
        }
        Insn::Atomic { fetch: Fetch::Yes, src, size, .. } => with(src, size == Size::W),
        Insn::CallHelper { .. } | Insn::CallRegister { .. } | Insn::CallLocal { .. } => before & !op.defs,
        Insn::Atomic { .. } | Insn::Jump { .. } | Insn::Branch { .. } | Insn::Exit => before,
    }
}

/// Fills `at` with what holds before each operation of a function, whatever path leads there.
pub(super) fn find(ops: &[Op], function: &Function, at: &mut [Set]) {
    let Function { first, end, start, promoted, .. } = *function;
    at[first..end].fill(Set::MAX);
    at[start] = 0;
    let mut again = true;
    while again {
        again = false;
        let mut now = if start == first { 0 } else { Set::MAX };
        for index in first..end {
            let op = &ops[index];
            now = if op.is_leader { at[index] & now } else { now };
            at[index] = now;
            now = step(op, &promoted, now);
            if matches!(op.insn, Insn::Jump { .. } | Insn::Branch { .. }) {
                let target = op.target as usize;
                let merged = at[target] & now;
                again |= merged != at[target] && target <= index;
                at[target] = merged;
            }
            if matches!(op.insn, Insn::Jump { .. } | Insn::Exit) {
                now = Set::MAX;
            }
        }
    }
}
