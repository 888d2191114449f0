//! Instruction bytes (Intel SDM vol. 2, chapter 2).

use super::form::Map;
use super::{Address, Bits, Instruction, Place, RBP, RSP, Register};

/// A constant at the end of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imm {
    /// None.
    None,
    /// One byte.
    I8(i8),
    /// Two bytes.
    I16(i16),
    /// Four bytes.
    I32(i32),
}

/// Most bytes of an instruction.
pub const MAX_BYTES: usize = 15;

/// Bytes in the making.
#[derive(Default)]
struct Bytes {
    bytes: [u8; MAX_BYTES + 1],
    len: usize,
}

impl Bytes {
    fn push(&mut self, byte: u8) {
        // No form is longer than the array.
        self.bytes[self.len & MAX_BYTES] = byte;
        self.len += 1;
    }

    fn extend(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.push(byte));
    }
}

/// The bytes of `instruction`, and how many there are.
#[inline]
#[must_use]
pub fn encode(instruction: &Instruction) -> ([u8; MAX_BYTES + 1], usize) {
    let mut bytes = Bytes::default();
    match instruction.form.map {
        Map::Vex38 => vex(&mut bytes, instruction, 2),
        Map::Vex3A => vex(&mut bytes, instruction, 3),
        _ => legacy(&mut bytes, instruction),
    }
    mod_rm(&mut bytes, instruction.reg, instruction.place);
    match instruction.imm {
        Imm::None => {}
        Imm::I8(value) => bytes.push(value as u8),
        Imm::I16(value) => bytes.extend(&value.to_le_bytes()),
        Imm::I32(value) => bytes.extend(&value.to_le_bytes()),
    }
    (bytes.bytes, bytes.len)
}

/// The high bits of the operands' numbers, as REX has them: R, X, B.
const fn extension_bits(reg: u8, place: Place) -> u8 {
    let (index, base) = match place {
        Place::Register(register) => (0, register.number()),
        Place::Memory(Address { base, index, .. }) => (
            match index {
                Some((register, _)) => register.number(),
                None => 0,
            },
            match base {
                Some(register) => register.number(),
                None => 0,
            },
        ),
    };
    (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3
}

fn legacy(bytes: &mut Bytes, instruction: &Instruction) {
    let Instruction { form, bits, reg, place, .. } = *instruction;
    if bits == Bits::B16 {
        bytes.push(0x66);
    }
    let wide = if bits == Bits::B64 { 8 } else { 0 };
    let rex = wide | extension_bits(reg, place);
    // SPL, BPL, SIL and DIL exist only with a REX prefix.
    let names_byte = |number: u8| (4..8).contains(&number);
    let byte_place = form.byte_place || bits == Bits::B8;
    let low = matches!(place, Place::Register(register) if byte_place && names_byte(register.number()));
    let low_reg = bits == Bits::B8 && form.has_byte_form && !has_extension(form.opcode) && names_byte(reg);
    if rex != 0 || low || low_reg {
        bytes.push(0x40 | rex);
    }
    match form.map {
        Map::Secondary => bytes.push(0x0f),
        Map::Map38 => bytes.extend(&[0x0f, 0x38]),
        _ => {}
    }
    bytes.push(if bits == Bits::B8 && form.has_byte_form { form.opcode - 1 } else { form.opcode });
}

/// Whether `reg` is an extension of this sized opcode, not a register.
const fn has_extension(opcode: u8) -> bool {
    matches!(opcode, 0x81 | 0xf7 | 0xc7 | 0xc1 | 0xd1 | 0xd3)
}

/// The three-byte VEX prefix and the opcode.
fn vex(bytes: &mut Bytes, instruction: &Instruction, map: u8) {
    let Instruction { form, bits, reg, place, third, .. } = *instruction;
    let wide = if bits == Bits::B64 { 0x80 } else { 0 };
    bytes.push(0xc4);
    bytes.push((!extension_bits(reg, place) & 7) << 5 | map);
    bytes.push(wide | (!third & 15) << 3 | form.prefix);
    bytes.push(form.opcode);
}

fn mod_rm(bytes: &mut Bytes, reg: u8, place: Place) {
    let reg = (reg & 7) << 3;
    match place {
        Place::Register(register) => bytes.push(0xc0 | reg | register.number() & 7),
        Place::Memory(address) => memory(bytes, reg, address),
    }
}

fn memory(bytes: &mut Bytes, reg: u8, Address { base, index, disp }: Address) {
    let Some(base) = base else { return without_base(bytes, reg, index, disp) };
    let low = base.number() & 7;
    // RBP and R13 as a base always have a displacement: without one their code means something else.
    let (mode, short) = match i8::try_from(disp) {
        Ok(0) if low != RBP.number() => (0, None),
        Ok(short) => (0x40, Some(short)),
        Err(_) => (0x80, None),
    };
    match index {
        Some((register, shift)) => {
            bytes.push(mode | reg | 4);
            bytes.push(shift << 6 | (register.number() & 7) << 3 | low);
        }
        None if low == RSP.number() => bytes.extend(&[mode | reg | 4, 0x24]),
        None => bytes.push(mode | reg | low),
    }
    match short {
        Some(short) => bytes.push(short as u8),
        None if mode == 0x80 => bytes.extend(&disp.to_le_bytes()),
        None => {}
    }
}

/// `index * 2^shift + disp`, or an absolute address of 31 bits.
fn without_base(bytes: &mut Bytes, reg: u8, index: Option<(Register, u8)>, disp: i32) {
    let (register, shift) = index.unwrap_or((RSP, 0));
    bytes.push(reg | 4);
    bytes.push(shift << 6 | (register.number() & 7) << 3 | 5);
    bytes.extend(&disp.to_le_bytes());
}
