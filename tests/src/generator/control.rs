//! Statements, blocks, branches, loops and functions.

use kernel_bpf::insn::{AluOp, Condition, Insn, Operand, Size, Width};

use super::{Function, Generator, Kind, Scope};
use crate::assembler::{Label, add, alu64, copy, load, r, set, store, store_imm};
use crate::random::Random;

/// Most functions of a program.
const FUNCTIONS: usize = 5;
/// Deepest nesting of loops.
const LOOPS: usize = 3;

/// Kinds of statement, as [`Generator::statement`] numbers them.
const STATEMENTS: usize = 37;

/// The statements that a program is mostly made of.
pub(super) fn some_statements(random: &mut Random) -> Vec<usize> {
    let count = 3 + random.below(STATEMENTS);
    (0..count).map(|_| random.below(STATEMENTS)).collect()
}

impl Generator {
    /// A function's statements, and its end.
    pub(super) fn body(&mut self) {
        while self.fuel > 0 {
            self.statement();
        }
        self.end();
        self.write_forbidden();
    }

    /// Leaves the function with a number; sometimes, in a function that is called, with anything.
    fn end(&mut self) {
        let anything = self.scope.function > 0 && self.one_in(8);
        if !anything && !self.errs() && (self.one_in(2) || !self.kind_of(0).is_number()) {
            let number = self.number();
            self.push(copy(0, number));
        }
        self.push(Insn::Exit);
    }

    fn statement(&mut self) {
        if self.fuel == 0 {
            return self.arithmetic();
        }
        self.fuel -= 1;
        let statement = match self.random.below(8) {
            0 => self.random.below(STATEMENTS),
            _ => *self.random.pick(&self.favourites),
        };
        match statement {
            0..=4 => self.arithmetic(),
            5 => self.constant(),
            6 => drop(self.unknown()),
            7 => self.spill(),
            8 => self.fill(),
            9 => self.store_part(),
            10 => self.load_part(),
            11 => self.variable_access(),
            12 => self.atomic_slot(),
            13 | 14 => self.lookup(),
            15 => self.check_some_null(),
            16 => self.direct_value(),
            17 | 18 => self.use_bytes(),
            19 | 20 => self.context(),
            21 => self.update(),
            22 => self.print(),
            23 => self.pointer_play(),
            24 => self.slot_address(),
            25 | 26 => self.alternative(),
            27 => self.repetition(),
            28 | 29 => self.call(),
            30 | 31 => self.claims(),
            32..=34 => self.packet(),
            35 => self.trap(),
            _ => self.rare(),
        }
    }

    fn statements(&mut self) {
        let count = 1 + self.random.below(5);
        for _ in 0..count {
            self.statement();
        }
    }

    fn rare(&mut self) {
        match self.random.below(3) {
            0 => self.early_end(),
            1 => {
                if let Some(register) = self.holding(|kind| kind != Kind::Nothing) {
                    self.copied(register);
                }
            }
            _ if self.errs() => {
                let slot = self.random.number();
                let target = r((slot % 11) as u8);
                self.push(Insn::CallRegister { target });
            }
            _ => {}
        }
    }

    /// Ends the function on one side of a branch.
    fn early_end(&mut self) {
        let (on, scope) = (self.code.label(), self.scope.clone());
        self.branch(on);
        self.end();
        self.scope = scope;
        self.code.place(on);
    }

    /// Any branch on numbers to `label`.
    fn branch(&mut self, label: Label) {
        let (width, condition, dst, src) = (self.width(), self.condition(), self.number(), self.operand());
        self.code.branch(width, condition, r(dst), src, label);
    }

    /// `if` with or without `else`.
    fn alternative(&mut self) {
        let (other, end) = (self.code.label(), self.code.label());
        self.branch(other);
        let before = self.scope.clone();
        self.statements();
        let first = core::mem::replace(&mut self.scope, before);
        if self.one_in(2) {
            self.code.place(other);
            self.meet(&first);
            return;
        }
        self.code.jump(end).place(other);
        self.statements();
        self.meet(&first);
        self.code.place(end);
    }

    /// A loop of a few rounds, its counter in a register that calls keep, or on the stack.
    fn repetition(&mut self) {
        let counter = 6 + self.random.below(4) as u8;
        if self.scope.loops == LOOPS || self.scope.locked >> counter & 1 != 0 {
            return;
        }
        let locked = self.scope.locked;
        self.enter_loop(counter);
        self.push(set(counter, 0));
        let head = self.code.here();
        let end = self.code.label();
        let (rounds, step) = (1 + self.random.below(9) as i32, 1 + self.random.below(2) as i32);
        if self.one_in(2) {
            self.code.branch(Width::W64, Condition::SGe, r(counter), Operand::Imm(rounds), end);
            self.statements();
            self.same_again();
            self.push(add(counter, step));
            self.code.jump(head);
        } else {
            self.statements();
            if self.one_in(4) {
                self.branch(end);
            }
            self.same_again();
            self.push(alu64(AluOp::Add, counter, Operand::Imm(step)));
            let condition = *self.random.pick(&[Condition::Lt, Condition::SLt]);
            let width = self.width();
            self.code.branch(width, condition, r(counter), Operand::Imm(rounds), head);
        }
        self.code.place(end);
        self.scope.loops -= 1;
        self.scope.locked = locked;
        self.know(counter, Kind::NUMBER);
    }

    /// From here on, whatever holds must hold in every round.
    fn enter_loop(&mut self, counter: u8) {
        self.scope.loops += 1;
        for register in 0..10u8 {
            let kind = self.kind_of(register);
            let kept = register > 5 && kind != Kind::Nothing && !kind.is_number();
            if kept {
                self.scope.locked |= 1 << register;
            } else {
                self.know(register, Kind::Nothing);
            }
        }
        self.scope.locked |= 1 << counter;
        self.scope.slots.iter_mut().filter(|kind| kind.is_number()).for_each(|kind| *kind = Kind::NUMBER);
        self.know(counter, Kind::Nothing);
    }

    /// The end of a round: what it wrote is not relied upon, for the next may not have.
    fn same_again(&mut self) {
        for register in 0..10u8 {
            if self.scope.locked >> register & 1 == 0 {
                self.know(register, Kind::Nothing);
            }
        }
    }

    /// A call of a function of the program, most often one not called before.
    fn call(&mut self) {
        let known = self.functions.len();
        if self.errs() && known > 0 {
            let label = self.functions[self.random.below(known)].label;
            return self.finish_call(label);
        }
        let arguments = self.arguments();
        let callable = self.scope.function..known;
        let again = callable.into_iter().find(|&index| self.functions[index].arguments == arguments);
        match again {
            Some(index) => self.finish_call(self.functions[index].label),
            None if known < FUNCTIONS => {
                let label = self.code.label();
                self.functions.push(Function { label, arguments });
                self.finish_call(label);
            }
            None => {}
        }
    }

    /// What r1 to r5 hold, as a callee may take them for.
    fn arguments(&mut self) -> [Kind; 10] {
        if self.one_in(2) {
            self.slot_address();
        }
        if self.one_in(2)
            && let Some(register) = self.holding(|kind| kind != Kind::Nothing)
        {
            self.push(copy(1, register));
            self.know(1, self.kind_of(register));
        }
        let mut arguments = [Kind::Nothing; 10];
        for (argument, given) in arguments.iter_mut().zip(self.scope.registers).take(6).skip(1) {
            *argument = match given {
                Kind::Number(_) => Kind::NUMBER,
                Kind::Stack { .. } => Kind::Bytes { len: 8, writable: true },
                Kind::Packet(_) => Kind::Packet(0),
                other => other,
            };
        }
        arguments
    }

    fn finish_call(&mut self, label: Label) {
        self.code.call(label);
        self.lose_arguments();
        self.know(0, Kind::NUMBER);
    }

    /// Writes the functions that were called; they may call more.
    pub(super) fn write_functions(&mut self) {
        let mut written = 0;
        while written < self.functions.len() {
            let Function { label, arguments } = self.functions[written];
            written += 1;
            self.code.place(label);
            self.scope = Scope::new(arguments, written);
            self.fuel = 1 + self.random.below(10);
            if self.one_in(2) {
                self.through_stack();
            }
            self.keep_first_argument();
            self.body();
        }
    }

    /// A function that begins by putting its first argument on its stack and taking it from there.
    fn through_stack(&mut self) {
        let first = self.kind_of(1);
        if first == Kind::Nothing {
            return self.push(store_imm(Size::DW, 10, -8, 1));
        }
        self.push(store(Size::DW, 10, -8, 1));
        self.push(load(Size::DW, 1, 10, -8));
        self.scope.slots[63] = first;
    }
}
