//! Which register of the machine each register of a program lives in.
//!
//! r0 to r5 are where the System V ABI has the result and the arguments, so calls move nothing. Functions that call
//! nothing keep the rest where no one has to save it, as far as there is room.

use crate::jit::Passes;
use crate::jit::flow::{Function, VIRTUALS};
use crate::jit::x86_64::{R8, R9, R10, R11, R12, R13, R14, R15, RAX, RBP, RBX, RCX, RDI, RDX, RSI, Register};

/// For the middle of one operation.
pub(super) const SCRATCH: Register = R11;
/// A second one.
pub(super) const SCRATCH_TOO: Register = R10;

/// The pool for what has no fixed home, the cheapest first: RBX and RBP have the shortest encodings, and R12 and R13
/// as a base take a byte more.
const SAVED: [Register; 6] = [RBX, RBP, R14, R15, R13, R12];

/// The home of each virtual register of a function.
pub(super) fn assign(function: &Function, passes: Passes) -> [Register; VIRTUALS] {
    let mut homes = [RAX, RDI, RSI, RDX, RCX, R8, RBX, R13, R14, R15, RBP, R12, R12, R12];
    let mut free = Free::of(function, passes);
    for number in (6..10).chain(11..VIRTUALS).filter(|number| function.used >> number & 1 != 0) {
        homes[number] = free.take();
    }
    homes
}

/// Registers to give away, the first bit of each list first.
struct Free {
    clobbered: [Option<Register>; 4],
    saved: [Option<Register>; 6],
}

impl Free {
    fn of(function: &Function, passes: Passes) -> Self {
        let unused = |number: usize, register| (function.used >> number & 1 == 0).then_some(register);
        let leaf = !function.has_calls && passes.has(Passes::REGISTERS);
        let clobbered = match leaf {
            true => [unused(2, RSI), unused(1, RDI), Some(R9), unused(5, R8)],
            false => [None; 4],
        };
        let saved = SAVED.map(|register| (register != RBP || !function.needs_frame).then_some(register));
        Self { clobbered, saved }
    }

    /// The next one. There are six saved ones at least without RBP, for seven virtual registers at most, of which
    /// three are there only in functions that call nothing.
    fn take(&mut self) -> Register {
        let mut all = self.clobbered.iter_mut().chain(&mut self.saved);
        all.find_map(Option::take).unwrap_or(R12)
    }
}
