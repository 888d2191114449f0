//! How functions begin and end.
//!
//! The machine's stack holds, from the return address down: the registers the function must give back, the run's
//! address if it or a callee calls helpers, and 8 bytes more where calls need the stack on a multiple of 16.

use super::Lowering;
use crate::jit::flow::{Set, VIRTUALS};
use crate::jit::run::offset;
use crate::jit::x86_64::form::{MOV_LOAD, MOV_STORE};
use crate::jit::x86_64::{Address, Bits, R9, RAX, RBP, RCX, RDX, RSP, Register};

/// A function's part of the machine's stack.
#[derive(Clone, Copy, Default)]
pub(super) struct Frame {
    /// Registers pushed, in this order.
    saved: [Option<Register>; 6],
    /// Whether the run's address was pushed after them.
    has_run: bool,
    /// Whether 8 bytes more were pushed, last.
    padded: bool,
}

impl Frame {
    /// Where the run's address is.
    pub(super) const fn run(&self) -> Address {
        Address::new(RSP, if self.padded { 8 } else { 0 })
    }

    fn extra(&self) -> usize {
        usize::from(self.has_run) + usize::from(self.padded)
    }
}

impl Lowering<'_> {
    pub(super) fn prologue(&mut self, number: usize) {
        self.assembler.bind(self.entries[number]);
        let is_entry = number == 0;
        self.frame = self.plan(is_entry);
        for register in self.frame.saved.into_iter().flatten() {
            self.push_register(register);
        }
        // The entry gets the run in its fourth argument, a callee from its caller in R9.
        let run = if is_entry { RCX } else { R9 };
        if self.frame.has_run {
            self.push_register(run);
        }
        if self.frame.padded {
            self.push_register(RCX);
        }
        if is_entry {
            self.mov_memory(MOV_STORE, Bits::B64, RSP, Address::new(RCX, offset::STACK_POINTER));
            if self.function.needs_frame {
                self.copy(Bits::B64, RBP, RDX);
            }
        }
        self.forget(Set::MAX);
    }

    fn plan(&self, is_entry: bool) -> Frame {
        let mut registers = [None; 6];
        let mut count = 0;
        let homes = (6..10).chain(11..VIRTUALS).filter(|number| self.function.used >> number & 1 != 0);
        let homes = homes.map(|number| self.homes[number]).filter(|home| home.is_callee_saved());
        let frame = (is_entry && self.function.needs_frame).then_some(RBP);
        for (place, home) in registers.iter_mut().zip(homes.chain(frame)) {
            *place = Some(home);
            count += 1;
        }
        let has_run = self.function.needs_run;
        let padded = self.function.has_calls && (count + usize::from(has_run)) % 2 == 0;
        Frame { saved: registers, has_run, padded }
    }

    /// The end of a function, from the machine's point of view. One that takes few bytes stands at every exit.
    pub(super) fn exit(&mut self, index: usize) {
        self.materialize_result();
        let pops = self.frame.saved.iter().flatten().count() + self.frame.extra();
        let is_last = index + 1 == self.function.end;
        if !is_last {
            if pops <= 1 {
                self.leave();
            } else {
                self.assembler.jump(self.epilogue);
            }
        }
    }

    /// What comes after the last operation: the common epilogue, and the way out of a failed helper call.
    pub(super) fn finish_function(&mut self) {
        self.assembler.bind(self.epilogue);
        self.leave();
        if let Some(abort) = self.abort.take() {
            self.assembler.bind(abort);
            self.mov_memory(MOV_LOAD, Bits::B64, RAX, self.frame.run());
            self.mov_memory(MOV_LOAD, Bits::B64, RSP, Address::new(RAX, offset::STACK_POINTER));
            self.assembler.jump(self.landing);
        }
    }

    fn leave(&mut self) {
        for _ in 0..self.frame.extra() {
            self.pop_register(RCX);
        }
        for register in self.frame.saved.into_iter().rev().flatten() {
            self.pop_register(register);
        }
        self.assembler.push_bytes(&[0xc3]);
    }

    fn push_register(&mut self, register: Register) {
        self.stack(0x50, register);
    }

    fn pop_register(&mut self, register: Register) {
        self.stack(0x58, register);
    }

    fn stack(&mut self, opcode: u8, register: Register) {
        let low = opcode | register.number() & 7;
        if register.number() < 8 {
            self.assembler.push_bytes(&[low]);
        } else {
            self.assembler.push_bytes(&[0x41, low]);
        }
    }
}
