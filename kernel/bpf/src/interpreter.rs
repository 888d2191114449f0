//! The interpreter: the meaning of a program. Every access is checked against the objects of the run, so
//! even a program the verifier was wrong about cannot touch anything else.

pub mod alu;
#[expect(unsafe_code, reason = "turns checked addresses into accesses")]
mod memory;

pub use memory::{InvalidAccess, Memory, Readable, Region, TooManyRegions};

use crate::error::{BpfError, Fault};
use crate::executable::{Completion, Engine, Job};
use crate::helpers::{self, CallError, Caller, Outcome, Services};
use crate::insn::{AtomicOp, Extend, Fetch, Immediate, Insn, Operand, Reg, Width, decode};
use crate::memory::Reclaim;
use crate::targets::TailCall;

/// Bytes of one stack frame.
pub const FRAME_BYTES: usize = 512;
/// Most frames of nested calls.
pub const MAX_FRAMES: usize = 8;

/// `-ENOENT`.
const NO_ENTRY: u64 = (-2_i64).cast_unsigned();

/// Executes instructions one by one.
#[derive(Clone, Copy, Debug)]
pub struct Interpreter;

impl Engine for Interpreter {
    const NAME: &'static str = "interpreter";

    fn execute<M: Reclaim>(job: &Job<'_, M>, services: &mut dyn Services) -> Result<Completion, Fault> {
        let mut machine = Machine::new(job);
        loop {
            machine.count()?;
            if let Some(r0) = machine.step(services)? {
                return Ok(Completion { r0, insns: machine.executed });
            }
        }
    }
}

/// What a call saves: where to go on, and the registers the callee must keep (RFC 9669 section 2.1).
#[derive(Clone, Copy, Default)]
struct Frame {
    return_to: usize,
    saved: [u64; 4],
}

/// First and past-last of the registers a callee keeps: r6 to r9.
const KEPT: core::ops::Range<usize> = 6..10;

struct Machine<'j, 'a, M: Reclaim> {
    job: &'j Job<'a, M>,
    registers: [u64; Reg::COUNT],
    pc: usize,
    executed: u64,
    /// Instructions that tail calls brought with them.
    lent: u64,
    frames: [Frame; MAX_FRAMES - 1],
    depth: usize,
}

impl<'j, 'a, M: Reclaim> Machine<'j, 'a, M> {
    fn new(job: &'j Job<'a, M>) -> Self {
        let mut registers = [0; Reg::COUNT];
        registers[1..3].copy_from_slice(&job.arguments);
        registers[Reg::FRAME.index()] = job.stack_top;
        Self { job, registers, pc: job.entry, executed: 0, lent: 0, frames: Default::default(), depth: 0 }
    }

    /// Counts an instruction that is about to be executed.
    #[inline]
    fn count(&mut self) -> Result<(), Fault> {
        if self.executed >= self.job.limit.saturating_add(self.lent) {
            return Err(self.fault(BpfError::Timeout));
        }
        self.executed += 1;
        Ok(())
    }

    const fn fault(&self, error: BpfError) -> Fault {
        Fault { error, pc: self.pc, address: 0 }
    }

    const fn outside(&self, InvalidAccess(address): InvalidAccess) -> Fault {
        Fault { error: BpfError::InvalidAccess, pc: self.pc, address }
    }

    const fn get(&self, register: Reg) -> u64 {
        self.registers[register.index()]
    }

    const fn set(&mut self, register: Reg, value: u64) {
        self.registers[register.index()] = value;
    }

    const fn operand(&self, operand: Operand) -> u64 {
        match operand {
            Operand::Reg(register) => self.get(register),
            Operand::Imm(imm) => imm as u64,
        }
    }

    const fn address(&self, base: Reg, offset: i16) -> u64 {
        self.get(base).wrapping_add(offset as u64)
    }

    /// Executes one instruction; returns r0 when the program has ended.
    fn step(&mut self, services: &mut dyn Services) -> Result<Option<u64>, Fault> {
        let insn = decode(self.job.text, self.pc).map_err(|_| self.fault(BpfError::InvalidInstruction))?;
        let mut next = self.pc + insn.slots();
        match insn {
            Insn::Alu { width, op, dst, src } => {
                self.set(dst, alu::alu(op, width, self.get(dst), self.operand(src)));
            }
            Insn::Neg { width, dst } => self.set(dst, alu::negate(width, self.get(dst))),
            Insn::MovSx { width, dst, src, from } => {
                self.set(dst, alu::sign_extend(width, from, self.get(src)))
            }
            Insn::Swap { order, dst, size } => self.set(dst, alu::swap(order, size, self.get(dst))),
            Insn::LoadImm { dst, value } => self.set(dst, self.immediate(value)?),
            Insn::Load { dst, base, offset, size, extend } => {
                let address = self.address(base, offset);
                let value = self.job.memory.load(address, size).map_err(|error| self.outside(error))?;
                self.set(
                    dst,
                    match extend {
                        Extend::Zero => value,
                        Extend::Sign => alu::sign_extend(Width::W64, size, value),
                    },
                );
            }
            Insn::Store { base, offset, size, value } => {
                let (address, value) = (self.address(base, offset), self.operand(value));
                self.job.memory.store(address, size, value).map_err(|error| self.outside(error))?;
            }
            Insn::Atomic { op, fetch, base, src, offset, size } => {
                let (address, memory) = (self.address(base, offset), &self.job.memory);
                // Nothing else runs between the two accesses: one core, and preemption only between
                // instructions.
                let old = memory.load(address, size).map_err(|error| self.outside(error))?;
                let new = alu::atomic(op, size, old, self.get(src), self.get(Reg::R0));
                memory.store(address, size, new).map_err(|error| self.outside(error))?;
                match (fetch, op) {
                    (Fetch::No, _) => {}
                    (Fetch::Yes, AtomicOp::CmpXchg) => self.set(Reg::R0, old),
                    (Fetch::Yes, _) => self.set(src, old),
                }
            }
            Insn::Jump { offset } => next = self.target(next, offset)?,
            Insn::Branch { width, condition, dst, src, offset } => {
                if alu::holds(condition, width, self.get(dst), self.operand(src)) {
                    next = self.target(next, i32::from(offset))?;
                }
            }
            Insn::CallHelper { id } => next = self.call_helper(id, next, services)?,
            Insn::CallRegister { target } => {
                let id = u32::try_from(self.get(target)).map_err(|_| self.fault(BpfError::InvalidHelper))?;
                next = self.call_helper(id, next, services)?;
            }
            Insn::CallLocal { offset } => {
                self.enter(next)?;
                next = self.target(next, offset)?;
            }
            Insn::Exit => match self.leave() {
                Some(return_to) => next = return_to,
                None => return Ok(Some(self.get(Reg::R0))),
            },
        }
        self.pc = next;
        Ok(None)
    }

    fn target(&self, next: usize, offset: i32) -> Result<usize, Fault> {
        next.checked_add_signed(offset as isize).ok_or(self.fault(BpfError::InvalidInstruction))
    }

    fn immediate(&self, value: Immediate) -> Result<u64, Fault> {
        match value {
            Immediate::Value(value) => Ok(value),
            Immediate::Map(map) => Ok(helpers::handle(map)),
            Immediate::MapValue { map, offset } => {
                let map = self.job.maps.get(map as usize).ok_or(self.fault(BpfError::InvalidAccess))?;
                Ok((map.values().as_ptr().expose_provenance() as u64).wrapping_add(u64::from(offset)))
            }
            Immediate::Function(distance) => {
                // Behind the two slots of the load, less one: distances count from the second.
                Ok(function_handle(self.target(self.pc + 1, distance)?))
            }
        }
    }

    /// Returns where to go on.
    fn call_helper(&mut self, id: u32, next: usize, services: &mut dyn Services) -> Result<usize, Fault> {
        let [_, r1, r2, r3, r4, r5, ..] = self.registers;
        let job = self.job;
        let outcome = helpers::call(id, [r1, r2, r3, r4, r5], job, services, self);
        let outcome = outcome.map_err(|error| match error {
            CallError::Unknown => self.fault(BpfError::InvalidHelper),
            CallError::Access(address) => self.outside(InvalidAccess(address)),
            CallError::Fault(fault) => fault,
        })?;
        // The callee may have used them (RFC 9669 section 2.1); zeros keep what they held from leaking.
        self.registers[1..KEPT.start].fill(0);
        match outcome {
            Outcome::Value(r0) => {
                self.set(Reg::R0, r0);
                Ok(next)
            }
            Outcome::TailCall(TailCall { frames, .. }) if self.depth + frames > MAX_FRAMES => {
                // As without the program.
                self.set(Reg::R0, NO_ENTRY);
                Ok(next)
            }
            Outcome::TailCall(TailCall { entry, wcet_insns, .. }) => {
                self.lent = self.lent.saturating_add(wcet_insns);
                self.registers[..Reg::FRAME.index()].fill(0);
                self.registers[1] = r1;
                Ok(entry)
            }
        }
    }

    fn enter(&mut self, return_to: usize) -> Result<(), Fault> {
        let fault = self.fault(BpfError::CallDepth);
        let frame = self.frames.get_mut(self.depth).ok_or(fault)?;
        *frame = Frame { return_to, saved: Default::default() };
        frame.saved.copy_from_slice(&self.registers[KEPT]);
        self.depth += 1;
        self.registers[Reg::FRAME.index()] -= FRAME_BYTES as u64;
        Ok(())
    }

    fn leave(&mut self) -> Option<usize> {
        self.depth = self.depth.checked_sub(1)?;
        let Frame { return_to, saved } = self.frames[self.depth];
        self.registers[KEPT].copy_from_slice(&saved);
        // As after a helper: zeros keep what the function held in them from leaking.
        self.registers[1..KEPT.start].fill(0);
        self.registers[Reg::FRAME.index()] += FRAME_BYTES as u64;
        Some(return_to)
    }
}

/// The address of the function at slot `pc`, as programs have it: 0 is none.
const fn function_handle(pc: usize) -> u64 {
    pc as u64 + 1
}

impl<M: Reclaim> Caller for Machine<'_, '_, M> {
    fn call(
        &mut self,
        function: u64,
        arguments: [u64; 5],
        services: &mut dyn Services,
    ) -> Result<u64, Fault> {
        let entry = function.checked_sub(1).and_then(|pc| usize::try_from(pc).ok());
        let entry = entry.ok_or(self.fault(BpfError::InvalidInstruction))?;
        let (caller, pc, depth) = (self.registers, self.pc, self.depth);
        self.enter(pc)?;
        self.registers[1..KEPT.start].copy_from_slice(&arguments);
        self.pc = entry;
        while self.depth > depth {
            self.count()?;
            if self.step(services)?.is_some() {
                return Err(self.fault(BpfError::InvalidInstruction));
            }
        }
        let r0 = self.get(Reg::R0);
        (self.registers, self.pc) = (caller, pc);
        Ok(r0)
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;
    use crate::context::ProgramKind;
    use crate::maps::Map;
    use crate::packet::Window;
    use crate::profile::{ActiveProfile, PhysicalProfile};
    use crate::targets::Origin;

    type Strategy = <ActiveProfile as PhysicalProfile>::MemoryStrategy;

    #[test]
    fn a_function_leaves_nothing_in_the_argument_registers() {
        let (memory, maps) = (Memory::default(), &[] as &[&Map<Strategy>]);
        let (kind, window) = (ProgramKind::Syscall, Window::none());
        let job = Job {
            kind,
            text: &[],
            entry: 0,
            limit: 1,
            arguments: [7, 7],
            stack_top: 4096,
            memory,
            maps,
            origin: Origin::new(&[], &[], kind),
            targets: None,
            window: &window,
            scratch: &[],
            tail_calls: Cell::new(0),
            redirected: Cell::new(0),
        };
        let mut machine = Machine::new(&job);
        machine.enter(5).unwrap();
        machine.registers = [9; Reg::COUNT];
        assert_eq!(machine.leave(), Some(5));
        assert_eq!(machine.registers[..6], [9, 0, 0, 0, 0, 0]);
        assert_eq!(machine.registers[KEPT], [0; 4]);
    }
}
