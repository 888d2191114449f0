//! Calls of the program's own functions: what is kept, and what must not leak.

use super::{FRAME_BYTES, FRAME_POINTER, KEPT, Machine, fault};
use crate::error::{BpfError, Fault};
use crate::helpers::{Caller, Services};
use crate::memory::Reclaim;

/// What a call saves: where to go on, and the registers the callee must keep (RFC 9669 section 2.1).
#[derive(Clone, Copy, Default)]
pub(super) struct Frame {
    return_to: usize,
    saved: [u64; KEPT.end - KEPT.start],
}

impl<M: Reclaim> Machine<'_, '_, M> {
    /// A call whose next slot is `return_to`.
    pub(super) fn enter(&mut self, return_to: usize) -> Result<(), Fault> {
        let fault = fault(BpfError::CallDepth, return_to.saturating_sub(1));
        let frame = self.frames.get_mut(self.depth).ok_or(fault)?;
        *frame = Frame { return_to, saved: Default::default() };
        frame.saved.copy_from_slice(&self.registers[KEPT]);
        self.depth += 1;
        self.registers[FRAME_POINTER] -= FRAME_BYTES as u64;
        Ok(())
    }

    /// A return: the slot to go on at. There must be a caller.
    pub(super) fn leave(&mut self) -> usize {
        self.depth -= 1;
        let Frame { return_to, saved } = self.frames[self.depth];
        self.registers[KEPT].copy_from_slice(&saved);
        // As after a helper: zeros keep what the function held in them from leaking.
        self.registers[1..KEPT.start].fill(0);
        self.registers[FRAME_POINTER] += FRAME_BYTES as u64;
        return_to
    }
}

impl<M: Reclaim> Caller for Machine<'_, '_, M> {
    fn call(
        &mut self,
        function: u64,
        arguments: [u64; 5],
        services: &mut dyn Services,
    ) -> Result<u64, Fault> {
        let entry = function.checked_sub(1).and_then(|pc| usize::try_from(pc).ok());
        let entry = entry.ok_or(fault(BpfError::InvalidInstruction, 0))?;
        let (caller, depth) = (self.registers, self.depth);
        self.enter(entry)?;
        self.registers[1..KEPT.start].copy_from_slice(&arguments);
        let r0 = self.run(entry, depth + 1, services)?;
        (self.registers, self.depth) = (caller, depth);
        Ok(r0)
    }
}
