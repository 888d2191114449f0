//! Claims about numbers: what the verifier's own arithmetic says a number can be, as branches that lead to
//! forbidden instructions where it is something else. A program with them is accepted exactly because the
//! verifier believes itself, and a run that reaches them shows that it should not.

use kernel_bpf::insn::{AluOp, ByteOrder, Condition, Insn, Operand, Size, Width};
use kernel_bpf::verifier::value::{Scalar, refine};

use super::{Generator, Kind};
use crate::assembler::{Label, alu64, copy, helper, load, r, set, wide};

/// The registers that claims work in: calls keep them.
const NUMBERS: [u8; 2] = [6, 7];
const SCRATCH: u8 = 8;

const OPERATORS: [AluOp; 13] = [
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
    AluOp::Arsh,
];

impl Generator {
    /// Two numbers, some arithmetic and comparisons on them, and claims about the results.
    pub(super) fn claims(&mut self) {
        if self.scope.locked & 0b1_1100_0000 != 0 {
            return;
        }
        let mut known = NUMBERS.map(|register| self.source(register));
        let end = self.code.label();
        for _ in 0..2 + self.random.below(5) {
            self.change(&mut known, end);
        }
        for (register, scalar) in NUMBERS.into_iter().zip(known) {
            self.claim(register, &scalar);
        }
        self.code.place(end);
        [6, 7, 8].into_iter().for_each(|register| self.know(register, Kind::Nothing));
    }

    /// A number that the verifier knows nothing of, or its size, or its value.
    fn source(&mut self, register: u8) -> Scalar {
        if self.one_in(4) {
            let number = self.wide_number();
            self.push(wide(register, number));
            return Scalar::constant(number);
        }
        let (id, scalar) =
            *self.random.pick(&[(5, Scalar::UNKNOWN), (7, Scalar::of_size(Size::W)), (5, Scalar::UNKNOWN)]);
        self.push(helper(id));
        self.lose_arguments();
        self.know(0, Kind::NUMBER);
        self.push(copy(register, 0));
        scalar
    }

    fn change(&mut self, known: &mut [Scalar; 2], end: Label) {
        let one = self.random.below(2);
        let register = NUMBERS[one];
        match self.random.below(8) {
            0 => {
                let width = self.width();
                self.push(Insn::Neg { width, dst: r(register) });
                known[one] = known[one].negated(width);
            }
            1 => {
                let order = *self.random.pick(&[ByteOrder::ToLittle, ByteOrder::ToBig, ByteOrder::Swap]);
                let size = *self.random.pick(&[Size::H, Size::W, Size::DW]);
                self.push(Insn::Swap { order, dst: r(register), size });
                known[one] = known[one].swapped(order, size);
            }
            2 => {
                let (width, from) = (self.width(), *self.random.pick(&[Size::B, Size::H]));
                self.push(Insn::MovSx { width, dst: r(register), src: r(NUMBERS[1 - one]), from });
                known[one] = known[1 - one].mov_sx(width, from);
            }
            3 | 4 => self.narrow(known, one, end),
            _ => self.calculate(known, one),
        }
    }

    fn calculate(&mut self, known: &mut [Scalar; 2], one: usize) {
        let (width, op) = (self.width(), *self.random.pick(&OPERATORS));
        let shift = matches!(op, AluOp::Lsh | AluOp::Rsh | AluOp::Arsh);
        let (src, other) = match self.random.below(3) {
            0 => (Operand::Reg(r(NUMBERS[1 - one])), known[1 - one]),
            _ => {
                let imm = if shift { self.random.below(32) as i32 } else { self.imm() };
                let imm = if imm == 0 { 1 } else { imm };
                (Operand::Imm(imm), Scalar::constant(imm as u64))
            }
        };
        self.push(Insn::Alu { width, op, dst: r(NUMBERS[one]), src });
        known[one] = known[one].alu(op, width, &other);
    }

    /// A comparison that ends the claims if it holds, and says something if it does not.
    fn narrow(&mut self, known: &mut [Scalar; 2], one: usize, end: Label) {
        let (width, condition) = (self.width(), self.condition());
        let imm = self.imm();
        let (src, other) = match self.random.below(3) {
            0 => (Operand::Reg(r(NUMBERS[1 - one])), known[1 - one]),
            _ => (Operand::Imm(imm), Scalar::constant(imm as u64)),
        };
        let Some((first, second)) = refine(condition, false, width, &known[one], &other) else {
            // It always holds: nothing would be left to claim.
            return;
        };
        self.code.branch(width, condition, r(NUMBERS[one]), src, end);
        known[one] = first;
        if matches!(src, Operand::Reg(_)) {
            known[1 - one] = second;
        }
    }

    /// Claims about one number.
    fn claim(&mut self, register: u8, known: &Scalar) {
        let label = self.forbidden_label();
        for (condition, bound) in [
            (Condition::Gt, known.umax),
            (Condition::Lt, known.umin),
            (Condition::SGt, known.smax as u64),
            (Condition::SLt, known.smin as u64),
        ] {
            self.push(wide(SCRATCH, bound));
            self.code.branch(Width::W64, condition, r(register), Operand::Reg(r(SCRATCH)), label);
        }
        for (mask, expected) in [(!known.bits.max(), 0), (known.bits.value, known.bits.value)] {
            // The masked copy is a constant to the verifier, and so is the comparison.
            self.push(wide(SCRATCH, mask));
            self.push(alu64(AluOp::And, SCRATCH, Operand::Reg(r(register))));
            self.push(wide(0, expected));
            self.code.branch(Width::W64, Condition::Ne, r(SCRATCH), Operand::Reg(r(0)), label);
        }
        self.know(0, Kind::NUMBER);
    }

    fn forbidden_label(&mut self) -> Label {
        match self.forbidden {
            Some(label) => label,
            None => {
                let label = self.code.label();
                self.forbidden = Some(label);
                label
            }
        }
    }

    /// Writes what must never be reached, behind the end of a function.
    pub(super) fn write_forbidden(&mut self) {
        if let Some(label) = self.forbidden.take() {
            self.code.place(label);
            self.push(set(0, 0));
            self.push(load(Size::DW, 0, 0, 0));
            self.push(Insn::Exit);
        }
    }
}
