//! Division and remainder, defined for every operand (RFC 9669 section 4.1): by 0 the quotient is 0 and the remainder
//! the dividend; MIN / -1 is MIN, and its remainder 0. The processor faults in both cases, so neither reaches it.
//!
//! A division by a constant becomes a multiplication (Granlund and Montgomery, "Division by invariant integers using
//! multiplication", PLDI 1994).

use super::emit::op::{ADD, CMP, OR, SUB, XOR};
use super::emit::shift::SHR;
use super::homes::{SCRATCH, SCRATCH_TOO};
use super::values::{Expression, bits_of};
use super::{Lowering, virtual_of};
use crate::insn::{AluOp, Operand, Width};
use crate::jit::Passes;
use crate::jit::assembler::Label;
use crate::jit::flow::Op;
use crate::jit::x86_64::form::{GROUP3, IMUL, IMUL_IMM, TEST, alu_store};
use crate::jit::x86_64::{Bits, Cond, Imm, RAX, RDX, Register};

impl Lowering<'_> {
    pub(super) fn divide(&mut self, op: &Op, width: Width, alu: AluOp, dst: usize, src: Operand) {
        let short = |number| width == Width::W32 || self.is_short(number);
        if let Some(constant) = self.constant(width, src) {
            let narrow = width == Width::W32 || self.is_short(dst) && constant >> 32 == 0;
            let divisor = if width == Width::W32 { u64::from(constant as u32) } else { constant };
            if self.divide_by(op, narrow, alu, dst, divisor, width) {
                return;
            }
            return self.divide_by_register(op, bits_of(width), alu, dst, Err(constant));
        }
        let Some(from) = virtual_of(src) else { return };
        let unsigned = matches!(alu, AluOp::Div | AluOp::Mod);
        let bits = if unsigned && short(dst) && short(from) { Bits::B32 } else { bits_of(width) };
        self.divide_by_register(op, bits, alu, dst, Ok(from));
    }

    /// Unsigned division of 32 bits by a constant; false if it is another one.
    fn divide_by(
        &mut self,
        op: &Op,
        narrow: bool,
        alu: AluOp,
        dst: usize,
        divisor: u64,
        width: Width,
    ) -> bool {
        let is_quotient = match alu {
            AluOp::Div => true,
            AluOp::Mod => false,
            _ => return false,
        };
        if divisor == 0 || !self.passes().has(Passes::DIVISION) {
            return false;
        }
        if divisor.count_ones() == 1 {
            self.divide_by_power(op, bits_of(width), dst, divisor, is_quotient);
            return true;
        }
        if !narrow {
            return false;
        }
        self.settle_low(dst);
        let from = self.register(dst);
        self.quotient(from, divisor as u32);
        if is_quotient {
            let to = self.write(op, dst);
            self.copy(Bits::B64, to, SCRATCH);
        } else {
            self.push(IMUL_IMM, Bits::B32, SCRATCH.number(), SCRATCH, Imm::I32(divisor as i32));
            let to = self.write(op, dst);
            if to == from {
                self.alu_place(SUB, Bits::B32, to, SCRATCH);
            } else {
                self.copy(Bits::B32, to, from);
                self.alu_place(SUB, Bits::B32, to, SCRATCH);
            }
        }
        true
    }

    fn divide_by_power(&mut self, op: &Op, bits: Bits, dst: usize, divisor: u64, is_quotient: bool) {
        let shift = divisor.trailing_zeros() as u8;
        self.settle_at(bits, dst);
        let from = self.register(dst);
        if is_quotient && shift > 0 {
            return self.define(op, dst, Expression::Right(bits, from, shift));
        }
        if is_quotient {
            // By one.
            return self.define(
                op,
                dst,
                if bits == Bits::B64 { Expression::Copy(from) } else { Expression::Low(from) },
            );
        }
        let mask = divisor - 1;
        self.load_constant(SCRATCH, mask);
        self.alu_place(super::emit::op::AND, bits, SCRATCH, from);
        let to = self.write(op, dst);
        self.copy(Bits::B64, to, SCRATCH);
    }

    /// The quotient of the low half of `from` by a divisor that is no power of two, to [`SCRATCH`].
    fn quotient(&mut self, from: Register, divisor: u32) {
        let Magic { factor, shift, needs_33_bits } = Magic::of(divisor);
        self.load_constant(SCRATCH, u64::from(factor));
        self.zero_extend(SCRATCH_TOO, from);
        self.with(IMUL, Bits::B64, SCRATCH, SCRATCH_TOO);
        if !needs_33_bits {
            return self.shift_constant(SHR, Bits::B64, SCRATCH, 32 + shift);
        }
        // The factor has a 33rd bit: q = ((n - t) / 2 + t) >> (shift - 1), t the product's high half.
        self.shift_constant(SHR, Bits::B64, SCRATCH, 32);
        self.alu_place(SUB, Bits::B32, SCRATCH_TOO, SCRATCH);
        self.shift_constant(SHR, Bits::B32, SCRATCH_TOO, 1);
        self.alu_place(ADD, Bits::B32, SCRATCH, SCRATCH_TOO);
        if shift > 1 {
            self.shift_constant(SHR, Bits::B32, SCRATCH, shift - 1);
        }
    }

    /// By the processor's division, which takes RDX:RAX and gives the quotient in RAX and the remainder in RDX.
    fn divide_by_register(&mut self, op: &Op, bits: Bits, alu: AluOp, dst: usize, src: Result<usize, u64>) {
        self.settle_at(bits, dst);
        if let Ok(from) = src {
            self.settle_at(bits, from);
        }
        let dividend = self.register(dst);
        let divisor = src.map(|from| self.register(from));
        let to = self.write(op, dst);
        // What the processor's two registers hold is kept in the scratch ones; the divisor is read from there.
        let divisor = match divisor {
            Ok(RAX) => SCRATCH,
            Ok(RDX) => SCRATCH_TOO,
            Ok(register) => register,
            Err(_) => SCRATCH,
        };
        let by_constant = src.err();
        let keep_rax = by_constant.is_none() && (divisor == SCRATCH || to != RAX && self.is_needed(RAX));
        let keep_rdx = divisor == SCRATCH_TOO || to != RDX && self.is_needed(RDX);
        if keep_rax {
            self.copy(Bits::B64, SCRATCH, RAX);
        }
        if keep_rdx {
            self.copy(Bits::B64, SCRATCH_TOO, RDX);
        }
        if let Some(constant) = by_constant {
            return self.divide_constant_slowly(bits, alu, dividend, constant, to);
        }
        self.copy(bits, RAX, dividend);
        self.guarded_division(bits, alu, divisor);
        self.place_result(bits, alu, to, SCRATCH);
    }

    /// The rare constants (signed, wide) go through a register too. RAX is kept on the machine's stack, there being
    /// no third scratch register: nothing in between uses that stack.
    fn divide_constant_slowly(
        &mut self,
        bits: Bits,
        alu: AluOp,
        dividend: Register,
        constant: u64,
        to: Register,
    ) {
        const PUSH_RAX: u8 = 0x50;
        const POP_R11: [u8; 2] = [0x41, 0x5b];
        self.assembler.push_bytes(&[PUSH_RAX]);
        self.copy(bits, RAX, dividend);
        self.load_constant(SCRATCH, if bits == Bits::B32 { u64::from(constant as u32) } else { constant });
        self.guarded_division(bits, alu, SCRATCH);
        self.assembler.push_bytes(&POP_R11);
        self.place_result(bits, alu, to, SCRATCH);
    }

    /// RAX and RDX from RAX and `divisor`, whatever they are.
    fn guarded_division(&mut self, bits: Bits, alu: AluOp, divisor: Register) {
        let (by_zero, done) = (self.assembler.label(), self.assembler.label());
        let is_signed = matches!(alu, AluOp::SDiv | AluOp::SMod);
        self.with(TEST, bits, divisor, divisor);
        self.assembler.branch(Cond::Equal, by_zero);
        if is_signed {
            let ordinary = self.assembler.label();
            self.alu_constant(CMP, bits, divisor, -1);
            self.assembler.branch(Cond::NotEqual, ordinary);
            self.push(GROUP3, bits, 3, RAX, Imm::None);
            self.with(alu_store(XOR), Bits::B32, RDX, RDX);
            self.assembler.jump(done);
            self.assembler.bind(ordinary);
            self.assembler.push_bytes(if bits == Bits::B64 { &[0x48, 0x99] } else { &[0x99] });
            self.push(GROUP3, bits, 7, divisor, Imm::None);
        } else {
            if bits == Bits::B64 && self.passes().has(Passes::DIVISION) {
                self.divide_short(divisor, done);
            }
            self.with(alu_store(XOR), Bits::B32, RDX, RDX);
            self.push(GROUP3, bits, 6, divisor, Imm::None);
        }
        self.assembler.jump(done);
        self.assembler.bind(by_zero);
        match alu {
            AluOp::Div | AluOp::SDiv => self.with(alu_store(XOR), Bits::B32, RAX, RAX),
            _ if bits == Bits::B32 => self.zero_extend(RDX, RAX),
            _ => self.copy(Bits::B64, RDX, RAX),
        }
        self.assembler.bind(done);
    }

    /// Divides 32 bits where both numbers have no more, which takes half the time.
    fn divide_short(&mut self, divisor: Register, done: Label) {
        let long = self.assembler.label();
        self.copy(Bits::B64, RDX, RAX);
        self.alu_place(OR, Bits::B64, RDX, divisor);
        self.shift_constant(SHR, Bits::B64, RDX, 32);
        self.assembler.branch(Cond::NotEqual, long);
        self.push(GROUP3, Bits::B32, 6, divisor, Imm::None);
        self.assembler.jump(done);
        self.assembler.bind(long);
    }

    /// Moves the result to `to` and gives RAX and RDX back.
    fn place_result(&mut self, bits: Bits, alu: AluOp, to: Register, kept_rax: Register) {
        let result = if matches!(alu, AluOp::Div | AluOp::SDiv) { RAX } else { RDX };
        // A negated or untouched dividend of 32 bits is zero-extended already.
        self.copy(bits, to, result);
        if to != RAX && self.is_needed(RAX) {
            self.copy(Bits::B64, RAX, kept_rax);
        }
        if to != RDX && self.is_needed(RDX) {
            self.copy(Bits::B64, RDX, SCRATCH_TOO);
        }
    }
}

/// What to multiply by instead of dividing by a number of 32 bits that is no power of two.
struct Magic {
    factor: u32,
    shift: u8,
    needs_33_bits: bool,
}

impl Magic {
    fn of(divisor: u32) -> Self {
        let shift = (32 - (divisor - 1).leading_zeros()) as u8;
        // ceil(2^(32 + shift) / divisor), which has 33 bits.
        let factor = ((1u128 << (32 + shift)) / u128::from(divisor) + 1) as u64;
        // Half of it may do: the error must stay below 2^(shift - 1).
        let (half, less) = (((1u128 << (31 + shift)) / u128::from(divisor) + 1) as u64, shift - 1);
        let error = u128::from(half) * u128::from(divisor) - (1u128 << (31 + shift));
        if half >> 32 == 0 && error <= 1u128 << less {
            Self { factor: half as u32, shift: less, needs_33_bits: false }
        } else {
            Self { factor: factor as u32, shift, needs_33_bits: true }
        }
    }
}
