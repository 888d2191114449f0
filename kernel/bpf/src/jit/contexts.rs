//! Which registers hold the context's address: a 4-byte load of a pointer field yields a whole address.
//!
//! A context is followed in memory by the address of its packet's window ([`crate::executable::WINDOW_OFFSET`]), which
//! begins with the whole addresses, so such a load becomes two of 8 bytes. Where only some paths bring the context, or it has been in memory, the
//! code compares addresses as it runs.

use super::NoCode;
use super::flow::{Op, Program, filled};
use crate::insn::{AluOp, Extend, Fetch, Insn, Operand, Reg, Size, Width};
use crate::memory::Vec;

/// What a register may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// No path leads here yet.
    Unreached,
    /// Not a context.
    Other,
    /// The context plus this.
    Context(i32),
    /// Perhaps a context.
    Perhaps,
}

impl Holds {
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unreached, held) | (held, Self::Unreached) => held,
            _ if self == other => self,
            _ => Self::Perhaps,
        }
    }

    const fn may_be_context(self) -> bool {
        matches!(self, Self::Context(_) | Self::Perhaps)
    }
}

type Registers = [Holds; Reg::COUNT];

/// For each operation that is a 4-byte load, what its base holds.
pub(super) fn find(program: &Program) -> Result<Vec<Holds>, NoCode> {
    let mut finder = Finder {
        program,
        at: filled(program.ops.len(), [Holds::Unreached; Reg::COUNT])?,
        spilled: false,
        again: true,
    };
    let start = program.functions.first().map_or(0, |function| function.start);
    if let Some(entry) = finder.at.get_mut(start) {
        *entry = [Holds::Other; Reg::COUNT];
        entry[1] = Holds::Context(0);
    }
    while core::mem::take(&mut finder.again) {
        (0..program.ops.len()).for_each(|index| finder.step(index));
    }
    let mut bases = filled(program.ops.len(), Holds::Other)?;
    for (index, op) in program.ops.iter().enumerate() {
        if let Insn::Load { base, size: Size::W, extend: Extend::Zero, .. } = op.insn {
            bases[index] = finder.at[index][base.index()];
        }
    }
    Ok(bases)
}

struct Finder<'p> {
    program: &'p Program,
    /// Before each operation.
    at: Vec<Registers>,
    /// A context has been stored: any 8 bytes loaded may be one.
    spilled: bool,
    again: bool,
}

impl Finder<'_> {
    fn step(&mut self, index: usize) {
        let Op { insn, target, .. } = self.program.ops[index];
        let mut now = self.at[index];
        if now == [Holds::Unreached; Reg::COUNT] {
            return;
        }
        let loaded = if self.spilled { Holds::Perhaps } else { Holds::Other };
        match insn {
            Insn::Alu { op: AluOp::Mov, width: Width::W64, dst, src: Operand::Reg(src) } => {
                now[dst.index()] = now[src.index()];
            }
            Insn::Alu { op: AluOp::Add, width: Width::W64, dst, src } => {
                now[dst.index()] = sum(now[dst.index()], src, &now);
            }
            Insn::Alu { op: AluOp::Sub, width: Width::W64, dst, .. } => {
                let held = now[dst.index()];
                now[dst.index()] = if held.may_be_context() { Holds::Perhaps } else { Holds::Other };
            }
            Insn::Alu { dst, .. }
            | Insn::Neg { dst, .. }
            | Insn::MovSx { dst, .. }
            | Insn::Swap { dst, .. }
            | Insn::LoadImm { dst, .. } => now[dst.index()] = Holds::Other,
            Insn::Load { dst, size, .. } => {
                now[dst.index()] = if size == Size::DW { loaded } else { Holds::Other };
            }
            Insn::Store { value: Operand::Reg(value), .. } => self.store(now[value.index()]),
            Insn::Atomic { fetch, src, .. } => {
                self.store(now[src.index()]);
                if fetch == Fetch::Yes {
                    (now[src.index()], now[0]) = (loaded, now[0].or(loaded));
                }
            }
            Insn::CallHelper { .. } | Insn::CallRegister { .. } => now[..6].fill(Holds::Other),
            Insn::CallLocal { .. } => {
                let callee = self.program.functions.get(target as usize).map_or(0, |function| function.start);
                let passes = now[1..6].iter().any(|held| held.may_be_context());
                let mut arguments = [Holds::Other; Reg::COUNT];
                arguments[1..6].copy_from_slice(&now[1..6]);
                self.reach(callee, &arguments, index);
                now[..6].fill(if passes || self.spilled { Holds::Perhaps } else { Holds::Other });
            }
            Insn::Store { .. } | Insn::Jump { .. } | Insn::Branch { .. } | Insn::Exit => {}
        }
        if matches!(insn, Insn::Jump { .. } | Insn::Branch { .. }) {
            self.reach(target as usize, &now, index);
        }
        if !matches!(insn, Insn::Jump { .. } | Insn::Exit) {
            self.reach(index + 1, &now, index);
        }
    }

    fn store(&mut self, held: Holds) {
        if held.may_be_context() && !self.spilled {
            (self.spilled, self.again) = (true, true);
        }
    }

    fn reach(&mut self, to: usize, with: &Registers, from: usize) {
        let Some(known) = self.at.get_mut(to) else { return };
        for (known, with) in known.iter_mut().zip(with) {
            let merged = known.or(*with);
            self.again |= merged != *known && to <= from;
            *known = merged;
        }
    }
}

fn sum(held: Holds, src: Operand, now: &Registers) -> Holds {
    match (held, src) {
        (Holds::Context(delta), Operand::Imm(imm)) => {
            delta.checked_add(imm).map_or(Holds::Perhaps, Holds::Context)
        }
        (_, Operand::Reg(src)) if held.may_be_context() || now[src.index()].may_be_context() => {
            Holds::Perhaps
        }
        (Holds::Perhaps, _) => Holds::Perhaps,
        _ => Holds::Other,
    }
}
