//! Patterns that fooled verifiers before, with chance in their details: most are to be refused.

use kernel_bpf::insn::{AluOp, Condition, Immediate, Insn, Operand, Size, Width};

use super::{Generator, Kind};
use crate::assembler::{Label, add, alu64, copy, helper, load, map, r, set, store, store_imm};

const LOOKUP: u32 = 1;
/// Bytes of a value of map 0.
const LEN: u16 = 8;

impl Generator {
    /// One of them, where it does not harm what is locked.
    pub(super) fn trap(&mut self) {
        if self.scope.locked & 0b1_1100_0000 != 0 || self.mistakes + self.optimism == 0 {
            return;
        }
        match self.random.below(9) {
            0 => self.twice(),
            1 => self.kept_from_before(),
            2 => self.escape(),
            3 => self.somewhere_written(),
            4 => self.broken_pointer(),
            5 => self.written_on_one_path(),
            6 => self.this_or_that_lookup(),
            7 => self.this_or_that_place(),
            _ => self.lost_in_call(),
        }
        (6..9).for_each(|register| self.know(register, Kind::Nothing));
    }

    fn look_up(&mut self) {
        let imm = self.random.below(6) as i32;
        self.push(store_imm(Size::W, 10, -4, imm));
        self.push(copy(2, 10));
        self.push(add(2, -4));
        self.push(map(1, 0));
        self.push(helper(LOOKUP));
        self.scope.slots[63] = Kind::Nothing;
        self.lose_arguments();
    }

    /// Two lookups in one place: which of the results is compared, and which is used?
    fn twice(&mut self) {
        let (function, after, skip) = (self.code.label(), self.code.label(), self.code.label());
        for register in [6, 7] {
            self.code.call(function);
            self.push(copy(register, 0));
        }
        let (compared, used) = (*self.random.pick(&[6, 7]), *self.random.pick(&[6, 7]));
        self.code.branch(Width::W64, Condition::Eq, r(compared), Operand::Imm(0), skip);
        self.use_value(used);
        self.code.place(skip);
        self.lose_arguments();
        self.know(0, Kind::Nothing);
        self.later(after, |generator| {
            generator.code.place(function);
            generator.push(helper(7));
            generator.push(store(Size::W, 10, -4, 0));
            generator.push(copy(2, 10));
            generator.push(add(2, -4));
            generator.push(map(1, 0));
            generator.push(helper(LOOKUP));
            generator.push(Insn::Exit);
        });
    }

    /// A loop around a lookup, that uses the result of the round before.
    fn kept_from_before(&mut self) {
        self.push(set(6, 0));
        self.push(set(7, 0));
        self.push(set(8, 0));
        let (head, next, end) = (self.code.here(), self.code.label(), self.code.label());
        self.push(copy(7, 6));
        self.look_up();
        self.push(copy(6, 0));
        self.code.branch(Width::W64, Condition::Eq, r(8), Operand::Imm(0), next);
        let (compared, used) = (*self.random.pick(&[6, 7]), *self.random.pick(&[6, 7]));
        self.code.branch(Width::W64, Condition::Eq, r(compared), Operand::Imm(0), end);
        self.use_value(used);
        self.code.place(next);
        self.push(add(8, 1));
        self.code.branch(Width::W64, Condition::Lt, r(8), Operand::Imm(2), head);
        self.code.place(end);
        self.know(0, Kind::Nothing);
    }

    fn use_value(&mut self, register: u8) {
        let place = self.place(LEN, 1);
        self.access(register, place, Size::B, true);
    }

    /// A function that leaves the address of its stack behind, in r0 or on the caller's stack.
    fn escape(&mut self) {
        let (function, after) = (self.code.label(), self.code.label());
        self.push(store_imm(Size::DW, 10, -16, 7));
        self.push(copy(1, 10));
        self.push(add(1, -16));
        self.code.call(function);
        self.lose_arguments();
        let base = if self.one_in(2) {
            self.push(load(Size::DW, 6, 10, -16));
            6
        } else {
            0
        };
        let size = *self.random.pick(&[Size::B, Size::DW]);
        self.push(load(size, 0, base, -8));
        self.scope.slots[62] = Kind::Nothing;
        self.know(0, Kind::Nothing);
        self.later(after, |generator| {
            generator.code.place(function);
            generator.push(store_imm(Size::DW, 10, -8, 5));
            generator.push(store(Size::DW, 1, 0, 10));
            generator.push(copy(0, 10));
            generator.push(Insn::Exit);
        });
    }

    /// A store at an unknown place, and a load from one of the places it may have been.
    fn somewhere_written(&mut self) {
        let first = self.random.below(40) as i16 * 8 - 512;
        let index = self.unknown();
        self.push(alu64(AluOp::And, index, Operand::Imm(8)));
        self.push(alu64(AluOp::Add, index, Operand::Reg(r(10))));
        if self.one_in(2) {
            self.push(store(Size::DW, 10, first, 10));
        }
        self.know(index, Kind::Nothing);
        let size = self.size();
        self.push(store_imm(size, index, first, 1));
        self.push(load(size, 0, 10, first));
        let slot = (first + 512) as usize / 8;
        self.scope.slots[slot..slot + 2].fill(Kind::Nothing);
        self.know(0, Kind::NUMBER);
    }

    /// An address on the stack, of which a part is overwritten before it is used, or read as a number.
    fn broken_pointer(&mut self) {
        let (size, imm) = (*self.random.pick(&[Size::B, Size::H, Size::W]), self.imm());
        let place = self.random.below(8 / size.bytes()) * size.bytes();
        self.push(store(Size::DW, 10, -8, 10));
        if self.one_in(2) {
            self.push(store_imm(size, 10, -8 + place as i16, imm));
        }
        let place = self.random.below(8 / size.bytes()) * size.bytes();
        if self.one_in(2) {
            self.push(load(size, 0, 10, -8 + place as i16));
            self.know(0, Kind::NUMBER);
        } else {
            self.push(load(Size::DW, 6, 10, -8));
            self.push(store_imm(size, 6, -16, 1));
            self.scope.slots[62] = Kind::Nothing;
        }
        self.scope.slots[63] = Kind::Nothing;
    }

    /// A slot, or a register, that only one of two paths wrote, or to which they wrote different things.
    fn written_on_one_path(&mut self) {
        let slot = -8 * (20 + self.random.below(8) as i16);
        self.push(set(6, 0));
        self.two_paths(|generator| match generator.random.below(4) {
            0 => {}
            1 => {
                let size = *generator.random.pick(&[Size::W, Size::DW]);
                generator.push(store_imm(size, 10, slot, 3));
            }
            2 => generator.push(store(Size::DW, 10, slot, 10)),
            _ => generator.push(copy(6, 10)),
        });
        match self.random.below(4) {
            0 => self.push(load(Size::DW, 0, 10, slot)),
            1 => self.push(load(Size::B, 0, 10, slot)),
            2 => {
                self.push(load(Size::DW, 6, 10, slot));
                self.push(store_imm(Size::B, 6, -8, 1));
            }
            _ => self.push(store_imm(Size::B, 6, -8, 1)),
        }
        self.know(0, Kind::Nothing);
        self.scope.slots[63] = Kind::Nothing;
        self.scope.slots[(512 + slot) as usize / 8] = Kind::Nothing;
    }

    /// Two lookups, and on each of two paths one of the results is taken; one is compared, and what was taken
    /// is used.
    fn this_or_that_lookup(&mut self) {
        for register in [6, 7] {
            self.look_up();
            self.push(copy(register, 0));
        }
        self.two_paths(|generator| {
            let taken = *generator.random.pick(&[6, 7]);
            generator.push(copy(8, taken));
        });
        let (skip, compared) = (self.code.label(), *self.random.pick(&[6, 7, 8]));
        self.code.branch(Width::W64, Condition::Eq, r(compared), Operand::Imm(0), skip);
        self.use_value(8);
        self.code.place(skip);
        self.know(0, Kind::Nothing);
    }

    /// An address in an object, by fixed or variable distances that differ between two paths.
    fn this_or_that_place(&mut self) {
        let number = self.unknown();
        self.push(copy(6, number));
        let value = Immediate::MapValue { map: 3, offset: 0 };
        self.push(Insn::LoadImm { dst: r(7), value });
        let (on_stack, fixed) = (self.one_in(3), self.one_in(3));
        if on_stack {
            (0..4).for_each(|slot| self.push(store_imm(Size::DW, 10, -480 - 8 * slot, 1)));
        }
        self.two_paths(|generator| {
            let distance = *generator.random.pick(&[0, 8, 39, 40, 41, 47]);
            if on_stack {
                generator.push(copy(8, 10));
                generator.push(add(8, -464 - distance));
            } else if fixed {
                generator.push(copy(8, 7));
                generator.push(add(8, distance));
            } else {
                let mask = *generator.random.pick(&[1, 7, 31, 63]);
                generator.push(copy(8, 6));
                generator.push(alu64(AluOp::And, 8, Operand::Imm(mask)));
                generator.push(alu64(AluOp::Add, 8, Operand::Reg(r(7))));
            }
        });
        let size = if on_stack { Size::B } else { self.size() };
        let offset = if on_stack { -8 } else { 0 };
        self.access(8, offset, size, true);
        self.scope.slots[..4].fill(Kind::Nothing);
        self.know(0, Kind::Nothing);
    }

    /// A branch on anything; both paths are long enough for the verifier to remember where they meet.
    fn two_paths(&mut self, mut write: impl FnMut(&mut Self)) {
        let (other, end) = (self.code.label(), self.code.label());
        let condition = self.unknown();
        self.code.branch(Width::W64, Condition::Set, r(condition), Operand::Imm(1), other);
        for first in [true, false] {
            (0..8).for_each(|_| self.push(set(0, 0)));
            write(self);
            if first {
                self.code.jump(end).place(other);
            }
        }
        self.code.place(end);
        self.know(condition, Kind::Nothing);
    }

    /// A register that a call loses or keeps, or that a function has from its caller.
    fn lost_in_call(&mut self) {
        let (function, after) = (self.code.label(), self.code.label());
        let register = self.free();
        self.push(set(register, 1));
        self.code.call(function);
        self.push(copy(0, register));
        let inside = self.random.below(10) as u8;
        let writes = self.one_in(2);
        self.lose_arguments();
        self.know(0, Kind::NUMBER);
        self.later(after, |generator| {
            generator.code.place(function);
            if writes {
                generator.push(copy(inside, 10));
            }
            generator.push(copy(0, inside));
            generator.push(Insn::Exit);
        });
    }

    /// Writes a function here, which the code around it jumps over.
    fn later(&mut self, after: Label, write: impl FnOnce(&mut Self)) {
        self.code.jump(after);
        write(self);
        self.code.place(after);
    }
}
