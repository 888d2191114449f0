//! Calls: of helpers, by the run's trampoline, and of the program's own functions.

use super::Lowering;
use super::emit::op::{ADD, CMP, XOR};
use super::homes::SCRATCH;
use super::values::Value;
use crate::helpers::MAP_LOOKUP_ELEM;
use crate::interpreter::FRAME_BYTES;
use crate::jit::flow::{CALL_CLOBBERED, Op};
use crate::jit::run::offset;
use crate::jit::x86_64::form::{CALL_PLACE, IMUL_IMM, MOV_IMM, MOV_LOAD, MOV_STORE, TEST, alu_store};
use crate::jit::x86_64::{Address, Bits, Cond, Imm, R9, RAX, RBP, RDX, RSI};
use crate::jit::{NoCode, Passes};

/// Which helper is called.
#[derive(Clone, Copy)]
pub(super) enum Callee {
    Number(u32),
    /// The one whose number is in this virtual register.
    Register(usize),
}

impl Lowering<'_> {
    pub(super) fn call_helper(&mut self, op: &Op, callee: Callee) {
        if let Callee::Number(MAP_LOOKUP_ELEM) = callee
            && self.look_up_array(op)
        {
            return;
        }
        self.flush(op.uses | op.live_after & !CALL_CLOBBERED & !self.constants);
        let run = self.frame.run();
        self.mov_memory(MOV_LOAD, Bits::B64, R9, run);
        let number = Address::new(R9, offset::HELPER);
        match callee {
            Callee::Number(id) => self.push(MOV_IMM, Bits::B32, 0, number, Imm::I32(id as i32)),
            Callee::Register(target) => {
                let from = self.register(target);
                self.mov_memory(MOV_STORE, Bits::B32, from, number);
            }
        }
        self.push(CALL_PLACE, Bits::B32, 2, Address::new(R9, offset::TRAMPOLINE), Imm::None);
        self.with(TEST, Bits::B32, RDX, RDX);
        let abort = match self.abort {
            Some(abort) => abort,
            None => self.assembler.label(),
        };
        self.abort = Some(abort);
        self.assembler.branch(Cond::NotEqual, abort);
        self.forget_clobbered();
    }

    fn forget_clobbered(&mut self) {
        self.forget(CALL_CLOBBERED);
    }

    pub(super) fn call_local(&mut self, op: &Op) -> Result<(), NoCode> {
        let number = op.target as usize;
        // The entry is no callee: it keeps the machine's stack pointer of the run.
        let callee = *self.program.functions.get(number).filter(|_| number > 0).ok_or(NoCode::Malformed)?;
        self.flush(op.uses | op.live_after & !CALL_CLOBBERED & !self.constants);
        if callee.needs_run || self.any_perhaps {
            let run = self.frame.run();
            self.mov_memory(MOV_LOAD, Bits::B64, R9, run);
        }
        if callee.needs_frame {
            self.alu_constant(ADD, Bits::B64, RBP, -(FRAME_BYTES as i32));
        }
        let entry = self.entries[number];
        self.assembler.call(entry);
        if callee.needs_frame {
            self.alu_constant(ADD, Bits::B64, RBP, FRAME_BYTES as i32);
        }
        self.forget_clobbered();
        Ok(())
    }

    /// A lookup in an array whose map is known needs no call.
    fn look_up_array(&mut self, op: &Op) -> bool {
        let Value::Constant(handle) = self.values[1] else { return false };
        let map = handle.checked_sub(1).and_then(|map| u32::try_from(map).ok());
        let Some(place) = map.and_then(|map| (self.target.maps)(map)) else { return false };
        let Some((stride, entries)) = place.array.filter(|_| self.passes().has(Passes::ARRAY_LOOKUP)) else {
            return false;
        };
        let (Ok(stride), Ok(entries)) = (i32::try_from(stride), i32::try_from(entries)) else { return false };
        self.set_value(1, Value::Home);
        self.flush((op.uses & !2) | op.live_after & !CALL_CLOBBERED & !self.constants);
        let (missing, done) = (self.assembler.label(), self.assembler.label());
        self.mov_memory(MOV_LOAD, Bits::B32, RAX, Address::new(RSI, 0));
        self.alu_constant(CMP, Bits::B32, RAX, entries);
        self.assembler.branch(Cond::NotBelow, missing);
        self.load_constant(SCRATCH, place.values);
        if stride == 8 {
            self.lea(Bits::B64, RAX, Address { base: Some(SCRATCH), index: Some((RAX, 3)), disp: 0 });
        } else {
            self.push(IMUL_IMM, Bits::B64, RAX.number(), RAX, Imm::I32(stride));
            self.alu_place(ADD, Bits::B64, RAX, SCRATCH);
        }
        self.assembler.jump(done);
        self.assembler.bind(missing);
        self.with(alu_store(XOR), Bits::B32, RAX, RAX);
        self.assembler.bind(done);
        self.forget_clobbered();
        true
    }
}
