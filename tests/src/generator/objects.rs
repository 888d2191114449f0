//! Maps, contexts and helpers.

use kernel_bpf::context::ProgramKind;
use kernel_bpf::insn::{AluOp, Condition, Immediate, Insn, Operand, Reg, Size, Width};
use kernel_bpf::object::MapAccess;

use super::{FORMATS, Generator, Kind, maps};
use crate::assembler::{add, alu64, copy, helper, map, r, set, store_imm, wide};

const LOOKUP: u32 = 1;
const UPDATE: u32 = 2;
const DELETE: u32 = 3;
const PRINT: u32 = 6;

/// How many maps there are, and how many of them are arrays.
const MAPS: usize = 7;
const ARRAYS: usize = 5;

impl Generator {
    fn map_index(&mut self) -> u32 {
        let limit = if self.errs() { MAPS + 2 } else { MAPS };
        self.random.below(limit) as u32
    }

    fn bytes_of(index: u32) -> (u16, bool) {
        maps()
            .get(index as usize)
            .map_or((8, true), |def| (def.value_size as u16, def.access == MapAccess::ReadWrite))
    }

    /// A slot with a key: a small one, which a map may have, or any.
    fn key_slot(&mut self) -> Option<usize> {
        let slot = self.number_slot()?;
        if !self.one_in(3) {
            let key = self.random.below(4) as i32;
            self.push(store_imm(Size::DW, 10, (slot as i16 - 64) * 8, key));
            self.scope.slots[slot] = Kind::NUMBER;
        }
        Some(slot)
    }

    /// A lookup, most often compared with null.
    pub(super) fn lookup(&mut self) {
        let Some(slot) = self.key_slot() else { return };
        let index = self.map_index();
        self.address_in(2, slot);
        self.push(map(1, index));
        self.push(helper(LOOKUP));
        self.lose_arguments();
        let (len, writable) = Self::bytes_of(index);
        self.know(0, Kind::BytesOrNull { len, writable });
        let register = self.free();
        self.push(copy(register, 0));
        self.know(register, self.kind_of(0));
        if !self.one_in(6) {
            self.check_null(register);
        }
    }

    /// Compares a lookup's result with null, and goes on where it is none.
    pub(super) fn check_null(&mut self, register: u8) {
        let Kind::BytesOrNull { len, writable } = self.kind_of(register) else { return };
        let (skip, condition) = (self.code.label(), *self.random.pick(&[Condition::Eq, Condition::Ne]));
        if condition == Condition::Eq {
            self.code.branch(Width::W64, condition, r(register), Operand::Imm(0), skip);
        } else {
            let stay = self.code.label();
            self.code.branch(Width::W64, condition, r(register), Operand::Imm(0), stay);
            self.code.jump(skip);
            self.code.place(stay);
        }
        let before = self.scope.clone();
        self.know(register, Kind::Bytes { len, writable });
        let statements = 1 + self.random.below(3);
        for _ in 0..statements {
            self.use_bytes();
        }
        let used = self.scope.clone();
        self.scope = before;
        self.code.place(skip);
        self.know(register, Kind::Nothing);
        self.meet(&used);
    }

    /// Compares one of the results that are still to be compared.
    pub(super) fn check_some_null(&mut self) {
        if let Some(register) = self.holding(|kind| matches!(kind, Kind::BytesOrNull { .. })) {
            self.check_null(register);
        }
    }

    /// The address of a byte in a map's first value.
    pub(super) fn direct_value(&mut self) {
        let limit = if self.errs() { MAPS + 2 } else { ARRAYS };
        let (index, dst) = (self.random.below(limit) as u32, self.free());
        let (len, writable) = Self::bytes_of(index);
        let offset = self.place(len, 1).unsigned_abs();
        let value = Immediate::MapValue { map: index, offset: offset.into() };
        self.push(Insn::LoadImm { dst: r(dst), value });
        self.know(dst, Kind::Bytes { len: len.saturating_sub(offset), writable });
    }

    /// An access through an address, at a fixed or at a variable offset.
    pub(super) fn use_bytes(&mut self) {
        let Some(register) = self.holding(|kind| matches!(kind, Kind::Bytes { .. } | Kind::Stack { .. }))
        else {
            return self.direct_value();
        };
        let (len, writable) = match self.kind_of(register) {
            Kind::Bytes { len, writable } => (len, writable),
            _ => (8, true),
        };
        let mut size = self.size();
        if size.bytes() > usize::from(len) && !self.errs() {
            size = Size::B;
        }
        if len == 0 && !self.errs() {
            return;
        }
        let on_stack = matches!(self.kind_of(register), Kind::Stack { .. });
        if on_stack {
            let place = self.place(8 / size.bytes() as u16, 1).wrapping_mul(size.bytes() as i16);
            self.access(register, place, size, true);
        } else if self.one_in(2) {
            let place = self.place(len, size.bytes() as u16);
            self.access(register, place, size, writable);
        } else {
            self.use_bytes_somewhere(register, len, size, writable);
        }
    }

    fn use_bytes_somewhere(&mut self, register: u8, len: u16, size: Size, writable: bool) {
        let limit = u32::from(len.saturating_sub(size.bytes() as u16));
        let before = self.scope.clone();
        let skip = self.code.label();
        // The address may be where the guard would put its number.
        let locked = self.scope.locked;
        self.scope.locked |= 1 << (register % 10);
        let index = if self.one_in(2) { self.guarded(limit, skip) } else { self.bounded(limit) };
        let address = self.copied(register);
        self.scope.locked = locked;
        if address == index && !self.errs() {
            self.meet(&before);
            self.code.place(skip);
            return;
        }
        let op = if self.errs() { AluOp::Sub } else { AluOp::Add };
        self.push(alu64(op, address, Operand::Reg(r(index))));
        self.know(address, Kind::Nothing);
        let offset = if self.errs() { 1 } else { 0 };
        self.access(address, offset, size, writable);
        self.meet(&before);
        self.code.place(skip);
    }

    /// A load or store of a context field.
    pub(super) fn context(&mut self) {
        let Some(register) = self.holding(|kind| kind == Kind::Context) else { return };
        let fields = self.kind.layout().fields;
        let Some(field) = fields.get(self.random.below(fields.len().max(1))) else { return };
        let sizes = [Size::B, Size::H, Size::W, Size::DW];
        let size = *self.random.pick(&sizes);
        let parts = usize::from(field.size) / size.bytes();
        let offset = field.offset + (self.random.below(parts.max(1)) * size.bytes()) as u16;
        if !self.errs() && usize::from(offset) % size.bytes() != 0 {
            return;
        }
        let writable = field.access == kernel_bpf::context::FieldAccess::ReadWrite;
        let whole = field.size == 4 && self.kind == ProgramKind::Xdp;
        if whole && (field.offset < 12 || size != Size::W) && !self.errs() {
            return;
        }
        let stores = writable && self.one_in(2);
        self.access(register, offset as i16, size, stores);
    }

    /// A change of a map, of a value on the stack.
    pub(super) fn update(&mut self) {
        let (Some(key), Some(value)) = (self.key_slot(), self.number_slot()) else { return };
        let index = *self.random.pick(&[0, 5, 6]);
        let index = if self.errs() { self.map_index() } else { index };
        self.push(map(1, index));
        self.address_in(2, key);
        if self.one_in(4) {
            self.push(helper(DELETE));
        } else {
            // A slot is enough for values of 8 bytes; those of 16 come out of `.data`.
            if index == 6 {
                let offset = self.place(48, 16).unsigned_abs().into();
                self.push(Insn::LoadImm { dst: r(3), value: Immediate::MapValue { map: 3, offset } });
            } else {
                self.address_in(3, value);
            }
            let flags = *self.random.pick(&[0, 0, 1, 2, 4]);
            self.push(set(4, flags));
            self.push(helper(UPDATE));
        }
        self.lose_arguments();
        self.know(0, Kind::NUMBER);
    }

    /// Prints numbers by a string in read-only data, or by one on the stack.
    pub(super) fn print(&mut self) {
        let arguments = [3, 4, 5];
        for register in arguments {
            if !self.kind_of(register).is_number() && !self.errs() {
                let imm = self.imm();
                self.push(set(register, imm));
            }
        }
        let length = if self.one_in(3) { self.string_on_stack() } else { self.string_in_map() };
        let wrong = i32::from(self.errs());
        self.push(set(2, length + wrong));
        self.push(helper(PRINT));
        self.lose_arguments();
        self.know(0, Kind::NUMBER);
    }

    fn string_on_stack(&mut self) -> i32 {
        self.push(wide(1, u64::from_le_bytes(*b"%llx%lx\0")));
        self.push(Insn::Store { base: Reg::FRAME, offset: -8, size: Size::DW, value: Operand::Reg(r(1)) });
        self.scope.slots[63] = Kind::NUMBER;
        self.address_in(1, 63);
        8
    }

    fn string_in_map(&mut self) -> i32 {
        let (offset, length) = *self.random.pick(&FORMATS);
        let value = Immediate::MapValue { map: 2, offset: offset as u32 };
        self.push(Insn::LoadImm { dst: r(1), value });
        length
    }

    /// Something pointers are seldom asked for: comparisons, differences, small moves.
    pub(super) fn pointer_play(&mut self) {
        let is_pointer = |kind| !matches!(kind, Kind::Nothing | Kind::Number(_) | Kind::BytesOrNull { .. });
        let Some(register) = self.holding(is_pointer) else { return };
        let (other, label) = (self.copied(register), self.code.label());
        if self.one_in(3) {
            let imm = *self.random.pick(&[0, 1, 8, -8, -512]);
            self.push(add(other, imm));
            self.know(other, Kind::Nothing);
        }
        match self.random.below(3) {
            0 => {
                self.push(alu64(AluOp::Sub, other, Operand::Reg(r(register))));
                self.know(other, Kind::NUMBER);
            }
            1 => {
                let condition = *self.random.pick(&[Condition::Eq, Condition::Ne]);
                self.code.branch(Width::W64, condition, r(other), Operand::Imm(0), label);
                self.code.place(label);
            }
            _ => {
                let condition = self.condition();
                self.code.branch(Width::W64, condition, r(register), Operand::Reg(r(other)), label);
                self.code.place(label);
            }
        }
    }
}
