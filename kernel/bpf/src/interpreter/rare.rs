//! Instructions that are rare enough to be decoded: 64-bit immediates, atomics, helper calls, and what is none.

use super::memory::Cached;
use super::{FRAME_POINTER, InvalidAccess, KEPT, MAX_FRAMES, Machine, NAMES, alu, fault, outside};
use crate::error::{BpfError, Fault};
use crate::helpers::{self, CallError, Outcome, Services};
use crate::insn::{AtomicOp, Fetch, Immediate, Insn, Reg, decode};
use crate::memory::Reclaim;
use crate::targets::TailCall;

/// `-ENOENT`.
const NO_ENTRY: u64 = (-2_i64).cast_unsigned();

impl<M: Reclaim> Machine<'_, '_, M> {
    /// Executes the instruction at `pc`; returns the next slot.
    #[inline(never)]
    pub(super) fn rare(&mut self, pc: usize, services: &mut dyn Services) -> Result<usize, Fault> {
        let invalid = fault(BpfError::InvalidInstruction, pc);
        let insn = decode(self.job.text, pc).map_err(|_| invalid)?;
        match insn {
            Insn::LoadImm { dst, value } => self.registers[dst.index()] = self.immediate(value, pc)?,
            Insn::Atomic { .. } => self.atomic(&insn, pc)?,
            Insn::CallHelper { id } => return self.call_helper(id, pc, services),
            Insn::CallRegister { target } => {
                let id = u32::try_from(self.registers[target.index()]);
                let id = id.map_err(|_| fault(BpfError::InvalidHelper, pc))?;
                return self.call_helper(id, pc, services);
            }
            // All others have arms of their own.
            _ => return Err(invalid),
        }
        Ok(pc + insn.slots())
    }

    fn atomic(&mut self, insn: &Insn, pc: usize) -> Result<(), Fault> {
        let Insn::Atomic { op, fetch, base, src, offset, size } = *insn else { return Ok(()) };
        let (address, memory) = (self.registers[base.index()].wrapping_add(offset as u64), &self.job.memory);
        // Nothing else runs between the two accesses: one core, and preemption only between instructions.
        let old = memory.load(address, size).map_err(|error| outside(error, pc))?;
        let new = alu::atomic(op, size, old, self.registers[src.index()], self.registers[0]);
        memory.store(address, size, new).map_err(|error| outside(error, pc))?;
        match (fetch, op) {
            (Fetch::No, _) => {}
            (Fetch::Yes, AtomicOp::CmpXchg) => self.registers[Reg::R0.index()] = old,
            (Fetch::Yes, _) => self.registers[src.index()] = old,
        }
        Ok(())
    }

    fn immediate(&self, value: Immediate, pc: usize) -> Result<u64, Fault> {
        match value {
            Immediate::Value(value) => Ok(value),
            Immediate::Map(map) => Ok(helpers::handle(map)),
            Immediate::MapValue { map, offset } => {
                let map = self.job.maps.get(map as usize).ok_or(fault(BpfError::InvalidAccess, pc))?;
                Ok((map.values().as_ptr().expose_provenance() as u64).wrapping_add(u64::from(offset)))
            }
            Immediate::Function(distance) => {
                // Behind the two slots of the load, less one: distances count from the second.
                let entry = (pc + 1).checked_add_signed(distance as isize);
                Ok(function_handle(entry.ok_or(fault(BpfError::InvalidInstruction, pc))?))
            }
        }
    }

    /// Returns where to go on.
    fn call_helper(&mut self, id: u32, pc: usize, services: &mut dyn Services) -> Result<usize, Fault> {
        let [_, r1, r2, r3, r4, r5, ..] = self.registers;
        let job = self.job;
        let packet = || (job.window.meta.get(), job.window.end.get());
        let before = packet();
        let outcome = helpers::call(id, [r1, r2, r3, r4, r5], job, services, self);
        let outcome = outcome.map_err(|error| match error {
            CallError::Unknown => fault(BpfError::InvalidHelper, pc),
            CallError::Access(address) => outside(InvalidAccess(address), pc),
            CallError::Fault(fault) => fault,
        })?;
        if packet() != before {
            self.windows = [Cached::NONE; NAMES];
        }
        // The callee may have used them (RFC 9669 section 2.1); zeros keep what they held from leaking.
        self.registers[1..KEPT.start].fill(0);
        match outcome {
            Outcome::Value(r0) => {
                self.registers[0] = r0;
                Ok(pc + 1)
            }
            Outcome::TailCall(TailCall { frames, .. }) if self.depth + frames > MAX_FRAMES => {
                // As without the program.
                self.registers[0] = NO_ENTRY;
                Ok(pc + 1)
            }
            Outcome::TailCall(TailCall { entry, wcet_insns, .. }) => {
                self.lent = self.lent.saturating_add(wcet_insns);
                self.registers[..FRAME_POINTER].fill(0);
                self.registers[1] = r1;
                Ok(entry)
            }
        }
    }
}

/// The address of the function at slot `pc`, as programs have it: 0 is none.
const fn function_handle(pc: usize) -> u64 {
    pc as u64 + 1
}
