//! The peer whose machine code is entered by an unsafe call.

use anyhow::Context;

use super::engines::{Figures, timed};

/// `r0 = 0; exit`
pub(super) const EMPTY: [u8; 16] = [0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];

/// rbpf's JIT on a program that stays inside its memory.
pub(super) fn rbpf_jit(text: &[u8], memory: &mut [u8]) -> anyhow::Result<Figures> {
    let mut machine = rbpf::EbpfVmRaw::new(Some(text)).context("rbpf refuses the program")?;
    machine.jit_compile().context("rbpf cannot compile it")?;
    // SAFETY: 1. The program is one of those that are measured, which stay inside the bytes whose number stands in
    // front of them.
    timed(&mut || Ok(unsafe { machine.execute_program_jit(memory) }? as u32))
}
