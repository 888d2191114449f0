//! Arithmetic but shifts and divisions.

use super::emit::op::{ADD, AND, OR, SUB, XOR};
use super::homes::SCRATCH;
use super::values::{Expression, Value, bits_of};
use super::{Lowering, virtual_of};
use crate::insn::{AluOp, ByteOrder, Operand, Reg, Size, Width};
use crate::interpreter::alu;
use crate::jit::Passes;
use crate::jit::flow::Op;
use crate::jit::x86_64::form::{GROUP3, IMUL, IMUL_IMM, IMUL_IMM8, MOVSX8, MOVSX16, MOVSXD, MOVZX8, MOVZX16};
use crate::jit::x86_64::{Bits, Imm, Register};

/// Whether the order of operands matters.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    Free,
    Fixed,
}

impl Lowering<'_> {
    pub(super) fn alu(&mut self, op: &Op, width: Width, alu: AluOp, dst: Reg, src: Operand) {
        let (number, bits) = (dst.index(), bits_of(width));
        let constant = self.constant(width, src);
        if alu == AluOp::Mov {
            return self.mov(op, width, number, src);
        }
        if let (Some(one), Some(two)) = (self.constant(Width::W64, Operand::Reg(dst)), constant) {
            return self.define_constant(op, number, alu::alu(alu, width, one, two));
        }
        if constant == Some(0) && width == Width::W64 && is_neutral_zero(alu) {
            return;
        }
        match alu {
            AluOp::Add if self.add(op, bits, number, src, constant) => {}
            AluOp::Add => self.binary(op, ADD, bits, number, src, Order::Free),
            AluOp::Sub if self.subtract(op, bits, number, constant) => {}
            AluOp::Sub => self.binary(op, SUB, bits, number, src, Order::Fixed),
            AluOp::Or | AluOp::Xor if self.rotate(op, bits, number, src) => {}
            AluOp::Or => self.binary(op, OR, bits, number, src, Order::Free),
            AluOp::Xor if constant == Some(u64::MAX) => self.unary(op, 2, bits, number),
            AluOp::Xor => self.binary(op, XOR, bits, number, src, Order::Free),
            AluOp::And => self.and(op, bits, number, src, constant),
            AluOp::Mul => self.multiply(op, bits, number, src, constant),
            AluOp::Lsh | AluOp::Rsh | AluOp::Arsh => self.shift(op, width, alu, number, src),
            AluOp::Div | AluOp::SDiv | AluOp::Mod | AluOp::SMod => self.divide(op, width, alu, number, src),
            AluOp::Mov => {}
        }
    }

    fn mov(&mut self, op: &Op, width: Width, dst: usize, src: Operand) {
        if let Some(value) = self.constant(width, src) {
            let value = if width == Width::W32 { u64::from(value as u32) } else { value };
            return self.define_constant(op, dst, value);
        }
        let Some(from) = virtual_of(src) else { return };
        if width == Width::W64 || self.is_short(from) && self.passes().has(Passes::ZERO_EXTENSION) {
            return self.define_copy(op, dst, from);
        }
        self.settle_low(from);
        self.define(op, dst, Expression::Low(self.register(from)));
    }

    /// A sum is only computed when something other than an address needs it. False if it must be done at once.
    fn add(&mut self, op: &Op, bits: Bits, dst: usize, src: Operand, constant: Option<u64>) -> bool {
        if !self.passes().has(Passes::LEA) {
            return false;
        }
        if let Some(constant) = constant {
            let Ok(disp) = i32::try_from(constant as i64) else { return false };
            return self.add_constant(op, bits, dst, disp);
        }
        match virtual_of(src) {
            Some(from) => self.add_register(op, bits, dst, from),
            None => false,
        }
    }

    fn add_constant(&mut self, op: &Op, bits: Bits, dst: usize, disp: i32) -> bool {
        let sum = match self.values[dst] {
            Value::Later(Expression::Sum(known, base, index, before)) if known == bits => {
                before.checked_add(disp).map(|disp| Expression::Sum(bits, base, index, disp))
            }
            _ => None,
        };
        let sum = sum.unwrap_or_else(|| {
            self.settle_at(bits, dst);
            Expression::Sum(bits, self.register(dst), None, disp)
        });
        self.define(op, dst, sum);
        true
    }

    fn add_register(&mut self, op: &Op, bits: Bits, dst: usize, from: usize) -> bool {
        if let Value::Constant(_) = self.values[dst] {
            self.settle(dst);
        }
        self.simplify(bits, dst);
        self.simplify(bits, from);
        // Simplifying the second may have computed the first.
        let sum = match (self.parts(bits, dst), self.parts(bits, from)) {
            (Some((base, None, one)), Some((Some(index), None, two)))
            | (Some((Some(index), None, one)), Some((base, None, two))) => {
                let base = base.map(|base| (base, index));
                base.zip(one.checked_add(two)).map(|((base, index), disp)| (base, Some((index, 0)), disp))
            }
            (Some((Some(base), None, one)), Some((None, index, two)))
            | (Some((None, index, one)), Some((Some(base), None, two))) => {
                one.checked_add(two).map(|disp| (base, index, disp))
            }
            _ => None,
        };
        let Some((base, index, disp)) = sum else { return false };
        self.define(op, dst, Expression::Sum(bits, base, index, disp));
        true
    }

    /// Leaves only values that [`Self::parts`] takes apart.
    fn simplify(&mut self, bits: Bits, number: usize) {
        match self.values[number] {
            Value::Later(Expression::Sum(known, _, None, _)) if known == bits => {}
            Value::Later(Expression::Left(known, _, 1..=3)) if known == bits => {}
            _ => self.settle_at(bits, number),
        }
    }

    /// A settled or simple value as `base + index * 2^shift + disp`, one of the first two missing.
    #[expect(clippy::type_complexity, reason = "the three parts of an address")]
    fn parts(&self, bits: Bits, number: usize) -> Option<(Option<Register>, Option<(Register, u8)>, i32)> {
        match self.values[number] {
            Value::Home => Some((Some(self.home(number)), None, 0)),
            Value::Later(Expression::Copy(register)) => Some((Some(register), None, 0)),
            Value::Later(Expression::Low(register)) if bits == Bits::B32 => Some((Some(register), None, 0)),
            Value::Later(Expression::Sum(known, base, None, disp)) if known == bits => {
                Some((Some(base), None, disp))
            }
            Value::Later(Expression::Left(known, index, shift @ 1..=3)) if known == bits => {
                Some((None, Some((index, shift)), 0))
            }
            _ => None,
        }
    }

    fn subtract(&mut self, op: &Op, bits: Bits, dst: usize, constant: Option<u64>) -> bool {
        let negative = constant.and_then(|value| i32::try_from((value as i64).wrapping_neg()).ok());
        match negative {
            Some(disp) if self.passes().has(Passes::LEA) && bits == Bits::B64 => {
                self.add_constant(op, bits, dst, disp)
            }
            _ => false,
        }
    }

    /// Two shifts of one register whose bits come together again are a rotation.
    fn rotate(&mut self, op: &Op, bits: Bits, dst: usize, src: Operand) -> bool {
        let Some(from) = virtual_of(src).filter(|_| self.passes().has(Passes::ROTATE)) else { return false };
        let (Value::Later(one), Value::Later(two)) = (self.values[dst], self.values[from]) else {
            return false;
        };
        let (left, right) = match (one, two) {
            (Expression::Left(..), _) => (one, two),
            _ => (two, one),
        };
        let (Expression::Left(width, register, left), Expression::Right(same, again, right)) = (left, right)
        else {
            return false;
        };
        let bits_of_width = if width == Bits::B32 { 32 } else { 64 };
        // The high half of a narrow rotation is zero, so a wide OR of it is one too.
        let fits = width == Bits::B32 || bits == Bits::B64;
        if width != same || register != again || left + right != bits_of_width || !fits {
            return false;
        }
        self.define(op, dst, Expression::Rotated(width, register, left));
        true
    }

    /// `dst op= src` with one instruction, and a copy before it where dst is a copy itself.
    fn binary(&mut self, op: &Op, code: u8, bits: Bits, dst: usize, src: Operand, order: Order) {
        let width = if bits == Bits::B64 { Width::W64 } else { Width::W32 };
        let imm = self.constant(width, src).and_then(|value| i32::try_from(value as i64).ok());
        self.settle_at(bits, dst);
        let Some(imm) = imm else { return self.binary_registers(op, code, bits, dst, src, order) };
        let from = self.register(dst);
        let to = self.write(op, dst);
        self.copy(bits, to, from);
        // A constant without a sign clears or keeps the high half just as well in 32 bits.
        let short = code == AND && imm >= 0;
        self.alu_constant(code, if short { Bits::B32 } else { bits }, to, imm);
    }

    fn binary_registers(&mut self, op: &Op, code: u8, bits: Bits, dst: usize, src: Operand, order: Order) {
        let Some(from) = virtual_of(src) else { return };
        self.settle_at(bits, from);
        let (one, two) = (self.register(dst), self.register(from));
        let to = self.write(op, dst);
        if to != two || one == to {
            self.copy(bits, to, one);
            self.alu_place(code, bits, to, two);
        } else if order == Order::Free {
            self.alu_place(code, bits, to, one);
        } else {
            self.copy(bits, SCRATCH, one);
            self.alu_place(code, bits, SCRATCH, two);
            self.copy(bits, to, SCRATCH);
        }
    }

    /// NOT `/2` and NEG `/3`.
    fn unary(&mut self, op: &Op, digit: u8, bits: Bits, dst: usize) {
        self.settle_at(bits, dst);
        let from = self.register(dst);
        let to = self.write(op, dst);
        self.copy(bits, to, from);
        self.push(GROUP3, bits, digit, to, Imm::None);
    }

    pub(super) fn negate(&mut self, op: &Op, width: Width, dst: usize) {
        self.unary(op, 3, bits_of(width), dst);
    }

    fn and(&mut self, op: &Op, bits: Bits, dst: usize, src: Operand, constant: Option<u64>) {
        let zero_extension = match constant {
            Some(0xff) => Some(MOVZX8),
            Some(0xffff) => Some(MOVZX16),
            _ => None,
        };
        if let Some(form) = zero_extension {
            self.settle_low(dst);
            let from = self.register(dst);
            let to = self.write(op, dst);
            return self.with(form, Bits::B32, to, from);
        }
        // The constant may have been built in a register.
        if constant == Some(u64::from(u32::MAX)) && bits == Bits::B64 {
            self.settle_low(dst);
            return self.define(op, dst, Expression::Low(self.register(dst)));
        }
        self.binary(op, AND, bits, dst, src, Order::Free);
    }

    fn multiply(&mut self, op: &Op, bits: Bits, dst: usize, src: Operand, constant: Option<u64>) {
        let Some(imm) = constant.and_then(|value| i32::try_from(value as i64).ok()) else {
            let Some(from) = virtual_of(src) else { return };
            self.settle_at(bits, dst);
            self.settle_at(bits, from);
            let (one, two) = (self.register(dst), self.register(from));
            let to = self.write(op, dst);
            let other = if to == two { one } else { two };
            self.copy(bits, to, if to == two { two } else { one });
            return self.with(IMUL, bits, to, other);
        };
        self.settle_at(bits, dst);
        let from = self.register(dst);
        let cheap = matches!(imm, 3 | 5 | 9) && self.passes().has(Passes::LEA);
        if cheap {
            let shift = (imm as u32 - 1).trailing_zeros() as u8;
            return self.define(op, dst, Expression::Sum(bits, from, Some((from, shift)), 0));
        }
        if imm > 1 && imm.count_ones() == 1 {
            return self.define(op, dst, Expression::Left(bits, from, imm.trailing_zeros() as u8));
        }
        let to = self.write(op, dst);
        match i8::try_from(imm) {
            Ok(short) => self.push(IMUL_IMM8, bits, to.number(), from, Imm::I8(short)),
            Err(_) => self.push(IMUL_IMM, bits, to.number(), from, Imm::I32(imm)),
        }
    }

    pub(super) fn sign_extend(&mut self, op: &Op, width: Width, dst: usize, src: usize, from: Size) {
        self.settle_low(src);
        let source = self.register(src);
        let to = self.write(op, dst);
        self.extend(bits_of(width), to, source, from);
    }

    pub(super) fn extend(&mut self, bits: Bits, to: Register, from: Register, size: Size) {
        match size {
            Size::B => self.with(MOVSX8, bits, to, from),
            Size::H => self.with(MOVSX16, bits, to, from),
            Size::W => self.with(MOVSXD, bits, to, from),
            Size::DW => self.copy(bits, to, from),
        }
    }

    pub(super) fn swap(&mut self, op: &Op, order: ByteOrder, dst: usize, size: Size) {
        if order == ByteOrder::ToLittle {
            return self.truncate(op, dst, size);
        }
        let bits = if size == Size::DW { Bits::B64 } else { Bits::B32 };
        self.settle_at(bits, dst);
        let from = self.register(dst);
        let to = self.write(op, dst);
        self.copy(bits, to, from);
        self.byte_swap(bits, to);
        if size == Size::H {
            self.shift_constant(super::emit::shift::SHR, Bits::B32, to, 16);
        }
    }

    pub(super) fn byte_swap(&mut self, bits: Bits, register: Register) {
        let number = register.number();
        let rex = 0x40 | if bits == Bits::B64 { 8 } else { 0 } | number >> 3;
        let bytes = [rex, 0x0f, 0xc8 | number & 7];
        self.assembler.push_bytes(if rex == 0x40 { &bytes[1..] } else { &bytes });
    }

    fn truncate(&mut self, op: &Op, dst: usize, size: Size) {
        if size == Size::DW || size == Size::W && self.is_short(dst) {
            return;
        }
        self.settle_low(dst);
        let from = self.register(dst);
        if size == Size::W {
            return self.define(op, dst, Expression::Low(from));
        }
        let to = self.write(op, dst);
        self.with(if size == Size::H { MOVZX16 } else { MOVZX8 }, Bits::B32, to, from);
    }
}

const fn is_neutral_zero(alu: AluOp) -> bool {
    matches!(alu, AluOp::Add | AluOp::Sub | AluOp::Or | AluOp::Xor | AluOp::Lsh | AluOp::Rsh | AluOp::Arsh)
}
