//! The verifier: proves a program safe, or says why it cannot.
//!
//! It walks the program's paths with abstract values ([`value`]), in parts that know little of each other: the
//! shape of the program (`graph`), what an instruction asks for ([`obligation`], the checker), what it does
//! ([`transfer`], the transformer), when one state stands for another ([`cover`]) or for two ([`mod@generalise`]),
//! and where to go on (`explorer`).
//!
//! A path that comes to a state which an explored one covers is not followed again. Where a path comes around a
//! loop, the explorer guesses a state that holds on every trip, with what the number of trips says of it
//! ([`tie`]), and proves the guess by following the loop's body once; the number of trips that it allows bounds
//! the loop. A guess that is wrong costs time, never soundness: the explorer goes back and follows the paths
//! themselves. All memory is the workspace it is given; nothing recurses; every limit ends in a refusal.

pub mod arena;
pub mod cover;
mod explorer;
pub mod generalise;
mod graph;
pub mod obligation;
mod rejection;
pub mod state;
mod store;
pub mod tie;
pub mod transfer;
pub mod value;

pub use rejection::{Reason, Rejection};

use crate::context::ProgramKind;
use crate::insn::Reg;
use crate::profile::PhysicalProfile;
use crate::program::{BpfProgram, Verified};
use explorer::{Explorer, Limits};
use graph::Graph;
use obligation::Facts;
use state::State;
use value::{Pointer, Scalar, Target, Value};

/// Most abstract instructions the verifier steps through before it calls a program too complex.
pub const MAX_STEPS: u64 = 1_000_000;
/// Most words of states it writes, reads and compares before it calls a program too complex: how long a step
/// takes depends on how much stack the program has written.
pub const MAX_WORK: u64 = 1 << 29;

/// Whether a program may learn and show where things are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addresses {
    /// An address is a number like others, and stack that was not written holds some number. What Linux grants
    /// a loader with `CAP_PERFMON`: right where all programs of an image have one owner.
    #[default]
    Open,
    /// No address, and nothing that was not written, decides what a program returns, prints or stores.
    Secret,
}

/// Watches the verifier at work.
pub trait Observer {
    /// The state before the instruction at `state.pc`, on the path that is being followed; `step` counts them.
    fn reached(&mut self, step: u64, state: &State);
    /// What was reached at `step` and after it is taken back: a guess was wrong.
    fn taken_back(&mut self, step: u64);
}

/// Proves `program` safe, in `workspace`: one word for each slot of its object's text, the rest for states.
///
/// # Errors
/// [`Rejection`]: the first instruction found that is not proven safe, and why.
pub fn verify<'a, P: PhysicalProfile>(
    program: BpfProgram<'a, P>,
    workspace: &mut [u64],
) -> Result<Verified<'a, P>, Rejection> {
    verify_with(program, workspace, Addresses::Open, None)
}

/// The same, with addresses open or secret, and watched.
///
/// # Errors
/// As [`verify`].
pub fn verify_with<'a, P: PhysicalProfile>(
    program: BpfProgram<'a, P>,
    workspace: &mut [u64],
    addresses: Addresses,
    observer: Option<&mut dyn Observer>,
) -> Result<Verified<'a, P>, Rejection> {
    let bytes = workspace.len() * 8;
    let slots = program.text.len() / crate::insn::SLOT_BYTES;
    let Some((slots, rest)) = workspace.split_at_mut_checked(slots) else {
        return Err(Reason::Workspace { bytes }.at(program.entry));
    };
    let own = program.entry..program.entry + program.insn_count;
    let graph = Graph::new(program.text, own, P::MAX_INSN_COUNT, slots)?;
    let facts = Facts { kind: program.kind, maps: program.maps, addresses };
    let limits = Limits { insns: P::MAX_INSN_COUNT as u64, stack: P::MAX_STACK_SIZE };
    let mut explorer = Explorer::new(program.text, facts, graph, rest, observer, limits);
    set_entry(explorer.start(), &program);
    explorer.prove(program.entry).map(|proof| Verified { program, proof })
}

/// The start of a program: its arguments, and nothing else.
fn set_entry<P: PhysicalProfile>(state: &mut State, program: &BpfProgram<'_, P>) {
    let number = |number| Value::Number(Scalar::constant(number));
    let (first, second) = match program.kind {
        ProgramKind::Memory { size: 0 } => (number(0), number(0)),
        ProgramKind::Memory { size } => {
            (Value::Pointer(Pointer::to(Target::Memory { size })), number(u64::from(size)))
        }
        _ => (Value::Pointer(Pointer::to(Target::Context)), Value::Uninitialised),
    };
    state.pc = program.entry;
    state.set(Reg::R1, first);
    if let Some(register) = Reg::new(2) {
        state.set(register, second);
    }
}
