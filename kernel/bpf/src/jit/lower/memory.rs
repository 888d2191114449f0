//! Loads and stores, and what can be done to memory without them.

use core::mem::offset_of;

use super::emit::op::{ADD, AND, CMP, OR, SUB, XOR};
use super::homes::{SCRATCH, SCRATCH_TOO};
use super::values::{Expression, Value, bits_of};
use super::{Lowering, set_of, virtual_of};
use crate::context::FieldKind;
use crate::executable::WINDOW_OFFSET;
use crate::insn::{AluOp, ByteOrder, Extend, Insn, Operand, Reg, Size, Width};
use crate::jit::Passes;
use crate::jit::contexts::Holds;
use crate::jit::flow::Op;
use crate::jit::run::offset;
use crate::jit::x86_64::form::{
    IMUL, MOV_IMM, MOV_LOAD, MOV_STORE, MOVBE_LOAD, MOVSX8, MOVSX16, MOVSXD, MOVZX8, MOVZX16, alu_store,
};
use crate::jit::x86_64::{Address, Bits, Cond, Imm, Register};
use crate::packet::Window;

/// The operand size of an access.
pub(super) const fn bits_of_size(size: Size) -> Bits {
    match size {
        Size::B => Bits::B8,
        Size::H => Bits::B16,
        Size::W => Bits::B32,
        Size::DW => Bits::B64,
    }
}

/// A load, taken apart.
#[derive(Clone, Copy)]
pub(super) struct Loaded {
    pub(super) dst: usize,
    pub(super) base: Reg,
    pub(super) offset: i16,
    pub(super) size: Size,
}

impl Lowering<'_> {
    /// The address `base + offset`, as far as one instruction can compute it.
    pub(super) fn address(&mut self, base: Reg, offset: i16) -> Address {
        let (number, offset) = (base.index(), i32::from(offset));
        if let Value::Later(Expression::Sum(Bits::B64, base, index, disp)) = self.values[number]
            && let Some(disp) = disp.checked_add(offset)
            && self.passes().has(Passes::ADDRESSING)
        {
            return Address { base: Some(base), index, disp };
        }
        self.settle(number);
        Address::new(self.register(number), offset)
    }

    /// The same for an operation that then writes `dst`: a sum that reads the home of `dst` is computed before it
    /// changes, and with that its own registers change too, so it is computed first.
    fn address_before(&mut self, base: Reg, offset: i16, dst: usize) -> Address {
        if let Value::Later(sum) = self.values[base.index()]
            && base.index() != dst
            && sum.reads(self.home(dst))
        {
            self.materialize(base.index());
        }
        self.address(base, offset)
    }

    /// Lowers a load, with what follows where one instruction does both; returns how many operations it took.
    pub(super) fn load(&mut self, index: usize, op: &Op) -> usize {
        let Insn::Load { dst, base, offset, size, extend } = op.insn else { return 1 };
        let dst = dst.index();
        if let Some(slot) = self.function.promoted.slot(base, offset) {
            self.define_copy(op, dst, slot);
            return 1;
        }
        let holds = self.bases.get(index).copied().unwrap_or(Holds::Other);
        if holds != Holds::Other
            && holds != Holds::Unreached
            && self.load_pointer(op, dst, base, offset, holds)
        {
            return 1;
        }
        let load = Loaded { dst, base, offset, size };
        if extend == Extend::Zero {
            let taken = self.load_fused(index, load);
            if taken > 0 {
                return taken;
            }
        }
        let address = self.address_before(base, offset, dst);
        let to = self.write(op, dst);
        self.load_from(to, address, size, extend);
        1
    }

    fn load_from(&mut self, to: Register, address: Address, size: Size, extend: Extend) {
        let (form, bits) = match (size, extend) {
            (Size::DW, _) => (MOV_LOAD, Bits::B64),
            (Size::W, Extend::Zero) => (MOV_LOAD, Bits::B32),
            (Size::H, Extend::Zero) => (MOVZX16, Bits::B32),
            (Size::B, Extend::Zero) => (MOVZX8, Bits::B32),
            (Size::W, Extend::Sign) => (MOVSXD, Bits::B64),
            (Size::H, Extend::Sign) => (MOVSX16, Bits::B64),
            (Size::B, Extend::Sign) => (MOVSX8, Bits::B64),
        };
        self.with(form, bits, to, address);
    }

    /// A load of a context's pointer field; false if it is none.
    fn load_pointer(&mut self, op: &Op, dst: usize, base: Reg, offset: i16, holds: Holds) -> bool {
        let Holds::Context(delta) = holds else { return self.load_perhaps_pointer(op, dst, base, offset) };
        let field = i64::from(delta) + i64::from(offset);
        let Some(place) = self.place_in_window(field) else { return false };
        self.settle(base.index());
        let window = Address::new(self.register(base.index()), WINDOW_OFFSET as i32 - delta);
        let to = self.write(op, dst);
        self.mov_memory(MOV_LOAD, Bits::B64, to, window);
        self.mov_memory(MOV_LOAD, Bits::B64, to, Address::new(to, place));
        true
    }

    /// Where in the packet's window the whole address of the pointer field at `field` is.
    fn place_in_window(&self, field: i64) -> Option<i32> {
        let field = self.target.kind.layout().field(u64::try_from(field).ok()?, 4)?;
        match field.kind {
            FieldKind::PacketStart => Some(offset_of!(Window<'static>, start) as i32),
            FieldKind::PacketEnd => Some(offset_of!(Window<'static>, end) as i32),
            FieldKind::PacketMeta => Some(offset_of!(Window<'static>, meta) as i32),
            _ => None,
        }
    }

    /// Compares the address with that of each pointer field as the code runs.
    fn load_perhaps_pointer(&mut self, op: &Op, dst: usize, base: Reg, offset: i16) -> bool {
        let address = self.address_before(base, offset, dst);
        let to = self.write(op, dst);
        let (plain, done) = (self.assembler.label(), self.assembler.label());
        let run = self.frame.run();
        self.mov_memory(MOV_LOAD, Bits::B64, SCRATCH_TOO, run);
        self.mov_memory(MOV_LOAD, Bits::B64, SCRATCH_TOO, Address::new(SCRATCH_TOO, offset::CONTEXT));
        self.lea(Bits::B64, SCRATCH, address);
        self.alu_place(SUB, Bits::B64, SCRATCH, SCRATCH_TOO);
        let fields = self.target.kind.layout().fields;
        for field in fields {
            let Some(place) = self.place_in_window(i64::from(field.offset)) else { continue };
            let next = self.assembler.label();
            self.alu_constant(CMP, Bits::B64, SCRATCH, i32::from(field.offset));
            self.assembler.branch(Cond::NotEqual, next);
            let window = Address::new(SCRATCH_TOO, WINDOW_OFFSET as i32);
            self.mov_memory(MOV_LOAD, Bits::B64, to, window);
            self.mov_memory(MOV_LOAD, Bits::B64, to, Address::new(to, place));
            self.assembler.jump(done);
            self.assembler.bind(next);
        }
        self.assembler.bind(plain);
        self.alu_place(ADD, Bits::B64, SCRATCH, SCRATCH_TOO);
        self.load_from(to, Address::new(SCRATCH, 0), Size::W, Extend::Zero);
        self.assembler.bind(done);
        true
    }

    fn load_fused(&mut self, index: usize, load: Loaded) -> usize {
        let Some(next) = self.follower(index).copied() else { return 0 };
        let is_dead = next.live_after & set_of(load.dst) == 0;
        match next.insn {
            Insn::Swap { order, dst, size } if order != ByteOrder::ToLittle && dst.index() == load.dst => {
                self.load_swapped(&next, load, size)
            }
            Insn::Alu { width, op, dst, src: Operand::Reg(src) }
                if is_dead && src.index() == load.dst && dst.index() != load.dst =>
            {
                self.operate_from_memory(&next, load, width, op, dst.index())
            }
            Insn::Alu { width, op, dst, src } if dst.index() == load.dst => {
                self.change_memory(index, load, width, op, src)
            }
            Insn::Branch { width, condition, dst, src, .. } if is_dead && dst.index() == load.dst => {
                self.compare_memory(index, load, width, condition, src)
            }
            _ => 0,
        }
    }

    /// `dst = swap(*p)`
    fn load_swapped(&mut self, swap: &Op, load: Loaded, size: Size) -> usize {
        if size != load.size || size == Size::B || !self.passes().has(Passes::MOVBE) {
            return 0;
        }
        if size != Size::H && !self.target.features.movbe {
            return 0;
        }
        let address = self.address_before(load.base, load.offset, load.dst);
        let to = self.write(swap, load.dst);
        if size == Size::H {
            // A 16-bit rotation keeps the zeros above.
            self.with(MOVZX16, Bits::B32, to, address);
            self.shift_constant(super::emit::shift::ROL, Bits::B16, to, 8);
        } else {
            self.with(MOVBE_LOAD, bits_of_size(size), to, address);
        }
        2
    }

    /// `dst op= *p`
    fn operate_from_memory(&mut self, op: &Op, load: Loaded, width: Width, alu: AluOp, dst: usize) -> usize {
        let fits = matches!((load.size, width), (Size::W, Width::W32) | (Size::DW, Width::W64));
        if !fits || !self.passes().has(Passes::MEMORY_OPERANDS) {
            return 0;
        }
        let code = match alu {
            AluOp::Add => Some(ADD),
            AluOp::Sub => Some(SUB),
            AluOp::Or => Some(OR),
            AluOp::And => Some(AND),
            AluOp::Xor => Some(XOR),
            AluOp::Mul => None,
            _ => return 0,
        };
        let bits = bits_of(width);
        self.live |= op.live_before | set_of(dst);
        self.settle_at(bits, dst);
        let address = self.address_before(load.base, load.offset, dst);
        let from = self.register(dst);
        let to = self.write(op, dst);
        let reads_target = address.base == Some(to) || address.index.is_some_and(|(index, _)| index == to);
        if from != to && reads_target {
            // The copy would change the address.
            self.load_from(SCRATCH, address, load.size, Extend::Zero);
            self.copy(bits, to, from);
            self.operate(code, bits, to, SCRATCH.into());
        } else {
            self.copy(bits, to, from);
            self.operate(code, bits, to, address.into());
        }
        2
    }

    fn operate(&mut self, code: Option<u8>, bits: Bits, to: Register, place: crate::jit::x86_64::Place) {
        match code {
            Some(code) => self.alu_place(code, bits, to, place),
            None => self.with(IMUL, bits, to, place),
        }
    }

    /// `*p op= src` of a load, an operation and a store.
    fn change_memory(&mut self, index: usize, load: Loaded, width: Width, alu: AluOp, src: Operand) -> usize {
        let code = match alu {
            AluOp::Add => ADD,
            AluOp::Sub => SUB,
            AluOp::Or => OR,
            AluOp::And => AND,
            AluOp::Xor => XOR,
            _ => return 0,
        };
        let Some(store) = self.follower(index + 1).copied() else { return 0 };
        let Insn::Store { base, offset, size, value: Operand::Reg(value) } = store.insn else { return 0 };
        let same =
            base == load.base && offset == load.offset && size == load.size && value.index() == load.dst;
        let is_dead = store.live_after & set_of(load.dst) == 0;
        let from = virtual_of(src);
        let independent = from != Some(load.dst) && base.index() != load.dst;
        let fits = width == Width::W64 || size != Size::DW;
        if !(same && is_dead && independent && fits && self.passes().has(Passes::MEMORY_OPERANDS)) {
            return 0;
        }
        let (bits, imm) = (bits_of_size(size), self.constant(width, src));
        self.live |= from.map_or(0, set_of);
        match imm.map(|imm| i32::try_from(imm as i64)) {
            // A 16-bit constant stalls the decoder.
            Some(Ok(imm)) if size != Size::H || i8::try_from(imm).is_ok() => {
                let address = self.address(base, offset);
                self.alu_constant(code, bits, address, imm);
            }
            _ => {
                let Some(from) = from else { return 0 };
                self.settle_at(bits, from);
                let address = self.address(base, offset);
                self.with(alu_store(code), bits, self.register(from), address);
            }
        }
        // The register has no value any more.
        self.set_value(load.dst, Value::Home);
        3
    }

    pub(super) fn store(&mut self, op: &Op, base: Reg, offset: i16, size: Size, value: Operand) {
        if let Some(slot) = self.function.promoted.slot(base, offset) {
            return self.store_in_register(op, slot, size, value);
        }
        let bits = bits_of_size(size);
        if let Some(imm) = self.stored_constant(size, value) {
            let address = self.address(base, offset);
            let imm = match size {
                Size::B => Imm::I8(imm as i8),
                Size::H => Imm::I16(imm as i16),
                Size::W | Size::DW => Imm::I32(imm),
            };
            return self.push(MOV_IMM, bits, 0, address, imm);
        }
        let Some(from) = virtual_of(value) else { return };
        self.settle_at(bits, from);
        let address = self.address(base, offset);
        let from = self.register(from);
        self.with(MOV_STORE, bits, from, address);
    }

    fn stored_constant(&self, size: Size, value: Operand) -> Option<i32> {
        let value = self.constant(Width::W64, value)?;
        if size == Size::DW { i32::try_from(value as i64).ok() } else { Some(value as i32) }
    }

    fn store_in_register(&mut self, op: &Op, slot: usize, size: Size, value: Operand) {
        if let Some(value) = self.constant(Width::W64, value) {
            let value = if size == Size::W { u64::from(value as u32) } else { value };
            return self.define_constant(op, slot, value);
        }
        let Some(from) = virtual_of(value) else { return };
        if size == Size::DW || self.is_short(from) {
            return self.define_copy(op, slot, from);
        }
        self.settle_low(from);
        self.define(op, slot, Expression::Low(self.register(from)));
    }
}
