//! One instruction of the machine at a time.

use super::Lowering;
use crate::jit::x86_64::form::{self, Form};
use crate::jit::x86_64::{Address, Bits, Imm, Instruction, Place, Register};

/// Number of an operation in the ALU forms.
pub(super) mod op {
    pub(in super::super) const ADD: u8 = 0;
    pub(in super::super) const OR: u8 = 1;
    pub(in super::super) const AND: u8 = 4;
    pub(in super::super) const SUB: u8 = 5;
    pub(in super::super) const XOR: u8 = 6;
    pub(in super::super) const CMP: u8 = 7;
}

/// `/digit` of the shifts.
pub(super) mod shift {
    pub(in super::super) const ROL: u8 = 0;
    pub(in super::super) const SHL: u8 = 4;
    pub(in super::super) const SHR: u8 = 5;
    pub(in super::super) const SAR: u8 = 7;
}

impl Lowering<'_> {
    pub(super) fn push(&mut self, form: Form, bits: Bits, reg: u8, place: impl Into<Place>, imm: Imm) {
        self.assembler.push(&Instruction { form, bits, reg, place: place.into(), third: 0, imm });
    }

    /// A form with `reg` in ModRM's `reg` and no constant.
    pub(super) fn with(&mut self, form: Form, bits: Bits, reg: Register, place: impl Into<Place>) {
        self.push(form, bits, reg.number(), place, Imm::None);
    }

    pub(super) fn mov_memory(&mut self, form: Form, bits: Bits, register: Register, address: Address) {
        self.with(form, bits, register, address);
    }

    /// `to = from`; nothing if they are the same and no high half is to be cleared.
    pub(super) fn copy(&mut self, bits: Bits, to: Register, from: Register) {
        if to != from {
            self.with(form::MOV_STORE, bits, from, to);
        }
    }

    /// `to = from`, high half cleared.
    pub(super) fn zero_extend(&mut self, to: Register, from: Register) {
        self.with(form::MOV_STORE, Bits::B32, from, to);
    }

    /// `to op= place`
    pub(super) fn alu_place(&mut self, op: u8, bits: Bits, to: Register, place: impl Into<Place>) {
        self.with(form::alu_load(op), bits, to, place);
        if op != op::CMP {
            self.assembler.flags_are_of(to, bits);
        }
    }

    /// `place op= imm`
    pub(super) fn alu_constant(&mut self, op: u8, bits: Bits, place: impl Into<Place>, imm: i32) {
        let place = place.into();
        match (i8::try_from(imm), bits) {
            (Ok(short), Bits::B8) => self.push(form::ALU_IMM, bits, op, place, Imm::I8(short)),
            (Ok(short), _) => self.push(form::ALU_IMM8, bits, op, place, Imm::I8(short)),
            (Err(_), Bits::B8) => self.push(form::ALU_IMM, bits, op, place, Imm::I8(imm as i8)),
            (Err(_), Bits::B16) => self.push(form::ALU_IMM, bits, op, place, Imm::I16(imm as i16)),
            (Err(_), _) => self.push(form::ALU_IMM, bits, op, place, Imm::I32(imm)),
        }
        if let (Place::Register(register), true) = (place, op != op::CMP) {
            self.assembler.flags_are_of(register, bits);
        }
    }

    /// A shift of `register` by 1 to 63, by its `/digit`.
    pub(super) fn shift_constant(&mut self, digit: u8, bits: Bits, register: Register, count: u8) {
        if count == 1 {
            self.push(form::SHIFT_ONE, bits, digit, register, Imm::None);
        } else {
            self.push(form::SHIFT_IMM, bits, digit, register, Imm::I8(count as i8));
        }
        if digit != shift::ROL {
            self.assembler.flags_are_of(register, bits);
        }
    }

    /// `register = value`, in the shortest way. Changes the flags if `value` is 0.
    pub(super) fn load_constant(&mut self, register: Register, value: u64) {
        let number = register.number();
        if value == 0 {
            self.with(form::alu_store(op::XOR), Bits::B32, register, register);
        } else if let Ok(short) = u32::try_from(value) {
            let (bytes, low) = (short.to_le_bytes(), 0xb8 | number & 7);
            if number < 8 {
                self.assembler.push_bytes(&[low]);
            } else {
                self.assembler.push_bytes(&[0x41, low]);
            }
            self.assembler.push_bytes(&bytes);
        } else if let Ok(short) = i32::try_from(value as i64) {
            self.push(form::MOV_IMM, Bits::B64, 0, register, Imm::I32(short));
        } else {
            self.assembler.push_bytes(&[0x48 | number >> 3, 0xb8 | number & 7]);
            self.assembler.push_bytes(&value.to_le_bytes());
        }
    }

    pub(super) fn lea(&mut self, bits: Bits, to: Register, address: Address) {
        self.with(form::LEA, bits, to, address);
    }
}
