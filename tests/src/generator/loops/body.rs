//! What happens in loops.

use kernel_bpf::insn::{AluOp, Condition, Insn, Operand, Size, Width};

use super::{ARRAY, Loops, Role, SUMS};
use crate::assembler::{add, alu64, copy, load, r, set, store};

impl Loops {
    pub(super) fn statements(&mut self, count: usize) {
        for _ in 0..count {
            match self.random.below(24) {
                0..=2 => self.arithmetic(),
                3 | 4 => self.sum(),
                5 | 6 => self.array(),
                7 => self.guarded_array(),
                8 | 9 => self.walk(),
                10 | 11 => self.packet(),
                12 | 13 => self.diamond(),
                14 => self.copies(),
                15 => self.spill(),
                16 => self.leave(),
                17 => self.call_helper(),
                18 => self.call_function(),
                19 => self.way_in(),
                20 => self.extend(),
                21 => self.restart(),
                _ => self.repeat(),
            }
        }
    }

    pub(super) fn arithmetic(&mut self) {
        let (dst, src, width) = (self.temporary(), self.operand(), self.width());
        use AluOp::{Add, And, Arsh, Lsh, Mov, Mul, Or, Rsh, Sub, Xor};
        let op = *self.random.pick(&[Add, Add, Add, Sub, Sub, Mul, And, Or, Xor, Lsh, Rsh, Arsh, Mov]);
        let src = match (op, src) {
            (Lsh | Rsh | Arsh, Operand::Imm(imm)) => Operand::Imm(imm & 7),
            (_, src) => src,
        };
        self.push(Insn::Alu { width, op, dst: r(dst), src });
    }

    /// Adds to something on the stack.
    fn sum(&mut self) {
        let (register, number) = (self.temporary(), self.number());
        let place = SUMS + 8 * self.random.below(4) as i16;
        let size = if self.one_in(4) { Size::W } else { Size::DW };
        self.push(load(size, register, 10, place));
        let added = if self.one_in(2) { Operand::Reg(r(number)) } else { Operand::Imm(1) };
        let width = self.width();
        self.push(Insn::Alu { width, op: AluOp::Add, dst: r(register), src: added });
        self.push(store(size, 10, place, register));
    }

    /// The array on the stack, or bytes elsewhere, at a number: masked, or as the loop has it.
    fn array(&mut self) {
        let (index, pointer, number) = (1, 2, self.number());
        self.push(copy(index, number));
        if !self.one_in(3) {
            let mask = *self.random.pick(&[1, 3, 7, 15, 31, 63, 120, 127]);
            self.push(alu64(AluOp::And, index, Operand::Imm(mask)));
        }
        self.access_at(index, pointer);
    }

    /// The same, in front of which the number is compared.
    fn guarded_array(&mut self) {
        let (index, pointer, number, skip) = (1, 2, self.number(), self.code.label());
        self.push(copy(index, number));
        let compared = if self.one_in(2) { index } else { number };
        let bound = *self.random.pick(&[0, 1, 7, 15, 40, 100, 127]);
        let condition = *self.random.pick(&[Condition::Gt, Condition::Ge, Condition::SGt]);
        let width = self.width();
        self.code.branch(width, condition, r(compared), Operand::Imm(bound), skip);
        self.access_at(index, pointer);
        self.code.place(skip);
        self.push(set(pointer, 1));
    }

    fn access_at(&mut self, index: u8, pointer: u8) {
        let shift = self.random.below(4) as i32;
        // The stack is accessed at multiples of the size only.
        let size = [Size::B, Size::H, Size::W, Size::DW][shift as usize];
        let size = if self.one_in(8) { Size::W } else { size };
        if shift > 0 && !self.one_in(8) {
            self.push(alu64(AluOp::Lsh, index, Operand::Imm(shift)));
        }
        let (role, elsewhere) = (self.roles[2], self.one_in(2));
        let place = match role {
            Role::Bytes(len) if elsewhere => {
                self.push(copy(pointer, 8));
                self.random.below(len as usize / 2) as i16 & -8
            }
            _ => {
                self.push(copy(pointer, 10));
                ARRAY.0 + if self.one_in(3) { 8 } else { 0 }
            }
        };
        self.push(alu64(AluOp::Add, pointer, Operand::Reg(r(index))));
        if self.one_in(2) {
            self.push(load(size, index, pointer, place));
        } else {
            let number = if self.one_in(2) { 3 } else { 4 };
            self.push(store(size, pointer, place, number));
            self.push(set(index, 1));
        }
        self.push(set(pointer, 2));
    }

    /// Moves a pointer on, or uses it where it is.
    fn walk(&mut self) {
        let Role::Bytes(len) = self.roles[2] else { return self.arithmetic() };
        let register = self.temporary();
        match self.random.below(4) {
            0 | 1 => {
                let size = *self.random.pick(&[Size::B, Size::W, Size::DW]);
                self.push(load(size, register, 8, 0));
                let step = *self.random.pick(&[1, 1, 4, 8, -1]);
                self.push(add(8, step));
            }
            2 => {
                let place = self.random.below(len as usize) as i16;
                self.push(load(Size::B, register, 8, place));
            }
            // A limit by another pointer, of the same object.
            _ if len == ARRAY.1 => {
                let skip = self.code.label();
                self.push(copy(5, 10));
                self.push(add(5, i32::from(ARRAY.0 + ARRAY.1)));
                self.code.branch(Width::W64, Condition::Ge, r(8), Operand::Reg(r(5)), skip);
                self.push(load(Size::B, register, 8, 0));
                self.push(add(8, 1));
                self.code.place(skip);
                self.push(set(5, 0));
            }
            _ => {}
        }
    }

    /// Looks at the packet where it is long enough, and may move on in it.
    fn packet(&mut self) {
        if self.roles[2] != Role::Packet {
            return self.arithmetic();
        }
        let (probe, len, skip) = (4, 1 + self.random.below(8) as i32, self.code.label());
        if self.one_in(3) {
            // A copy is moved by a number that is not known.
            let number = self.number();
            self.push(copy(5, number));
            self.push(alu64(AluOp::And, 5, Operand::Imm(15)));
            self.push(copy(3, 8));
            self.push(alu64(AluOp::Add, 3, Operand::Reg(r(5))));
        } else {
            self.push(copy(3, 8));
        }
        self.push(copy(probe, 3));
        self.push(add(probe, len));
        let condition = if self.one_in(4) { Condition::Ge } else { Condition::Gt };
        self.code.branch(Width::W64, condition, r(probe), Operand::Reg(r(7)), skip);
        let base = if self.one_in(3) { 8 } else { 3 };
        let place = self.random.below(len as usize) as i16;
        self.push(load(Size::B, 1, base, place));
        match self.random.below(6) {
            0 | 1 => self.push(add(8, len)),
            2 => self.push(copy(8, 3)),
            3 => self.push(copy(8, 4)),
            _ => {}
        }
        if self.one_in(5) {
            self.push(load(Size::B, 1, 8, 0));
        }
        self.code.place(skip);
        self.push(set(3, 3));
        self.push(set(probe, 4));
    }

    fn diamond(&mut self) {
        let (other, end) = (self.code.label(), self.code.label());
        let (width, condition, number, operand) =
            (self.width(), self.condition(), self.number(), self.operand());
        self.code.branch(width, condition, r(number), operand, other);
        let (dst, one, two) = (self.temporary(), self.random.below(9) as i32, self.random.below(9) as i32);
        let op = if self.one_in(3) { AluOp::Mov } else { AluOp::Add };
        self.push(alu64(op, dst, Operand::Imm(one)));
        self.code.jump(end).place(other);
        self.push(alu64(op, dst, Operand::Imm(two)));
        if self.one_in(4) {
            self.statements(1);
        }
        self.code.place(end);
    }

    /// Copies a number, changes one of the two by a constant, and compares one of them.
    fn copies(&mut self) {
        let (number, twin, skip) = (self.number(), self.temporary(), self.code.label());
        let width = self.width();
        self.push(Insn::Alu { width, op: AluOp::Mov, dst: r(twin), src: Operand::Reg(r(number)) });
        let (width, by) = (self.width(), self.random.below(17) as i32 - 8);
        self.push(Insn::Alu { width, op: AluOp::Add, dst: r(twin), src: Operand::Imm(by) });
        let (width, condition, operand) = (self.width(), self.condition(), self.operand());
        self.code.branch(width, condition, r(twin), operand, skip);
        self.statements(1);
        self.code.place(skip);
    }

    fn spill(&mut self) {
        let (number, register) = (self.number(), self.temporary());
        self.store_sum(number);
        if self.one_in(2) {
            self.arithmetic();
        }
        let size = *self.random.pick(&[Size::DW, Size::W, Size::W, Size::B]);
        let part = if size == Size::W && self.one_in(3) { 4 } else { 0 };
        let sum = self.random.below(4) as i16;
        self.push(load(size, register, 10, SUMS + 8 * sum + part));
    }

    /// Leaves a loop early, or goes on with its next trip.
    fn leave(&mut self) {
        if self.around.is_empty() {
            return self.arithmetic();
        }
        let (end, next) = *self.random.pick(&self.around);
        let (width, condition, number, operand) =
            (self.width(), self.condition(), self.number(), self.operand());
        let label = if self.one_in(2) { end } else { next };
        self.code.branch(width, condition, r(number), operand, label);
    }

    fn call_function(&mut self) {
        let known = self.functions.len();
        let again = known > 0 && self.one_in(2);
        if self.is_called || (known == 2 && !again) {
            return self.call_helper();
        }
        let number = self.number();
        self.push(copy(1, number));
        let label = if again { *self.random.pick(&self.functions) } else { self.code.label() };
        if !again {
            self.functions.push(label);
        }
        self.code.call(label);
        self.refresh(1);
    }

    /// A jump to the middle of a loop that is still to come.
    fn way_in(&mut self) {
        if self.way_in.is_some() || !self.one_in(3) {
            return self.arithmetic();
        }
        let label = self.code.label();
        self.way_in = Some(label);
        let (width, condition, number, operand) =
            (self.width(), self.condition(), self.number(), self.operand());
        self.code.branch(width, condition, r(number), operand, label);
    }

    pub(super) fn enter_in_the_middle(&mut self) {
        if let Some(label) = self.way_in.take() {
            self.code.place(label);
        }
    }

    fn extend(&mut self) {
        let (dst, src, width) = (self.temporary(), self.number(), self.width());
        let from = *self.random.pick(&[Size::B, Size::H, Size::W]);
        let from = if width == Width::W32 && from == Size::W { Size::H } else { from };
        self.push(Insn::MovSx { width, dst: r(dst), src: r(src), from });
    }

    /// Changes a counter: then perhaps the loop has no end.
    fn restart(&mut self) {
        if !self.one_in(3) {
            return self.arithmetic();
        }
        let Some(role) = self.roles.iter().position(|role| *role == Role::Counter) else { return };
        let by = self.random.below(5) as i32 - 1;
        self.push(add(6 + role as u8, by));
    }
}
