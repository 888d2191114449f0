//! Values that need not be in their registers yet.
//!
//! Each virtual register has a home. Its value is there, or is a constant, or an expression of other registers of
//! the machine that is computed when something needs it. Two rules keep that sound:
//! 1. Before a register of the machine changes, every live expression that reads it is computed ([`Lowering::release`]).
//! 2. An expression reads only homes whose own values read no other home, so computing one never needs another
//!    home's old contents that are gone ([`Lowering::define`]).

use super::emit::shift;
use super::homes::SCRATCH;
use super::{Lowering, set_of};
use crate::insn::Width;
use crate::jit::Passes;
use crate::jit::flow::{Op, Set, VIRTUALS};
use crate::jit::x86_64::form::{MOV_STORE, RORX};
use crate::jit::x86_64::{Address, Bits, Imm, Instruction, RAX, Register};

/// What a virtual register holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    /// What is in its home.
    Home,
    /// A number.
    Constant(u64),
    /// A computation.
    Later(Expression),
}

/// A computation over registers of the machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Expression {
    /// The same.
    Copy(Register),
    /// The low half.
    Low(Register),
    /// `base + index * 2^shift + disp`, of this width.
    Sum(Bits, Register, Option<(Register, u8)>, i32),
    /// Left shift by a constant that is not 0.
    Left(Bits, Register, u8),
    /// Logical right shift by a constant that is not 0.
    Right(Bits, Register, u8),
    /// Left rotation by a constant that is not 0.
    Rotated(Bits, Register, u8),
}

impl Expression {
    pub(super) fn reads(&self, register: Register) -> bool {
        match *self {
            Self::Copy(one)
            | Self::Low(one)
            | Self::Left(_, one, _)
            | Self::Right(_, one, _)
            | Self::Rotated(_, one, _) => one == register,
            Self::Sum(_, one, other, _) => {
                one == register || other.is_some_and(|(other, _)| other == register)
            }
        }
    }
}

pub(super) const fn bits_of(width: Width) -> Bits {
    match width {
        Width::W32 => Bits::B32,
        Width::W64 => Bits::B64,
    }
}

impl Lowering<'_> {
    pub(super) const fn home(&self, number: usize) -> Register {
        self.homes[number]
    }

    fn is_live(&self, number: usize) -> bool {
        self.live & set_of(number) != 0
    }

    /// Whether the value of `number` reads a register other than its own home.
    fn reads_others(&self, number: usize) -> bool {
        let Value::Later(expression) = self.values[number] else { return false };
        self.others_read(number, &expression)
    }

    fn others_read(&self, number: usize, expression: &Expression) -> bool {
        let own = self.home(number);
        match *expression {
            Expression::Sum(_, one, other, _) => one != own || other.is_some_and(|(other, _)| other != own),
            Expression::Copy(one)
            | Expression::Low(one)
            | Expression::Left(_, one, _)
            | Expression::Right(_, one, _)
            | Expression::Rotated(_, one, _) => one != own,
        }
    }

    pub(super) fn set_value(&mut self, number: usize, value: Value) {
        self.values[number] = value;
        let own = set_of(number);
        self.later &= !own;
        self.constants &= !own;
        match value {
            Value::Home => {}
            Value::Later(_) => self.later |= own,
            Value::Constant(_) => self.constants |= own,
        }
    }

    /// Computes every live value but that of `except` that reads `register`, which is about to change.
    pub(super) fn release(&mut self, register: Register, except: usize) {
        let mut rest = self.later & !set_of(except);
        while rest != 0 {
            let number = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            let Value::Later(expression) = self.values[number] else { continue };
            if expression.reads(register) {
                if self.is_live(number) {
                    self.materialize(number);
                } else {
                    self.set_value(number, Value::Home);
                }
            }
        }
    }

    /// Puts the value of `number` into its home.
    pub(super) fn materialize(&mut self, number: usize) {
        let value = self.values[number];
        if value != Value::Home {
            self.set_value(number, Value::Home);
            let home = self.home(number);
            self.release(home, number);
            self.compute(value, home);
        }
    }

    fn compute(&mut self, value: Value, to: Register) {
        match value {
            Value::Home => {}
            Value::Constant(value) => self.load_constant(to, value),
            Value::Later(expression) => self.evaluate(expression, to),
        }
    }

    fn evaluate(&mut self, expression: Expression, to: Register) {
        match expression {
            Expression::Copy(from) => self.copy(Bits::B64, to, from),
            Expression::Low(from) => self.with(MOV_STORE, Bits::B32, from, to),
            Expression::Sum(bits, base, index, disp) => self.evaluate_sum(bits, base, index, disp, to),
            Expression::Left(bits, from, count) => self.shifted(shift::SHL, bits, from, count, to),
            Expression::Right(bits, from, count) => self.shifted(shift::SHR, bits, from, count, to),
            Expression::Rotated(bits, from, count) if from != to && self.has_bmi2() => {
                let width = if bits == Bits::B32 { 32 } else { 64 };
                let imm = Imm::I8((width - count) as i8);
                let (reg, place) = (to.number(), from.into());
                self.assembler.push(&Instruction { form: RORX, bits, reg, place, third: 0, imm });
            }
            Expression::Rotated(bits, from, count) => self.shifted(shift::ROL, bits, from, count, to),
        }
    }

    fn shifted(&mut self, digit: u8, bits: Bits, from: Register, count: u8, to: Register) {
        if digit == shift::SHL && count == 1 && from != to && self.passes().has(Passes::LEA) {
            return self.lea(bits, to, Address { base: Some(from), index: Some((from, 0)), disp: 0 });
        }
        self.copy(bits, to, from);
        self.shift_constant(digit, bits, to, count);
    }

    fn evaluate_sum(
        &mut self,
        bits: Bits,
        base: Register,
        index: Option<(Register, u8)>,
        disp: i32,
        to: Register,
    ) {
        use super::emit::op::ADD;
        match index {
            None if base == to => self.alu_constant(ADD, bits, to, disp),
            Some((other, 0)) if base == to && disp == 0 => self.alu_place(ADD, bits, to, other),
            Some((other, 0)) if other == to && disp == 0 => self.alu_place(ADD, bits, to, base),
            _ => self.lea(bits, to, Address { base: Some(base), index, disp }),
        }
    }

    /// Makes the value of `number` readable in some register of the machine.
    pub(super) fn settle(&mut self, number: usize) {
        if !matches!(self.values[number], Value::Home | Value::Later(Expression::Copy(_))) {
            self.materialize(number);
        }
    }

    /// The same for a reader of the low half only.
    pub(super) fn settle_low(&mut self, number: usize) {
        if !matches!(self.values[number], Value::Later(Expression::Low(_))) {
            self.settle(number);
        }
    }

    pub(super) fn settle_at(&mut self, bits: Bits, number: usize) {
        if bits == Bits::B64 {
            self.settle(number);
        } else {
            self.settle_low(number);
        }
    }

    /// The register that holds a settled value.
    pub(super) const fn register(&self, number: usize) -> Register {
        match self.values[number] {
            Value::Later(Expression::Copy(register) | Expression::Low(register)) => register,
            _ => self.homes[number],
        }
    }

    /// Whether something live is in `register`.
    pub(super) fn is_needed(&self, register: Register) -> bool {
        (0..VIRTUALS).any(|number| {
            self.is_live(number)
                && match self.values[number] {
                    Value::Home => self.home(number) == register,
                    Value::Constant(_) => false,
                    Value::Later(expression) => expression.reads(register),
                }
        })
    }

    /// Makes the home of `number` ready to be written by `op`, all operands having been read.
    pub(super) fn write(&mut self, op: &Op, number: usize) -> Register {
        self.live = op.live_after & !set_of(number);
        let home = self.home(number);
        self.release(home, number);
        self.set_value(number, Value::Home);
        home
    }

    /// The result of `op` is `expression`, computed when it is needed.
    pub(super) fn define(&mut self, op: &Op, number: usize, expression: Expression) {
        self.live = op.live_after & !set_of(number);
        if !self.passes().has(Passes::COPIES) {
            return self.compute_at_once(op, number, expression);
        }
        let mut rest = self.later & !set_of(number);
        while rest != 0 {
            let other = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            if expression.reads(self.home(other)) && self.reads_others(other) {
                if self.is_live(other) {
                    return self.compute_at_once(op, number, expression);
                }
                self.set_value(other, Value::Home);
            }
        }
        if self.others_read(number, &expression) {
            let home = self.home(number);
            self.release(home, number);
        }
        self.set_value(number, Value::Later(expression));
    }

    fn compute_at_once(&mut self, op: &Op, number: usize, expression: Expression) {
        let home = self.home(number);
        // Writing the home may first compute values into homes that the expression reads.
        if self.passes().has(Passes::COPIES) {
            self.evaluate(expression, SCRATCH);
            let to = self.write(op, number);
            self.copy(Bits::B64, to, SCRATCH);
        } else {
            self.set_value(number, Value::Home);
            self.evaluate(expression, home);
        }
    }

    pub(super) fn define_constant(&mut self, op: &Op, number: usize, value: u64) {
        self.live = op.live_after & !set_of(number);
        self.set_value(number, Value::Constant(value));
        if !self.passes().has(Passes::COPIES) {
            self.materialize(number);
        }
    }

    /// The result of `op` is the value of another register.
    pub(super) fn define_copy(&mut self, op: &Op, number: usize, from: usize) {
        match self.values[from] {
            _ if number == from => {}
            Value::Constant(value) => self.define_constant(op, number, value),
            Value::Later(expression) if op.live_after & set_of(from) == 0 => {
                self.define(op, number, expression)
            }
            // A sum that becomes a part of itself: it is computed where it is a part, and the other is the copy.
            Value::Later(expression @ Expression::Sum(..)) if expression.reads(self.home(number)) => {
                self.set_value(number, Value::Home);
                self.live = op.live_after & !set_of(number) & !set_of(from);
                let home = self.home(number);
                self.set_value(from, Value::Home);
                self.release(home, number);
                self.evaluate(expression, home);
                self.set_value(from, Value::Later(Expression::Copy(home)));
            }
            _ => {
                self.settle(from);
                self.define(op, number, Expression::Copy(self.register(from)));
            }
        }
    }

    /// Computes the values of these registers: a block ends.
    pub(super) fn flush(&mut self, registers: Set) {
        self.live |= registers;
        let mut rest = registers & (self.later | self.constants);
        while rest != 0 {
            self.materialize(rest.trailing_zeros() as usize);
            rest &= rest - 1;
        }
    }

    pub(super) fn materialize_result(&mut self) {
        self.materialize(0);
        debug_assert_eq!(self.home(0), RAX);
    }

    pub(super) fn has_bmi2(&self) -> bool {
        self.target.features.bmi2 && self.passes().has(Passes::BMI2)
    }
}
