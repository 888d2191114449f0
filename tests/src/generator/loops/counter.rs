//! Counters: where they are, where they start, how they move and what ends them.

use kernel_bpf::insn::{AluOp, Condition, Insn, Operand, Size, Width};

use super::{DEPTH, Loops, Role};
use crate::assembler::{Label, copy, load, r, set, store, wide};

/// Where a counter is.
#[derive(Clone, Copy)]
enum Home {
    Register(u8),
    Slot(i16, Size),
}

/// How a counter moves, and how long it goes on.
struct Course {
    start: u64,
    op: AluOp,
    step: Operand,
    width: Width,
    condition: Condition,
    compared: Width,
    bound: Operand,
}

impl Loops {
    /// A loop.
    pub(super) fn repeat(&mut self) {
        if self.around.len() == DEPTH || self.fuel == 0 {
            return self.arithmetic();
        }
        self.fuel -= 1;
        let Some(home) = self.home() else { return self.arithmetic() };
        let course = self.course();
        self.start(home, course.start);
        let tested_first = self.one_in(2);
        let (head, end, next) = (self.code.here(), self.code.label(), self.code.label());
        if tested_first {
            self.test(home, &course, end, false);
        }
        self.around.push((end, next));
        self.enter_in_the_middle();
        let count = self.random.below(4);
        self.statements(count);
        if self.one_in(3) {
            self.repeat();
        }
        self.around.pop();
        self.code.place(next);
        self.step(home, &course);
        if tested_first {
            self.code.jump(head);
        } else {
            self.test(home, &course, head, true);
        }
        self.code.place(end);
        if let Home::Register(register @ 6..) = home {
            self.roles[register as usize - 6] = Role::Number;
        }
    }

    fn home(&mut self) -> Option<Home> {
        let free = (0..3).rev().find(|&role| self.roles[role] == Role::Number);
        match free {
            Some(role) if !self.one_in(3) => {
                self.roles[role] = Role::Counter;
                Some(Home::Register(6 + role as u8))
            }
            _ if self.one_in(6) => Some(Home::Register(self.temporary())),
            _ if self.slots_used < 8 => {
                self.slots_used += 1;
                let size = if self.one_in(2) { Size::DW } else { Size::W };
                Some(Home::Slot(-8 * self.slots_used, size))
            }
            _ => None,
        }
    }

    fn course(&mut self) -> Course {
        let trips = *self.random.pick(&[1, 2, 3, 5, 8, 10, 16, 17, 64, 300]);
        let stride = *self.random.pick(&[1i64, 1, 1, 1, 2, 3, 4, 8, -1, -1, -2, -8]);
        let origin = match self.random.below(6) {
            0..=3 => self.random.below(12) as i64 - if self.one_in(3) { 8 } else { 0 },
            _ => self.edge() as i64,
        };
        let slack = if self.one_in(4) { self.random.below(5) as i64 - 2 } else { 0 };
        let last = origin.wrapping_add(stride * trips + slack);
        // Going down to a small number is more usual than starting there.
        let down = stride < 0 && (-20..20).contains(&origin);
        let (start, last) = if down { (origin - stride * trips, origin) } else { (origin, last) };
        let width = self.width();
        let compared = if self.one_in(4) { self.width() } else { width };
        let condition = self.goes_on(stride);
        let (op, step) = self.movement(stride);
        let bound = match self.random.below(8) {
            0 => Operand::Reg(r(self.number())),
            _ => Operand::Imm(last as i32),
        };
        Course { start: start as u64, op, step, width, condition, compared, bound }
    }

    /// A condition that a counter with this stride may go on with.
    fn goes_on(&mut self, stride: i64) -> Condition {
        use Condition::{Ge, Gt, Lt, Ne, SGe, SGt, SLt};
        match (self.random.below(10), stride > 0) {
            (0, _) => self.condition(),
            (1 | 2, _) => Ne,
            (3 | 4, true) => SLt,
            (_, true) => Lt,
            (3 | 4, false) => SGt,
            (5, false) => Ge,
            (6, false) => SGe,
            (_, false) => Gt,
        }
    }

    fn movement(&mut self, stride: i64) -> (AluOp, Operand) {
        if self.one_in(12) {
            let op = *self.random.pick(&[AluOp::Lsh, AluOp::Rsh, AluOp::Mul, AluOp::Div]);
            return (op, Operand::Imm(1 + self.random.below(3) as i32));
        }
        match self.random.below(16) {
            0 => (AluOp::Add, Operand::Reg(r(self.number()))),
            1 => (AluOp::Sub, Operand::Imm(-stride as i32)),
            _ => (AluOp::Add, Operand::Imm(stride as i32)),
        }
    }

    fn start(&mut self, home: Home, start: u64) {
        let register = match home {
            Home::Register(register) => register,
            Home::Slot(..) => 1,
        };
        match self.random.below(10) {
            0 => self.unknown_in(register),
            _ if i64::from(start as i32) == start as i64 => self.push(set(register, start as i32)),
            _ => self.push(wide(register, start)),
        }
        self.put_back(home, register);
    }

    fn put_back(&mut self, home: Home, register: u8) {
        if let Home::Slot(place, size) = home {
            self.push(store(size, 10, place, register));
        }
    }

    fn take(&mut self, home: Home) -> u8 {
        match home {
            Home::Register(register) => register,
            Home::Slot(place, size) => {
                let register = self.temporary();
                self.push(load(size, register, 10, place));
                register
            }
        }
    }

    fn step(&mut self, home: Home, course: &Course) {
        let register = self.take(home);
        let Course { op, width, step, .. } = *course;
        self.push(Insn::Alu { width, op, dst: r(register), src: step });
        self.put_back(home, register);
    }

    /// Goes to `label` while the loop goes on, or when it ends.
    fn test(&mut self, home: Home, course: &Course, label: Label, goes_on: bool) {
        let counter = self.take(home);
        let mut register = counter;
        if self.one_in(6) {
            // It compares a copy.
            register = self.temporary();
            self.push(copy(register, counter));
        }
        let condition = if goes_on { course.condition } else { negated(course.condition) };
        self.code.branch(course.compared, condition, r(register), course.bound, label);
    }
}

const fn negated(condition: Condition) -> Condition {
    use Condition::{Eq, Ge, Gt, Le, Lt, Ne, SGe, SGt, SLe, SLt, Set};
    match condition {
        Eq => Ne,
        Ne | Set => Eq,
        Gt => Le,
        Le => Gt,
        Lt => Ge,
        Ge => Lt,
        SGt => SLe,
        SLe => SGt,
        SLt => SGe,
        SGe => SLt,
    }
}
