//! The reachable instructions of a program, function by function, with what is live after each.

use super::slots::{self, Promoted};
use super::{NoCode, Passes};
use crate::helpers::{TAIL_CALL, argument_registers, helper};
use crate::insn::{AtomicOp, Fetch, Insn, Operand, Reg, SLOT_BYTES, decode};
use crate::memory::Vec;

/// Registers of a program, and after them the stack slots that live in registers of the machine.
pub(super) const VIRTUALS: usize = 14;
/// A set of them, one bit each.
pub(super) type Set = u16;
/// r0 to r5: what a call may change.
pub(super) const CALL_CLOBBERED: Set = 0x3f;
/// r1 to r5.
pub(super) const ARGUMENTS: Set = 0x3e;

/// One instruction in its function.
#[derive(Clone, Copy, Debug)]
pub(super) struct Op {
    pub(super) insn: Insn,
    /// Its slot in the text.
    pub(super) slot: u32,
    /// Where a jump or branch leads, as an index into the program's operations.
    pub(super) target: u32,
    /// Whether something jumps here.
    pub(super) is_leader: bool,
    /// Whether something later jumps here.
    pub(super) is_loop: bool,
    pub(super) uses: Set,
    pub(super) defs: Set,
    pub(super) live_before: Set,
    pub(super) live_after: Set,
}

/// One function: a range of operations.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Function {
    pub(super) entry: u32,
    pub(super) first: usize,
    pub(super) end: usize,
    /// The operation it begins with.
    pub(super) start: usize,
    /// Its stack slots in registers.
    pub(super) promoted: Promoted,
    /// It calls helpers, itself or through others.
    pub(super) needs_run: bool,
    /// It uses its frame, itself or through others.
    pub(super) needs_frame: bool,
    pub(super) has_calls: bool,
    /// Bytes it moves the frame pointer down for each call.
    pub(super) used: Set,
}

/// The whole program.
pub(super) struct Program {
    pub(super) ops: Vec<Op>,
    /// The entry first.
    pub(super) functions: Vec<Function>,
}

const NOWHERE: u32 = u32::MAX;
/// How often the text may be compiled, in all.
const MOST_COPIES: usize = 4;

/// Finds what is reachable from `entry`.
pub(super) fn explore(text: &[u8], entry: usize) -> Result<Program, NoCode> {
    let slots = text.len() / SLOT_BYTES;
    let mut explorer = Explorer {
        text,
        place: filled(slots, NOWHERE)?,
        program: Program::empty(),
        first: 0,
        found: Vec::new(),
    };
    explorer.function(entry)?;
    let mut next = 0;
    while next < explorer.program.functions.len() {
        explorer.body(next)?;
        next += 1;
    }
    Ok(explorer.program)
}

pub(super) fn filled<T: Copy>(len: usize, value: T) -> Result<Vec<T>, NoCode> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(len).map_err(|_| NoCode::NoMemory)?;
    vec.resize(len, value);
    Ok(vec)
}

struct Explorer<'t> {
    text: &'t [u8],
    /// For each slot the index of its operation, or, while its function is explored, of its instruction.
    place: Vec<u32>,
    program: Program,
    /// The first operation of the function at hand.
    first: usize,
    /// Slots of the function at hand with their instructions, in the order they were found.
    found: Vec<(u32, Insn)>,
}

impl Program {
    const fn empty() -> Self {
        Self { ops: Vec::new(), functions: Vec::new() }
    }
}

impl Explorer<'_> {
    /// The number of the function at slot `entry`.
    fn function(&mut self, entry: usize) -> Result<usize, NoCode> {
        let entry = u32::try_from(entry).map_err(|_| NoCode::Malformed)?;
        let known = self.program.functions.iter().position(|function| function.entry == entry);
        Ok(known.unwrap_or_else(|| {
            self.program.functions.push(Function { entry, ..Function::default() });
            self.program.functions.len() - 1
        }))
    }

    fn body(&mut self, number: usize) -> Result<(), NoCode> {
        let entry = self.program.functions[number].entry as usize;
        self.discover(entry)?;
        let first = self.program.ops.len();
        self.first = first;
        self.collect()?;
        let end = self.program.ops.len();
        // Code that functions share is compiled for each. Ordinary programs share none.
        if end > MOST_COPIES * self.place.len() {
            return Err(NoCode::Malformed);
        }
        self.link(first..end)?;
        let start = self.place[entry] as usize;
        self.program.ops[start].is_leader |= start != first;
        let function = &mut self.program.functions[number];
        (function.first, function.end, function.start) = (first, end, start);
        self.program.ops[first..end].iter().for_each(|op| self.place[op.slot as usize] = NOWHERE);
        Ok(())
    }

    /// Finds every slot reachable from `entry` without calls.
    fn discover(&mut self, entry: usize) -> Result<(), NoCode> {
        self.found.clear();
        let mut pending = Vec::new();
        pending.push(entry);
        while let Some(mut slot) = pending.pop() {
            loop {
                let place = self.place.get_mut(slot).ok_or(NoCode::Malformed)?;
                if *place != NOWHERE {
                    break;
                }
                *place = self.found.len() as u32;
                let insn = decode(self.text, slot).map_err(|_| NoCode::Malformed)?;
                self.found.push((slot as u32, insn));
                let next = slot + insn.slots();
                match insn {
                    Insn::Exit => break,
                    Insn::Jump { offset } => slot = target(next, offset)?,
                    Insn::Branch { offset, .. } => {
                        pending.push(target(next, i32::from(offset))?);
                        slot = next;
                    }
                    Insn::CallHelper { id: TAIL_CALL } => return Err(NoCode::TailCall),
                    Insn::CallLocal { offset } => {
                        self.function(target(next, offset)?)?;
                        slot = next;
                    }
                    _ => slot = next,
                }
            }
        }
        Ok(())
    }

    /// Puts what was found into operations by address.
    fn collect(&mut self) -> Result<(), NoCode> {
        let (Some(&(mut lowest, _)), mut highest) = (self.found.first(), 0) else {
            return Err(NoCode::Malformed);
        };
        for (slot, _) in &self.found {
            (lowest, highest) = (lowest.min(*slot), highest.max(*slot));
        }
        self.program.ops.reserve(self.found.len());
        let mut slot = lowest as usize;
        while slot <= highest as usize {
            let number = self.place[slot] as usize;
            let Some((_, insn)) = self.found.get(number) else {
                slot += 1;
                continue;
            };
            self.place[slot] = self.program.ops.len() as u32;
            self.program.ops.push(Op {
                insn: *insn,
                slot: slot as u32,
                target: NOWHERE,
                is_leader: false,
                is_loop: false,
                uses: 0,
                defs: 0,
                live_before: 0,
                live_after: 0,
            });
            slot += insn.slots();
        }
        // Overlapping instructions would have been skipped.
        let all = self.program.ops.len() - self.first == self.found.len();
        if all { Ok(()) } else { Err(NoCode::Malformed) }
    }

    fn link(&mut self, range: core::ops::Range<usize>) -> Result<(), NoCode> {
        for index in range.clone() {
            let Op { insn, slot, .. } = self.program.ops[index];
            let next = slot as usize + insn.slots();
            let (target_slot, is_call) = match insn {
                Insn::Jump { offset } => (target(next, offset)?, false),
                Insn::Branch { offset, .. } => (target(next, i32::from(offset))?, false),
                Insn::CallLocal { offset } => (self.function(target(next, offset)?)?, true),
                _ => continue,
            };
            if is_call {
                self.program.ops[index].target = target_slot as u32;
                continue;
            }
            let place = *self.place.get(target_slot).ok_or(NoCode::Malformed)?;
            if !range.contains(&(place as usize)) {
                return Err(NoCode::Malformed);
            }
            self.program.ops[index].target = place;
            let leader = &mut self.program.ops[place as usize];
            leader.is_leader = true;
            leader.is_loop |= place as usize <= index;
        }
        Ok(())
    }
}

fn target(next: usize, offset: i32) -> Result<usize, NoCode> {
    next.checked_add_signed(offset as isize).ok_or(NoCode::Malformed)
}

pub(super) const fn bit(reg: Reg) -> Set {
    1 << reg.index()
}

pub(super) const fn operand_bit(operand: Operand) -> Set {
    match operand {
        Operand::Reg(reg) => bit(reg),
        Operand::Imm(_) => 0,
    }
}

/// What an instruction reads and writes.
pub(super) fn uses_and_defs(insn: &Insn, promoted: &Promoted) -> (Set, Set) {
    use crate::insn::AluOp;
    match *insn {
        Insn::Alu { op: AluOp::Mov, dst, src, .. } => (operand_bit(src), bit(dst)),
        Insn::Alu { dst, src, .. } => (bit(dst) | operand_bit(src), bit(dst)),
        Insn::Neg { dst, .. } | Insn::Swap { dst, .. } => (bit(dst), bit(dst)),
        Insn::MovSx { dst, src, .. } => (bit(src), bit(dst)),
        Insn::LoadImm { dst, .. } => (0, bit(dst)),
        Insn::Load { dst, base, offset, .. } => match promoted.slot(base, offset) {
            Some(slot) => (1 << slot, bit(dst)),
            None => (bit(base), bit(dst)),
        },
        Insn::Store { base, offset, value, .. } => match promoted.slot(base, offset) {
            Some(slot) => (operand_bit(value), 1 << slot),
            None => (bit(base) | operand_bit(value), 0),
        },
        Insn::Atomic { op, fetch, base, src, .. } => match (op, fetch) {
            (AtomicOp::CmpXchg, _) => (bit(base) | bit(src) | 1, 1),
            (_, Fetch::Yes) => (bit(base) | bit(src), bit(src)),
            (_, Fetch::No) => (bit(base) | bit(src), 0),
        },
        Insn::Jump { .. } => (0, 0),
        Insn::Branch { dst, src, .. } => (bit(dst) | operand_bit(src), 0),
        Insn::CallHelper { id } => (helper_uses(id), CALL_CLOBBERED),
        Insn::CallRegister { target } => (bit(target) | ARGUMENTS, CALL_CLOBBERED),
        Insn::CallLocal { .. } => (ARGUMENTS, CALL_CLOBBERED),
        Insn::Exit => (1, 0),
    }
}

fn helper_uses(id: u32) -> Set {
    helper(id).map_or(ARGUMENTS, |helper| argument_registers(helper).fold(0, |set, (reg, _)| set | bit(reg)))
}

impl Program {
    /// Chooses the stack slots that live in registers: the entry's alone. Other functions' frames lie where those of
    /// functions called before were, and may be read before they are written.
    pub(super) fn promote(&mut self, passes: Passes) {
        if let Some(function) = self.functions.first_mut() {
            let ops = &self.ops[function.first..function.end];
            function.promoted = slots::promote(ops, function.first, passes);
        }
    }

    /// Leaves all stack slots in memory.
    pub(super) fn demote(&mut self) {
        self.functions.iter_mut().for_each(|function| function.promoted = Promoted::default());
    }

    /// Whether some path reads a slot in a register before it was written.
    pub(super) fn reads_unwritten_slots(&self) -> bool {
        let registers = (1 << Reg::COUNT) - 1;
        self.functions.iter().any(|function| self.ops[function.start].live_before & !registers != 0)
    }

    /// Finds out for every function, callees first where they come later, what is live where.
    pub(super) fn analyse(&mut self) {
        for number in (0..self.functions.len()).rev() {
            let Function { first, end, promoted, .. } = self.functions[number];
            for index in first..end {
                let Op { insn, target, .. } = self.ops[index];
                let (mut uses, defs) = uses_and_defs(&insn, &promoted);
                if matches!(insn, Insn::CallLocal { .. }) {
                    uses = self.arguments_of(target as usize, number);
                }
                (self.ops[index].uses, self.ops[index].defs) = (uses, defs);
            }
            self.find_live(first, end);
            self.summarize(number);
        }
    }

    /// The arguments a callee reads; all of them if it has not been analysed yet.
    fn arguments_of(&self, callee: usize, caller: usize) -> Set {
        match self.functions.get(callee) {
            Some(function) if callee > caller => self.ops[function.start].live_before & ARGUMENTS,
            _ => ARGUMENTS,
        }
    }

    /// Backwards until nothing changes; a loop takes one more pass for each level it is nested.
    fn find_live(&mut self, first: usize, end: usize) {
        let mut again = true;
        while again {
            again = false;
            for index in (first..end).rev() {
                let op = &self.ops[index];
                let next = || self.ops.get(index + 1).map_or(0, |op| op.live_before);
                let target = || self.ops.get(op.target as usize).map_or(0, |op| op.live_before);
                let after = match op.insn {
                    Insn::Exit => 0,
                    Insn::Jump { .. } => target(),
                    Insn::Branch { .. } => next() | target(),
                    _ => next(),
                };
                let before = after & !op.defs | op.uses;
                again |= op.is_loop && before != op.live_before;
                let op = &mut self.ops[index];
                (op.live_after, op.live_before) = (after, before);
            }
        }
    }

    fn summarize(&mut self, number: usize) {
        let Function { first, end, .. } = self.functions[number];
        let (mut needs_run, mut needs_frame, mut has_calls, mut used) = (false, false, false, 0);
        for op in &self.ops[first..end] {
            used |= op.uses | op.defs;
            match op.insn {
                Insn::CallHelper { .. } | Insn::CallRegister { .. } => (needs_run, has_calls) = (true, true),
                Insn::CallLocal { .. } => {
                    has_calls = true;
                    match self.functions.get(op.target as usize) {
                        Some(callee) if op.target as usize > number => {
                            needs_run |= callee.needs_run;
                            needs_frame |= callee.needs_frame;
                        }
                        // Not analysed yet.
                        _ => (needs_run, needs_frame) = (true, true),
                    }
                }
                _ => {}
            }
        }
        needs_frame |= used & bit(Reg::FRAME) != 0;
        let function = &mut self.functions[number];
        *function = Function { needs_run, needs_frame, has_calls, used, ..*function };
    }
}
