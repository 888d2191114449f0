//! Programs that are mostly loops: counters that go up, down, by strides, in 32 bits, around the ends of numbers,
//! in registers and on the stack; pointers that move with them; ways in and out at the wrong places.
//!
//! r0 to r5 hold numbers at all times, so that arithmetic on them is never refused; r9 is the first argument.

mod body;
mod counter;

use kernel_bpf::context::ProgramKind;
use kernel_bpf::insn::{AluOp, Condition, Insn, Operand, Size, Width};

use super::Sample;
use crate::assembler::{Assembler, Label, add, alu64, copy, helper, load, r, set, store, store_imm, wide};
use crate::random::Random;

/// Deepest nesting.
const DEPTH: usize = 3;
/// Where an array on the stack begins, and its length.
const ARRAY: (i16, i16) = (-256, 128);
/// The first accumulator on the stack.
const SUMS: i16 = -512 + 8;

struct Loops {
    random: Random,
    code: Assembler,
    kind: ProgramKind,
    /// What r6 to r8 are for, from `registers[0]` on.
    roles: [Role; 3],
    /// Where the loops that are being written end, and where their next trips begin.
    around: Vec<(Label, Label)>,
    /// A place in a loop still to be written that a jump already leads to.
    way_in: Option<Label>,
    functions: Vec<Label>,
    /// Whether what is written is a function, which calls none.
    is_called: bool,
    slots_used: i16,
    fuel: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Number,
    Counter,
    /// To bytes, so many of them.
    Bytes(i16),
    Packet,
    PacketEnd,
}

/// The program of this seed.
#[must_use]
pub fn program(seed: u64) -> Sample {
    let mut random = Random::seeded(seed ^ 0x6c6f_6f70);
    let kind = *random.pick(&[ProgramKind::Xdp, ProgramKind::Syscall, ProgramKind::Memory { size: 64 }]);
    let fuel = 1 + random.below(6);
    let mut loops = Loops {
        random,
        code: Assembler::default(),
        kind,
        roles: [Role::Number; 3],
        around: Vec::new(),
        way_in: None,
        functions: Vec::new(),
        is_called: false,
        slots_used: 0,
        fuel,
    };
    loops.begin();
    while loops.fuel > 0 {
        loops.repeat();
        loops.statements(2);
    }
    loops.end();
    let insn_count = loops.code.len();
    loops.write_functions();
    Sample { text: loops.code.finish(), insn_count, kind, lengths: vec![0, 1, 8, 14, 34, 64] }
}

impl Loops {
    fn push(&mut self, insn: Insn) {
        self.code.push(insn);
    }

    fn one_in(&mut self, of: usize) -> bool {
        self.random.below(of) == 0
    }

    /// The first argument in r9, something in r6 to r8, numbers in the rest.
    fn begin(&mut self) {
        self.push(copy(9, 1));
        if self.kind == ProgramKind::Xdp && !self.one_in(3) {
            self.push(load(Size::W, 8, 9, 0));
            self.push(load(Size::W, 7, 9, 4));
            self.roles = [Role::Number, Role::PacketEnd, Role::Packet];
        } else {
            self.roles[2] = self.some_bytes(8);
        }
        for register in 6..9 {
            if self.roles[register as usize - 6] == Role::Number {
                self.number_in(register);
            }
        }
        let (start, len) = ARRAY;
        if self.one_in(2) {
            (0..len / 8).for_each(|index| self.push(store_imm(Size::DW, 10, start + 8 * index, 0)));
        }
        (0..4).for_each(|sum| self.push(store_imm(Size::DW, 10, SUMS + 8 * sum, 0)));
        self.refresh(0);
    }

    /// Leads `register` to bytes.
    fn some_bytes(&mut self, register: u8) -> Role {
        match self.random.below(4) {
            0 => {
                self.push(copy(register, 10));
                self.push(add(register, ARRAY.0.into()));
                Role::Bytes(ARRAY.1)
            }
            1 => {
                let value = kernel_bpf::insn::Immediate::MapValue { map: 3, offset: 0 };
                self.push(Insn::LoadImm { dst: r(register), value });
                Role::Bytes(48)
            }
            2 => {
                let value = kernel_bpf::insn::Immediate::MapValue { map: 4, offset: 0 };
                self.push(Insn::LoadImm { dst: r(register), value });
                Role::Bytes(300)
            }
            _ if matches!(self.kind, ProgramKind::Memory { .. }) => {
                self.push(copy(register, 9));
                Role::Bytes(64)
            }
            _ => Role::Number,
        }
    }

    /// Puts numbers into r0, or r1, to r5.
    fn refresh(&mut self, from: u8) {
        (from..6).for_each(|register| self.number_in(register));
    }

    /// A constant, a number that is not known, or a copy of one.
    fn number_in(&mut self, register: u8) {
        match self.random.below(6) {
            0 | 1 => {
                let number = self.random.below(20) as i32 - 4;
                self.push(set(register, number));
            }
            2 => {
                let number = self.edge();
                self.push(wide(register, number));
            }
            3 if self.roles[0] == Role::Number
                && register != 6
                && register > 0
                && !self.around.is_empty() =>
            {
                self.push(copy(register, 6));
            }
            _ => self.unknown_in(register),
        }
    }

    fn unknown_in(&mut self, register: u8) {
        let size = *self.random.pick(&[Size::B, Size::H, Size::W, Size::DW]);
        match self.kind {
            ProgramKind::Xdp => self.push(load(Size::W, register, 9, 12)),
            ProgramKind::Memory { .. } => self.push(load(size, register, 9, 8)),
            _ => {
                let value = kernel_bpf::insn::Immediate::MapValue { map: 3, offset: 8 };
                self.push(Insn::LoadImm { dst: r(register), value });
                self.push(load(size, register, register, 0));
            }
        }
        if self.one_in(2) {
            let mask = *self.random.pick(&[1, 3, 7, 15, 31, 63, 0xff, 0xffff, 0x7fff_ffff, -2]);
            self.push(alu64(AluOp::And, register, Operand::Imm(mask)));
        }
        if self.one_in(4) {
            let by = self.random.below(9) as i32 - 4;
            self.push(add(register, by));
        }
    }

    fn edge(&mut self) -> u64 {
        const EDGES: [u64; 9] = [
            0,
            1 << 31,
            1 << 32,
            1 << 63,
            0x7fff_ffff,
            0xffff_ffff,
            u64::MAX,
            1 << 40,
            0x8000_0000_0000_0010,
        ];
        self.random.pick(&EDGES).wrapping_add(self.random.number() % 23).wrapping_sub(11)
    }

    fn width(&mut self) -> Width {
        if self.one_in(3) { Width::W32 } else { Width::W64 }
    }

    fn condition(&mut self) -> Condition {
        use Condition::{Eq, Ge, Gt, Le, Lt, Ne, SGe, SGt, SLe, SLt, Set};
        *self.random.pick(&[Eq, Ne, Set, Gt, Ge, Lt, Le, SGt, SGe, SLt, SLe])
    }

    /// r0 to r5, or a number in r6 to r8.
    fn number(&mut self) -> u8 {
        let register = self.random.below(9) as u8;
        match register.checked_sub(6) {
            Some(role) if !matches!(self.roles[role as usize], Role::Number | Role::Counter) => register - 6,
            _ => register,
        }
    }

    fn temporary(&mut self) -> u8 {
        self.random.below(6) as u8
    }

    fn operand(&mut self) -> Operand {
        match self.random.below(4) {
            0 | 1 => Operand::Imm(self.random.below(40) as i32 - 8),
            2 => Operand::Imm(self.edge() as i32),
            _ => Operand::Reg(r(self.number())),
        }
    }

    fn end(&mut self) {
        if let Some(label) = self.way_in.take() {
            self.code.place(label);
        }
        if self.one_in(4) {
            let sum = self.random.below(4) as i16;
            self.push(load(Size::DW, 0, 10, SUMS + 8 * sum));
        } else {
            self.push(set(0, 0));
        }
        self.push(Insn::Exit);
    }

    fn write_functions(&mut self) {
        self.is_called = true;
        for label in core::mem::take(&mut self.functions) {
            self.code.place(label);
            self.roles = [Role::Number; 3];
            self.kind = ProgramKind::Syscall;
            (6..9).for_each(|register| self.number_in(register));
            self.push(copy(9, 1));
            self.refresh(0);
            (0..4).for_each(|sum| self.push(store_imm(Size::DW, 10, SUMS + 8 * sum, 0)));
            self.slots_used = 0;
            self.fuel = 1 + self.random.below(4);
            self.repeat();
            self.end();
        }
    }

    fn call_helper(&mut self) {
        let id = *self.random.pick(&[5, 7, 8]);
        self.push(helper(id));
        self.refresh(1);
    }

    fn store_sum(&mut self, register: u8) {
        let sum = self.random.below(4) as i16;
        let size = *self.random.pick(&[Size::DW, Size::DW, Size::W]);
        self.push(store(size, 10, SUMS + 8 * sum, register));
    }
}
