//! Programs made to take long to verify, and ones made to leave something on the stack.

use kernel_bpf::insn::{AluOp, Condition, Insn, Operand, Size, Width};

use super::Sample;
use crate::assembler::{Assembler, add, alu64, copy, helper, load, map, r, set, store, store_imm, wide};

/// A program with a name.
#[derive(Clone, Debug)]
pub struct Adversary {
    /// What it is.
    pub name: &'static str,
    /// Its text.
    pub text: Vec<u8>,
    /// Slots of the program itself.
    insn_count: usize,
}

impl Adversary {
    fn new(name: &'static str, code: Assembler) -> Self {
        let insn_count = code.len();
        Self { name, text: code.finish(), insn_count }
    }

    /// As a program to verify.
    #[must_use]
    pub fn sample(&self) -> Sample {
        Sample::plain(self.text.clone(), self.insn_count)
    }
}

/// Programs with many paths, rounds or instructions.
#[must_use]
pub fn long() -> Vec<Adversary> {
    vec![
        diamonds(),
        branches(),
        nested_loops(),
        long_loop(),
        straight("4,000 instructions in a row", 4_000),
        straight("99,000 instructions in a row", 99_000),
        many_calls(),
        backward_jumps(),
    ]
}

/// Programs with large states: the dearest there are, by the instruction.
#[must_use]
pub fn large() -> Vec<Adversary> {
    vec![
        deep("large states in a loop", |code| rounds(code, |_| {})),
        deep("large states at branches", |code| rounds(code, branches_on_stack)),
        deep("large states with lookups", |code| rounds(code, lookups)),
        deep("large states, compared and different at the end", two_phases),
    ]
}

/// What a program leaves on the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Zeros.
    Zeros,
    /// Addresses of the frames.
    Addresses,
}

/// Writes every slot of every frame.
#[must_use]
pub fn fill_stack(left: Left) -> Sample {
    let mut code = Assembler::default();
    let labels: Vec<_> = (0..7).map(|_| code.label()).collect();
    let mut insn_count = 0;
    for depth in 0..8 {
        for slot in 1..=64 {
            code.push(match left {
                Left::Zeros => store_imm(Size::DW, 10, -8 * slot, 0),
                Left::Addresses => store(Size::DW, 10, -8 * slot, 10),
            });
        }
        if let Some(&next) = labels.get(depth) {
            code.call(next);
        }
        code.push(set(0, 0)).push(Insn::Exit);
        if depth == 0 {
            insn_count = code.len();
        }
        if let Some(&next) = labels.get(depth) {
            code.place(next);
        }
    }
    Sample::plain(code.finish(), insn_count)
}

const W64: Width = Width::W64;

/// 62 branches one after the other, each leaving its mark: 2^62 different ends.
fn diamonds() -> Adversary {
    let mut code = Assembler::default();
    code.push(load(Size::DW, 7, 1, 0)).push(set(6, 0));
    for bit in 0..62 {
        let skip = code.label();
        code.push(copy(2, 7)).push(alu64(AluOp::Rsh, 2, Operand::Imm(bit)));
        code.push(alu64(AluOp::And, 2, Operand::Imm(1))).push(wide(3, 1 << bit));
        code.branch(W64, Condition::Eq, r(2), Operand::Imm(0), skip);
        code.push(alu64(AluOp::Or, 6, Operand::Reg(r(3)))).place(skip);
    }
    code.push(copy(0, 6)).push(Insn::Exit);
    Adversary::new("62 diamonds", code)
}

fn branches() -> Adversary {
    let mut code = Assembler::default();
    code.push(load(Size::DW, 7, 1, 0)).push(set(0, 0));
    for bound in 0..49_000 {
        let skip = code.label();
        code.branch(W64, Condition::Gt, r(7), Operand::Imm(bound), skip).push(set(2, 1)).place(skip);
    }
    code.push(Insn::Exit);
    Adversary::new("49,000 branches", code)
}

/// Eight loops in each other, their counters on the stack.
fn nested_loops() -> Adversary {
    let mut code = Assembler::default();
    let mut heads = Vec::new();
    for depth in 1..=8 {
        code.push(store_imm(Size::DW, 10, -8 * depth, 0));
        heads.push((depth, code.here()));
    }
    for &(depth, head) in heads.iter().rev() {
        code.push(load(Size::DW, 2, 10, -8 * depth)).push(add(2, 1));
        code.push(store(Size::DW, 10, -8 * depth, 2));
        code.branch(W64, Condition::Lt, r(2), Operand::Imm(10), head);
    }
    code.push(set(0, 0)).push(Insn::Exit);
    Adversary::new("8 nested loops of 10 rounds", code)
}

fn long_loop() -> Adversary {
    let mut code = Assembler::default();
    rounds(&mut code, |_| {});
    code.push(set(0, 0)).push(Insn::Exit);
    Adversary::new("a loop of a million rounds", code)
}

/// A loop of a million rounds whose end is known to be far at each branch.
fn rounds(code: &mut Assembler, body: fn(&mut Assembler)) {
    code.push(set(6, 0));
    let (head, end) = (code.here(), code.label());
    code.branch(W64, Condition::Eq, r(6), Operand::Imm(1_000_000), end);
    body(code);
    code.push(add(6, 1)).jump(head).place(end);
}

fn straight(name: &'static str, count: usize) -> Adversary {
    let mut code = Assembler::default();
    code.push(set(0, 0));
    for _ in 0..count {
        code.push(add(0, 3));
    }
    code.push(Insn::Exit);
    Adversary::new(name, code)
}

/// Calls of 255 functions, found by their first slot.
fn many_calls() -> Adversary {
    let mut code = Assembler::default();
    let functions: Vec<_> = (0..255).map(|_| code.label()).collect();
    functions.iter().chain(functions.iter().rev().cycle().take(49_000)).for_each(|&function| {
        code.call(function);
    });
    code.push(set(0, 0)).push(Insn::Exit);
    let insn_count = code.len();
    for function in functions {
        code.place(function).push(Insn::Exit);
    }
    Adversary { name: "49,000 calls of 255 functions", text: code.finish(), insn_count }
}

/// Blocks in the reverse order of their execution: what is live goes through them one a round.
fn backward_jumps() -> Adversary {
    let mut code = Assembler::default();
    let blocks: Vec<_> = (0..40).map(|_| code.label()).collect();
    let end = code.label();
    code.push(load(Size::DW, 7, 1, 0)).jump(blocks[39]);
    code.place(end).push(copy(0, 7)).push(Insn::Exit);
    let mut next = end;
    for block in blocks {
        code.place(block);
        for _ in 0..2_400 {
            code.push(set(2, 1));
        }
        code.jump(next);
        next = block;
    }
    Adversary::new("40 jumps back over 2,400 instructions", code)
}

/// Eight frames of which every slot holds a number in a range of its own, and `body` in the innermost.
fn deep(name: &'static str, body: fn(&mut Assembler)) -> Adversary {
    let mut code = Assembler::default();
    code.push(load(Size::DW, 2, 1, 0));
    let labels: Vec<_> = (0..7).map(|_| code.label()).collect();
    let mut insn_count = 0;
    for depth in 0..8 {
        for slot in 1..=64 {
            code.push(copy(3, 2)).push(alu64(AluOp::And, 3, Operand::Imm(0x7fff_0000 + i32::from(slot))));
            code.push(store(Size::DW, 10, -8 * slot, 3));
        }
        match labels.get(depth) {
            Some(&next) => code.call(next),
            None => {
                body(&mut code);
                &mut code
            }
        };
        code.push(set(0, 0)).push(Insn::Exit);
        if depth == 0 {
            insn_count = code.len();
        }
        if let Some(&next) = labels.get(depth) {
            code.place(next);
        }
    }
    Adversary { name, text: code.finish(), insn_count }
}

fn branches_on_stack(code: &mut Assembler) {
    code.push(load(Size::DW, 7, 10, -8));
    for _ in 0..20 {
        let next = code.label();
        code.branch(W64, Condition::Eq, r(7), Operand::Imm(77), next).place(next);
    }
}

fn lookups(code: &mut Assembler) {
    for _ in 0..30 {
        code.push(map(1, 0)).push(copy(2, 10)).push(add(2, -8)).push(helper(1));
    }
}

/// A loop that leaves states behind in a first, short run; in a second, long one each of its states is compared
/// with all of those, and differs from them in the last slot only.
fn two_phases(code: &mut Assembler) {
    let (head, end, long) = (code.label(), code.label(), code.label());
    code.push(copy(7, 2));
    code.push(store_imm(Size::DW, 10, -8, 0)).push(store_imm(Size::DW, 10, -16, 50));
    code.branch(W64, Condition::Eq, r(7), Operand::Imm(5), long);
    code.push(set(7, 0)).jump(head).place(long);
    code.push(store_imm(Size::DW, 10, -8, 1_000)).push(store_imm(Size::DW, 10, -16, 1_000_000));
    code.place(head).push(load(Size::DW, 6, 10, -8)).push(load(Size::DW, 8, 10, -16));
    code.branch(W64, Condition::Eq, r(6), Operand::Reg(r(8)), end);
    code.push(add(6, 1)).push(store(Size::DW, 10, -8, 6)).jump(head).place(end);
}
