//! Running a program that nobody has verified, by the back door that only host tools have.

use std::cell::Cell;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use kernel_bpf::context::ProgramKind;
use kernel_bpf::error::Fault;
use kernel_bpf::helpers::Services;
use kernel_bpf::profile::ActiveProfile;
use kernel_bpf::{BpfProgram, Completion, Executable, Input, Rejection, RunSpace, Verified, trusted, verify};

/// More instructions than any program of a test executes.
pub const LIMIT: u64 = 10_000_000;

/// The verifier's memory: 8 MiB, as on the pc.
const WORKSPACE_WORDS: usize = 1 << 20;

/// A world in which nothing happens.
#[derive(Clone, Copy, Debug)]
pub struct Quiet;

impl Services for Quiet {
    fn now(&self) -> u64 {
        0
    }

    fn random(&mut self) -> u32 {
        0
    }

    fn processor(&self) -> u32 {
        0
    }

    fn print(&mut self, _text: fmt::Arguments<'_>) {}
}

/// Runs `program` with r1 at `memory` and r2 its length, both 0 if it is empty.
///
/// # Errors
/// The fault that ended it.
pub fn run(program: &[u8], memory: &mut [u8]) -> Result<Completion, Fault> {
    execute(trusted::assume_verified(untrusted(program, memory), LIMIT), memory)
}

/// The same, if the verifier accepts it; also returns the bound on its instructions.
///
/// # Errors
/// What the verifier says against it.
///
/// # Panics
/// The verifier accepts it and it faults: a defect of the verifier.
pub fn run_verified(program: &[u8], memory: &mut [u8]) -> Result<(Completion, u64), Rejection> {
    let verified = verify(untrusted(program, memory), &mut vec![0; WORKSPACE_WORDS])?;
    let bound = verified.wcet_insns();
    Ok((execute(verified, memory).expect("a verified program does not fault"), bound))
}

/// The program, not verified.
///
/// # Panics
/// It has no instructions.
#[must_use]
pub fn untrusted<'a>(program: &'a [u8], memory: &[u8]) -> BpfProgram<'a, ActiveProfile> {
    let kind = ProgramKind::Memory { size: memory.len() as u32 };
    BpfProgram::new(program, 0, program.len() / 8, kind, &[]).expect("the program has instructions")
}

/// A fixed pool takes memory back last in, first out: threads that run side by side would use it up.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn execute(verified: Verified<'_, ActiveProfile>, memory: &mut [u8]) -> Result<Completion, Fault> {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let space = RunSpace::new(verified.frames()).expect("there is memory for a stack");
    let input = Input::Memory(Cell::from_mut(memory).as_slice_of_cells());
    Executable::new(verified, &[]).expect("it has no maps").run(&space, input, &mut Quiet)
}
