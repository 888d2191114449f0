//! Shifts, and what pairs of them mean.

use super::emit::shift::{SAR, SHL, SHR};
use super::homes::{SCRATCH, SCRATCH_TOO};
use super::values::{Expression, Value, bits_of};
use super::{Lowering, virtual_of};
use crate::insn::{AluOp, Operand, Size, Width};
use crate::jit::flow::Op;
use crate::jit::x86_64::form::{MOVZX8, MOVZX16, SHIFT_CL, shift_x};
use crate::jit::x86_64::{Bits, Imm, Instruction, RCX};

impl Lowering<'_> {
    pub(super) fn shift(&mut self, op: &Op, width: Width, alu: AluOp, dst: usize, src: Operand) {
        let bits = bits_of(width);
        match self.constant(width, src) {
            Some(count) => {
                let mask = if bits == Bits::B64 { 63 } else { 31 };
                self.shift_by(op, bits, alu, dst, (count & mask) as u8);
            }
            None => {
                if let Some(from) = virtual_of(src) {
                    self.shift_by_register(op, bits, alu, dst, from);
                }
            }
        }
    }

    fn shift_by(&mut self, op: &Op, bits: Bits, alu: AluOp, dst: usize, count: u8) {
        if count == 0 {
            if bits == Bits::B32 {
                self.settle_low(dst);
                self.define(op, dst, Expression::Low(self.register(dst)));
            }
            return;
        }
        if self.extension(op, bits, alu, dst, count) {
            return;
        }
        self.settle_at(bits, dst);
        let from = self.register(dst);
        match alu {
            AluOp::Lsh => self.define(op, dst, Expression::Left(bits, from, count)),
            AluOp::Rsh => self.define(op, dst, Expression::Right(bits, from, count)),
            _ => {
                let to = self.write(op, dst);
                self.copy(bits, to, from);
                self.shift_constant(SAR, bits, to, count);
            }
        }
    }

    /// A shift to the left and back is an extension of the low part.
    fn extension(&mut self, op: &Op, bits: Bits, alu: AluOp, dst: usize, count: u8) -> bool {
        let Value::Later(Expression::Left(same, from, left)) = self.values[dst] else { return false };
        let width: u8 = if bits == Bits::B64 { 64 } else { 32 };
        if same != bits || left != count || alu == AluOp::Lsh {
            return false;
        }
        let size = match width - count {
            8 => Size::B,
            16 => Size::H,
            32 => Size::W,
            _ => return false,
        };
        if alu == AluOp::Rsh && size == Size::W {
            self.define(op, dst, Expression::Low(from));
            return true;
        }
        let to = self.write(op, dst);
        match (alu, size) {
            (AluOp::Rsh, Size::B) => self.with(MOVZX8, Bits::B32, to, from),
            (AluOp::Rsh, _) => self.with(MOVZX16, Bits::B32, to, from),
            _ => self.extend(bits, to, from, size),
        }
        true
    }

    fn shift_by_register(&mut self, op: &Op, bits: Bits, alu: AluOp, dst: usize, src: usize) {
        self.settle_at(bits, dst);
        self.settle_low(src);
        let (from, count) = (self.register(dst), self.register(src));
        let to = self.write(op, dst);
        if self.has_bmi2() {
            let form = shift_x(match alu {
                AluOp::Lsh => 1,
                AluOp::Rsh => 3,
                _ => 2,
            });
            let (reg, third) = (to.number(), count.number());
            let place = from.into();
            return self.assembler.push(&Instruction { form, bits, reg, place, third, imm: Imm::None });
        }
        let digit = match alu {
            AluOp::Lsh => SHL,
            AluOp::Rsh => SHR,
            _ => SAR,
        };
        // The count must be in CL. RCX is given back, unless it is what the result goes to.
        self.copy(Bits::B64, SCRATCH, from);
        self.copy(Bits::B64, SCRATCH_TOO, RCX);
        self.copy(Bits::B64, RCX, count);
        self.push(SHIFT_CL, bits, digit, SCRATCH, Imm::None);
        self.copy(Bits::B64, RCX, SCRATCH_TOO);
        self.copy(Bits::B64, to, SCRATCH);
    }
}
