//! Spills, fills and other uses of the stack.

use kernel_bpf::insn::{AluOp, AtomicOp, Extend, Fetch, Insn, Operand, Reg, Size};

use super::{Generator, Kind, SLOTS};
use crate::assembler::{add, alu64, copy, r, store_imm};

/// Offset of a slot's lowest byte from the frame's top.
const fn offset(slot: usize) -> i16 {
    (slot as i16 - SLOTS as i16) * 8
}

impl Generator {
    /// A slot to write to: in a loop, none with a pointer.
    fn free_slot(&mut self) -> usize {
        for _ in 0..8 {
            let slot = self.any_slot();
            let pointer = !self.scope.slots[slot].is_number() && self.scope.slots[slot] != Kind::Nothing;
            if !pointer || (self.scope.loops == 0 && self.one_in(4)) || self.errs() {
                return slot;
            }
        }
        0
    }

    fn any_slot(&mut self) -> usize {
        // Few slots, so that they are used again.
        *self.random.pick(&[0, 1, 31, 56, 57, 58, 59, 60, 61, 62, 63, 63])
    }

    fn slot_with(&mut self, fits: impl Fn(Kind) -> bool) -> Option<usize> {
        let start = self.random.below(SLOTS);
        (0..SLOTS).map(|index| (start + index) % SLOTS).find(|&slot| fits(self.scope.slots[slot]))
    }

    /// Stores a whole register, whatever it holds.
    pub(super) fn spill(&mut self) {
        let Some(register) = self.holding(|kind| kind != Kind::Nothing) else { return };
        let slot = self.free_slot();
        let base = self.base_register();
        self.push(Insn::Store {
            base,
            offset: offset(slot),
            size: Size::DW,
            value: Operand::Reg(r(register)),
        });
        self.scope.slots[slot] = self.kind_of(register);
    }

    /// Loads a whole slot.
    pub(super) fn fill(&mut self) {
        let Some(slot) = self.slot_with(|kind| kind != Kind::Nothing) else { return self.spill() };
        let slot = if self.errs() { self.any_slot() } else { slot };
        let (dst, base) = (self.free(), self.base_register());
        self.push(Insn::Load {
            dst: r(dst),
            base,
            offset: offset(slot),
            size: Size::DW,
            extend: Extend::Zero,
        });
        self.know(dst, self.scope.slots[slot]);
    }

    /// Stores a part of a slot, or all of it as an immediate.
    pub(super) fn store_part(&mut self) {
        let (slot, size) = (self.free_slot(), self.size());
        let place = self.random.below(8 / size.bytes()) * size.bytes();
        let at = offset(slot) + place as i16 + i16::from(self.errs());
        let known = self.scope.slots[slot];
        if self.one_in(2) {
            let imm = self.imm();
            self.push(store_imm(size, 10, at, imm));
        } else {
            let number = self.number();
            self.push(Insn::Store { base: Reg::FRAME, offset: at, size, value: Operand::Reg(r(number)) });
        }
        let whole = size == Size::DW || known.is_number();
        self.scope.slots[slot] = if whole { Kind::NUMBER } else { Kind::Nothing };
    }

    /// Loads a part of a slot of numbers, sign-extended or not.
    pub(super) fn load_part(&mut self) {
        let Some(slot) = self.number_slot() else { return };
        let size = self.size();
        let place = self.random.below(8 / size.bytes()) * size.bytes();
        let extend = if size != Size::DW && self.one_in(2) { Extend::Sign } else { Extend::Zero };
        let dst = self.free();
        let at = offset(slot) + place as i16;
        self.push(Insn::Load { dst: r(dst), base: Reg::FRAME, offset: at, size, extend });
        self.know(dst, Kind::NUMBER);
    }

    /// A slot of eight written numbers, written here if there is none.
    pub(super) fn number_slot(&mut self) -> Option<usize> {
        if self.errs() {
            return Some(self.any_slot());
        }
        if let Some(slot) = self.slot_with(Kind::is_number) {
            return Some(slot);
        }
        let (slot, imm) = (self.free_slot(), self.imm());
        self.push(store_imm(Size::DW, 10, offset(slot), imm));
        self.scope.slots[slot] = Kind::NUMBER;
        Some(slot)
    }

    /// The address of a slot of numbers in a register.
    pub(super) fn slot_address(&mut self) {
        let Some(slot) = self.number_slot() else { return };
        let register = self.free();
        self.address_in(register, slot);
    }

    /// The address of `slot` in `register`.
    pub(super) fn address_in(&mut self, register: u8, slot: usize) {
        self.push(copy(register, 10));
        self.push(add(register, i32::from(offset(slot))));
        self.know(register, Kind::Stack { slot });
    }

    /// Two slots of numbers side by side, accessed at an offset only known to lie in them.
    pub(super) fn variable_access(&mut self) {
        let (first, size) = (self.random.below(SLOTS - 1), self.size());
        let is_free = |slot: Kind| slot.is_number() || slot == Kind::Nothing;
        if !self.scope.slots[first..first + 2].iter().all(|&slot| is_free(slot)) && !self.errs() {
            return;
        }
        let wrong = self.errs();
        for slot in first..first + 2 {
            if !wrong && self.scope.slots[slot] == Kind::Nothing {
                self.push(store_imm(Size::DW, 10, offset(slot), -1));
                self.scope.slots[slot] = Kind::NUMBER;
            }
        }
        let register = self.distance(size);
        self.push(alu64(AluOp::Add, register, Operand::Reg(Reg::FRAME)));
        self.know(register, Kind::Nothing);
        let at = offset(first) + i16::from(self.errs());
        self.access(register, at, size, true);
    }

    /// An offset into 16 bytes at which there are `size` more: any, or a multiple of `size`.
    fn distance(&mut self, size: Size) -> u8 {
        let size = size.bytes() as u32;
        let multiples = !self.one_in(4);
        let bounded = self.bounded(if multiples { 16 / size - 1 } else { 16 - size });
        let register = self.copied(bounded);
        if multiples {
            let shift = size.trailing_zeros() as i32;
            self.push(alu64(AluOp::Lsh, register, Operand::Imm(shift)));
        }
        register
    }

    /// A load, store or atomic operation on numbers at `offset` from `base`.
    pub(super) fn access(&mut self, base: u8, offset: i16, size: Size, writable: bool) {
        let base = r(base);
        let choices = if writable || self.errs() { 5 } else { 2 };
        match self.random.below(choices) {
            0 | 1 => {
                let extend = if size != Size::DW && self.one_in(3) { Extend::Sign } else { Extend::Zero };
                let dst = self.free();
                self.push(Insn::Load { dst: r(dst), base, offset, size, extend });
                self.know(dst, Kind::NUMBER);
            }
            2 => {
                let value = Operand::Imm(self.imm());
                self.push(Insn::Store { base, offset, size, value });
            }
            3 => {
                let value = Operand::Reg(r(self.number()));
                self.push(Insn::Store { base, offset, size, value });
            }
            _ if matches!(size, Size::W | Size::DW) => self.atomic(base, offset, size),
            _ => {}
        }
    }

    /// An atomic operation at `offset` from `base`.
    pub(super) fn atomic(&mut self, base: Reg, offset: i16, size: Size) {
        use AtomicOp::{Add, And, CmpXchg, Or, Xchg, Xor};
        let op = *self.random.pick(&[Add, Or, And, Xor, Xchg, CmpXchg]);
        let number = self.number();
        let src = if self.scope.locked >> number & 1 == 0 { number } else { self.copied(number) };
        if op == CmpXchg && !self.kind_of(0).is_number() && !self.errs() {
            return;
        }
        let fetch = if matches!(op, Xchg | CmpXchg) || self.one_in(2) { Fetch::Yes } else { Fetch::No };
        self.push(Insn::Atomic { op, fetch, base, src: r(src), offset, size });
        if fetch == Fetch::Yes {
            self.know(if op == CmpXchg { 0 } else { src }, Kind::NUMBER);
        }
    }

    /// An atomic operation on a slot.
    pub(super) fn atomic_slot(&mut self) {
        let Some(slot) = self.number_slot() else { return };
        let size = *self.random.pick(&[Size::W, Size::DW]);
        self.atomic(Reg::FRAME, offset(slot), size);
        self.scope.slots[slot] = Kind::NUMBER;
    }
}
