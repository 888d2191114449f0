//! Conditional jumps and what replaces them.

use super::emit::op::CMP;
use super::homes::SCRATCH;
use super::memory::{Loaded, bits_of_size};
use super::values::{Value, bits_of};
use super::{Lowering, set_of, virtual_of};
use crate::insn::{AluOp, Condition, Insn, Operand, Reg, Size, Width};
use crate::jit::Passes;
use crate::jit::flow::{Op, Set};
use crate::jit::x86_64::form::{GROUP3, TEST, alu_store, cmov};
use crate::jit::x86_64::{Address, Bits, Cond, Imm, Place, Register};

const fn cond_of(condition: Condition) -> Cond {
    match condition {
        Condition::Eq => Cond::Equal,
        Condition::Ne | Condition::Set => Cond::NotEqual,
        Condition::Gt => Cond::Above,
        Condition::Ge => Cond::NotBelow,
        Condition::Lt => Cond::Below,
        Condition::Le => Cond::NotAbove,
        Condition::SGt => Cond::Greater,
        Condition::SGe => Cond::NotLess,
        Condition::SLt => Cond::Less,
        Condition::SLe => Cond::NotGreater,
    }
}

/// The same comparison of numbers that are not negative.
const fn unsigned(condition: Condition) -> Condition {
    match condition {
        Condition::SGt => Condition::Gt,
        Condition::SGe => Condition::Ge,
        Condition::SLt => Condition::Lt,
        Condition::SLe => Condition::Le,
        other => other,
    }
}

/// A move that a branch jumps over.
#[derive(Clone, Copy)]
struct Skipped {
    op: Op,
    dst: Reg,
    src: Operand,
    width: Width,
}

impl Lowering<'_> {
    /// Lowers a branch, with the move or the jump it skips where that is better; returns how many operations it took.
    pub(super) fn branch(&mut self, index: usize, op: &Op) -> usize {
        let Insn::Branch { width, condition, dst, src, .. } = op.insn else { return 1 };
        if let Some(skipped) = self.skipped_move(index, op)
            && self.conditional_move(op, width, condition, dst, src, skipped)
        {
            return 2;
        }
        let bits = bits_of(width);
        self.settle_at(bits, dst.index());
        let immediate = self.constant(width, src).and_then(|value| i32::try_from(value as i64).ok());
        if let (None, Some(from)) = (immediate, virtual_of(src)) {
            self.settle_at(bits, from);
        }
        self.flush(self.live_where_it_leads(index, op));
        let cond = self.compare(bits, condition, dst.index(), src, immediate);
        self.leave_block(index, op, cond)
    }

    /// What is live where the jump that a branch becomes leads. What only the other way needs is computed there.
    fn live_where_it_leads(&self, index: usize, op: &Op) -> Set {
        let jump = self.jump_over(index, op).map_or(op.target, |jump| jump.target);
        self.program.ops[jump as usize].live_before
    }

    /// The unconditional jump that a branch jumps over, if it is that.
    fn jump_over(&self, index: usize, op: &Op) -> Option<&Op> {
        let inverts = op.target as usize == index + 2 && self.passes().has(Passes::INVERSION);
        self.follower(index).filter(|next| inverts && matches!(next.insn, Insn::Jump { .. }))
    }

    /// Emits the jump of a branch whose condition is in the flags.
    fn leave_block(&mut self, index: usize, op: &Op, cond: Cond) -> usize {
        if let Some(target) = self.jump_over(index, op).map(|jump| jump.target) {
            self.assembler.branch(cond.inverted(), self.labels[target as usize]);
            return 2;
        }
        if op.target as usize != index + 1 {
            self.assembler.branch(cond, self.labels[op.target as usize]);
        }
        1
    }

    /// Compares settled operands and returns the condition to test.
    fn compare(
        &mut self,
        bits: Bits,
        condition: Condition,
        dst: usize,
        src: Operand,
        immediate: Option<i32>,
    ) -> Cond {
        let one = self.register(dst);
        match (condition, immediate, virtual_of(src)) {
            (Condition::Set, Some(imm), _) => self.test_constant(bits, one, imm),
            (Condition::Set, None, Some(src)) => self.with(TEST, bits, self.register(src), one),
            (_, Some(0), _) => {
                let is_equality = matches!(condition, Condition::Eq | Condition::Ne);
                if !(is_equality && self.assembler.has_flags_of(one, bits)) {
                    self.with(TEST, bits, one, one);
                }
            }
            (_, Some(imm), _) => self.alu_constant(CMP, bits, one, imm),
            (_, None, Some(src)) => self.alu_place(CMP, bits, one, self.register(src)),
            (_, None, None) => {}
        }
        cond_of(condition)
    }

    fn test_constant(&mut self, bits: Bits, register: Register, imm: i32) {
        let bits = if imm >= 0 { Bits::B32 } else { bits };
        match u8::try_from(imm) {
            Ok(byte) if byte < 128 => self.push(GROUP3, Bits::B8, 0, register, Imm::I8(byte as i8)),
            _ => self.push(GROUP3, bits, 0, register, Imm::I32(imm)),
        }
    }

    /// A branch on a value in memory that nothing else needs; 0 if it takes a register after all.
    pub(super) fn compare_memory(
        &mut self,
        index: usize,
        load: Loaded,
        width: Width,
        condition: Condition,
        src: Operand,
    ) -> usize {
        let Some(op) = self.follower(index).copied() else { return 0 };
        // What the register held before the load is no operand of the branch.
        let compares_itself = virtual_of(src) == Some(load.dst);
        if compares_itself || !self.passes().has(Passes::MEMORY_OPERANDS) || condition == Condition::Set {
            return 0;
        }
        // A comparison of 32 bits reads no more than those.
        let size = if width == Width::W32 { load.size.min(Size::W) } else { load.size };
        let load = Loaded { size, ..load };
        let wide = load.size == Size::DW && width == Width::W64;
        let whole = wide || load.size == Size::W && width == Width::W32;
        if let Some(skipped) = self.skipped_move(index + 1, &op)
            && self.is_convertible(&skipped)
        {
            return 0;
        }
        if let Some(value) = self.constant(width, src) {
            let largest = match load.size {
                Size::B => 255,
                Size::H => 127,
                Size::W | Size::DW => i64::from(i32::MAX),
            };
            let smallest = if whole { i64::from(i32::MIN) } else { 0 };
            if !(smallest..=largest).contains(&(value as i64)) {
                return 0;
            }
            self.live |= op.live_before;
            let address = self.settle_address(index + 1, load, &op);
            self.alu_constant(CMP, bits_of_size(load.size), address, value as i32);
            let condition = if whole { condition } else { unsigned(condition) };
            return 1 + self.leave_block(index + 1, &op, cond_of(condition));
        }
        let Some(from) = virtual_of(src).filter(|_| whole) else { return 0 };
        self.live |= op.live_before;
        self.settle_at(bits_of(width), from);
        let address = self.settle_address(index + 1, load, &op);
        let register = self.register(from);
        self.with(alu_store(CMP), bits_of_size(load.size), register, address);
        1 + self.leave_block(index + 1, &op, cond_of(condition))
    }

    /// The address of a load at the end of a block, everything that is live after it being in its home.
    fn settle_address(&mut self, index: usize, load: Loaded, branch: &Op) -> Address {
        // The loaded register itself has no value, and what its old one was is gone.
        if load.base.index() != load.dst {
            self.set_value(load.dst, Value::Home);
        }
        self.flush(self.live_where_it_leads(index, branch) & !set_of(load.dst));
        self.address(load.base, load.offset)
    }

    /// The one move that the branch at `index` jumps over, if it is that.
    fn skipped_move(&self, index: usize, op: &Op) -> Option<Skipped> {
        let next = *self.follower(index)?;
        let Insn::Alu { width, op: AluOp::Mov, dst, src } = next.insn else { return None };
        // Over the move, or to where a jump behind it leads too.
        let meets = op.target as usize == index + 2
            || self
                .follower(index + 1)
                .is_some_and(|jump| matches!(jump.insn, Insn::Jump { .. }) && jump.target == op.target);
        (meets && self.passes().has(Passes::CONDITIONAL_MOVES)).then_some(Skipped {
            op: next,
            dst,
            src,
            width,
        })
    }

    fn is_convertible(&self, skipped: &Skipped) -> bool {
        let is_dead = skipped.op.live_after & set_of(skipped.dst.index()) == 0;
        let whole = match virtual_of(skipped.src) {
            Some(from) => skipped.width == Width::W64 || self.is_short(from),
            None => true,
        };
        !is_dead && whole && virtual_of(skipped.src) != Some(skipped.dst.index())
    }

    /// `if !(dst condition src) { skipped.dst = skipped.src }` without a jump.
    fn conditional_move(
        &mut self,
        op: &Op,
        width: Width,
        condition: Condition,
        dst: Reg,
        src: Operand,
        skipped: Skipped,
    ) -> bool {
        if !self.is_convertible(&skipped) {
            return false;
        }
        let (bits, moved) = (bits_of(width), skipped.dst.index());
        self.live |= skipped.op.live_before;
        // Everything is in its home, so nothing is computed between the comparison and the move.
        self.flush(op.live_before | skipped.op.live_before | set_of(moved));
        let immediate = self.constant(width, src).and_then(|value| i32::try_from(value as i64).ok());
        let source: Place = match skipped.src {
            Operand::Reg(from) => self.register(from.index()).into(),
            Operand::Imm(imm) => {
                let value = if skipped.width == Width::W32 { u64::from(imm as u32) } else { imm as u64 };
                self.load_constant(SCRATCH, value);
                SCRATCH.into()
            }
        };
        let cond = self.compare(bits, condition, dst.index(), src, immediate);
        let to = self.write(&skipped.op, moved);
        self.with(cmov(cond.inverted()), Bits::B64, to, source);
        true
    }
}
