//! Atomic operations. Programs run on one core, and maps are never shared with another one (`Buffer` is not `Sync`),
//! so one instruction is atomic without a lock of the bus, which would take 20 times as long.

use super::Lowering;
use super::emit::op::{ADD, AND, OR, XOR};
use super::homes::{SCRATCH, SCRATCH_TOO};
use super::memory::bits_of_size;
use super::values::Value;
use crate::insn::{AtomicOp, Fetch, Insn, Reg};
use crate::jit::flow::Op;
use crate::jit::x86_64::form::{CMPXCHG, MOV_LOAD, MOV_STORE, XADD, alu_store};
use crate::jit::x86_64::{Address, Bits, RAX};

impl Lowering<'_> {
    pub(super) fn atomic(&mut self, op: &Op) {
        let Insn::Atomic { op: atomic, fetch, base, src, offset, size } = op.insn else { return };
        let (number, bits) = (src.index(), bits_of_size(size));
        // The operand's own register receives the old value.
        self.settle(number);
        if fetch == Fetch::Yes && atomic != AtomicOp::CmpXchg || self.values[number] != Value::Home {
            self.materialize(number);
        }
        if atomic == AtomicOp::CmpXchg {
            return self.compare_exchange(op, number, bits, (base, offset));
        }
        let code = match atomic {
            AtomicOp::Add => Some(ADD),
            AtomicOp::Or => Some(OR),
            AtomicOp::And => Some(AND),
            AtomicOp::Xor => Some(XOR),
            AtomicOp::Xchg | AtomicOp::CmpXchg => None,
        };
        if fetch == Fetch::Yes {
            self.settle(base.index());
        }
        let address = self.address(base, offset);
        let from = self.register(number);
        match (code, fetch) {
            (Some(code), Fetch::No) => return self.with(alu_store(code), bits, from, address),
            (Some(ADD), Fetch::Yes) => {
                let to = self.write(op, number);
                return self.with(XADD, bits, to, address);
            }
            (Some(code), Fetch::Yes) => {
                self.with(MOV_LOAD, bits, SCRATCH, address);
                self.copy(Bits::B64, SCRATCH_TOO, SCRATCH);
                self.alu_place(code, bits, SCRATCH_TOO, from);
                self.with(MOV_STORE, bits, SCRATCH_TOO, address);
            }
            (None, _) => {
                self.with(MOV_LOAD, bits, SCRATCH, address);
                self.with(MOV_STORE, bits, from, address);
            }
        }
        let to = self.write(op, number);
        self.copy(Bits::B64, to, SCRATCH);
    }

    fn compare_exchange(&mut self, op: &Op, src: usize, bits: Bits, (base, offset): (Reg, i16)) {
        self.materialize(0);
        let address = self.address(base, offset);
        let from = self.register(src);
        // Values that read r0 are computed before it changes, and that may change what the address reads.
        self.lea(Bits::B64, SCRATCH, address);
        self.copy(Bits::B64, SCRATCH_TOO, from);
        let to = self.write(op, 0);
        self.with(CMPXCHG, bits, SCRATCH_TOO, Address::new(SCRATCH, 0));
        if bits == Bits::B32 {
            self.zero_extend(to, RAX);
        }
    }
}
