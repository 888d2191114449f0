//! Arithmetic, and the many ways to bound a number.

use kernel_bpf::insn::{AluOp, ByteOrder, Condition, Insn, Operand, Size, Width};

use super::{Generator, Kind};
use crate::assembler::{Label, alu64, copy, helper, r, set, wide};

const OPERATORS: [AluOp; 14] = [
    AluOp::Add,
    AluOp::Sub,
    AluOp::Mul,
    AluOp::Div,
    AluOp::SDiv,
    AluOp::Or,
    AluOp::And,
    AluOp::Lsh,
    AluOp::Rsh,
    AluOp::Mod,
    AluOp::SMod,
    AluOp::Xor,
    AluOp::Mov,
    AluOp::Arsh,
];

const CONDITIONS: [Condition; 11] = [
    Condition::Eq,
    Condition::Ne,
    Condition::Set,
    Condition::Gt,
    Condition::Ge,
    Condition::Lt,
    Condition::Le,
    Condition::SGt,
    Condition::SGe,
    Condition::SLt,
    Condition::SLe,
];

impl Generator {
    pub(super) fn width(&mut self) -> Width {
        *self.random.pick(&[Width::W32, Width::W64])
    }

    pub(super) fn condition(&mut self) -> Condition {
        *self.random.pick(&CONDITIONS)
    }

    /// One instruction on a number.
    pub(super) fn arithmetic(&mut self) {
        let register = self.number();
        let locked = self.scope.locked >> register & 1 != 0 && !self.errs();
        let dst = if locked { self.copied(register) } else { register };
        let insn = match self.random.below(8) {
            0 => Insn::Neg { width: self.width(), dst: r(dst) },
            1 => {
                let order = *self.random.pick(&[ByteOrder::ToLittle, ByteOrder::ToBig, ByteOrder::Swap]);
                Insn::Swap { order, dst: r(dst), size: *self.random.pick(&[Size::H, Size::W, Size::DW]) }
            }
            2 => self.sign_extension(dst),
            _ => self.operation(dst),
        };
        self.push(insn);
        self.know(dst, Kind::NUMBER);
    }

    fn sign_extension(&mut self, dst: u8) -> Insn {
        let (width, src) = (self.width(), self.number());
        let from = match width {
            Width::W32 => *self.random.pick(&[Size::B, Size::H]),
            Width::W64 => *self.random.pick(&[Size::B, Size::H, Size::W]),
        };
        Insn::MovSx { width, dst: r(dst), src: r(src), from }
    }

    fn operation(&mut self, dst: u8) -> Insn {
        let (width, op) = (self.width(), *self.random.pick(&OPERATORS));
        let src = match (op, self.operand()) {
            (AluOp::Lsh | AluOp::Rsh | AluOp::Arsh, Operand::Imm(imm)) => {
                Operand::Imm(if width == Width::W32 { imm & 31 } else { imm & 63 })
            }
            (AluOp::Div | AluOp::SDiv | AluOp::Mod | AluOp::SMod, Operand::Imm(0)) => Operand::Imm(-1),
            (_, operand) => operand,
        };
        Insn::Alu { width, op, dst: r(dst), src }
    }

    /// A number in a register that may be written, with the same value as `register`.
    pub(super) fn copied(&mut self, register: u8) -> u8 {
        let other = self.free();
        self.push(copy(other, register));
        self.know(other, self.kind_of(register));
        other
    }

    /// A constant in a register.
    pub(super) fn constant(&mut self) {
        let (register, number) = (self.free(), self.wide_number());
        let insn = if self.one_in(2) { wide(register, number) } else { set(register, number as i32) };
        self.push(insn);
        self.know(register, Kind::NUMBER);
    }

    /// A number nobody knows: from a helper.
    pub(super) fn unknown(&mut self) -> u8 {
        let id = *self.random.pick(&[5, 7, 7, 8]);
        self.push(helper(id));
        self.lose_arguments();
        self.know(0, Kind::NUMBER);
        self.copied(0)
    }

    /// A register with a number of at most `limit`, in one of the ways that need no branch.
    pub(super) fn bounded(&mut self, limit: u32) -> u8 {
        if let Some(register) = self.holding(|kind| matches!(kind, Kind::Number(Some(most)) if most <= limit))
        {
            return register;
        }
        let number = self.number();
        let register = self.copied(number);
        let mask = (limit + 1).next_power_of_two() / 2;
        let mask = if limit & (limit + 1) == 0 { limit } else { mask.max(1) - 1 };
        let err = i32::from(self.errs());
        let imm = |number: u32| Operand::Imm(number as i32 + err);
        match self.random.below(5) {
            0 => self.push(alu64(AluOp::And, register, imm(mask))),
            1 => self.push(alu64(AluOp::Mod, register, imm(limit + 1))),
            2 => self.push(Insn::Alu {
                width: Width::W32,
                op: AluOp::Mod,
                dst: r(register),
                src: imm(limit + 1),
            }),
            3 => {
                let shift = (64 - mask.count_ones() as i32 - err).clamp(0, 63);
                self.push(alu64(AluOp::Rsh, register, Operand::Imm(shift)));
                if mask == 0 {
                    self.push(alu64(AluOp::And, register, Operand::Imm(0)));
                }
            }
            _ => self.push(Insn::Alu { width: Width::W32, op: AluOp::And, dst: r(register), src: imm(mask) }),
        }
        self.know(register, Kind::Number(Some(limit)));
        register
    }

    /// Branches to `skip` unless a number is at most `limit`; returns its register.
    pub(super) fn guarded(&mut self, limit: u32, skip: Label) -> u8 {
        let number = self.number();
        let register = self.copied(number);
        let width = self.width();
        if width == Width::W32 && !self.one_in(12) {
            self.push(Insn::Alu { width, op: AluOp::Mov, dst: r(register), src: Operand::Reg(r(register)) });
        }
        let bound = limit as i32 + if self.errs() { 1 } else { 0 };
        match self.random.below(6) {
            0 => self.leave_if(width, Condition::Gt, register, bound, skip),
            1 => self.leave_if(width, Condition::Ge, register, bound + 1, skip),
            2 => {
                let stay = self.code.label();
                self.leave_if(width, Condition::Lt, register, bound + 1, stay);
                self.code.jump(skip);
                self.code.place(stay);
            }
            3 => {
                self.leave_if(width, Condition::SGt, register, bound, skip);
                if !self.errs() {
                    self.leave_if(width, Condition::SLt, register, 0, skip);
                }
            }
            4 if limit & (limit + 1) == 0 => {
                self.leave_if(width, Condition::Set, register, !bound, skip);
            }
            _ => {
                let exact = self.random.below(limit as usize + 1) as i32;
                self.leave_if(width, Condition::Ne, register, exact, skip);
            }
        }
        self.know(register, Kind::Number(Some(limit)));
        register
    }

    /// A branch that compares with a constant, or with a register that holds it, from either side.
    fn leave_if(&mut self, width: Width, condition: Condition, register: u8, imm: i32, label: Label) {
        let other = self.free();
        if self.one_in(3) && other != register {
            self.push(set(other, imm));
            self.know(other, Kind::NUMBER);
            let (dst, src) = (r(register), r(other));
            match mirrored(condition) {
                Some(mirrored) if self.one_in(2) => {
                    self.code.branch(width, mirrored, src, Operand::Reg(dst), label);
                }
                _ => {
                    self.code.branch(width, condition, dst, Operand::Reg(src), label);
                }
            }
        } else {
            self.code.branch(width, condition, r(register), Operand::Imm(imm), label);
        }
    }
}

const fn mirrored(condition: Condition) -> Option<Condition> {
    Some(match condition {
        Condition::Gt => Condition::Lt,
        Condition::Ge => Condition::Le,
        Condition::Lt => Condition::Gt,
        Condition::Le => Condition::Ge,
        Condition::SGt => Condition::SLt,
        Condition::SGe => Condition::SLe,
        Condition::SLt => Condition::SGt,
        Condition::SLe => Condition::SGe,
        _ => return None,
    })
}
