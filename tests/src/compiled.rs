//! Running programs as machine code, on this host.

use std::cell::Cell;

use kernel_bpf::error::Fault;
use kernel_bpf::jit::{NoCode, Passes};
use kernel_bpf::profile::ActiveProfile;
use kernel_bpf::{Completion, Executable, Input, RunSpace, Verified};
use kernel_host::code_memory;

use crate::trusted::Quiet;

/// An executable with its machine code.
///
/// # Errors
/// Why there is none.
pub fn compiled<'a>(
    executable: Executable<'a, ActiveProfile>,
    passes: Passes,
) -> Result<Executable<'a, ActiveProfile>, NoCode> {
    let executable = executable.compiled(code_memory(), passes);
    match executable.code() {
        Some(Err(reason)) => Err(*reason),
        _ => Ok(executable),
    }
}

/// Runs a program without maps as machine code, r1 at `memory` and r2 its length, both 0 if it is empty. It runs
/// unchecked: it must be a proven one, or one known to touch nothing else.
///
/// # Errors
/// The fault that ended it.
///
/// # Panics
/// It cannot be compiled.
pub fn run(
    verified: Verified<'_, ActiveProfile>,
    memory: &mut [u8],
    passes: Passes,
) -> Result<Completion, Fault> {
    let space = RunSpace::new(verified.frames()).expect("there is memory for a stack");
    let input = Input::Memory(Cell::from_mut(memory).as_slice_of_cells());
    let executable = Executable::new(verified, &[]).expect("it has no maps");
    compiled(executable, passes).expect("it can be compiled").run(&space, input, &mut Quiet)
}
