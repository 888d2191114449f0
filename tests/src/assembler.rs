//! Instructions to bytes: the other direction of `kernel_bpf::insn::decode`, with labels for jumps and calls.

use kernel_bpf::insn::{
    AluOp, AtomicOp, ByteOrder, Condition, Extend, Fetch, Immediate, Insn, Operand, Reg, SLOT_BYTES, Size,
    Width,
};

/// A place in a program that jumps and calls can name before it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(usize);

/// A program being written.
#[derive(Clone, Debug, Default)]
pub struct Assembler {
    slots: Vec<[u8; SLOT_BYTES]>,
    uses: Vec<(usize, Label)>,
    places: Vec<Option<usize>>,
}

impl Assembler {
    /// Appends an instruction.
    pub fn push(&mut self, insn: Insn) -> &mut Self {
        let (slot, second) = encode(&insn);
        self.slots.push(slot);
        self.slots.extend(second);
        self
    }

    /// A label whose place is still to be said.
    pub fn label(&mut self) -> Label {
        self.places.push(None);
        Label(self.places.len() - 1)
    }

    /// Puts `label` in front of the next instruction.
    pub fn place(&mut self, label: Label) -> &mut Self {
        self.places[label.0] = Some(self.slots.len());
        self
    }

    /// A label for the next instruction.
    pub fn here(&mut self) -> Label {
        let label = self.label();
        self.place(label);
        label
    }

    /// Appends a jump, branch or local call, whose offset is the distance to `label`.
    pub fn push_to(&mut self, insn: Insn, label: Label) -> &mut Self {
        self.uses.push((self.slots.len(), label));
        self.push(insn)
    }

    /// Appends a branch to `label`.
    pub fn branch(
        &mut self,
        width: Width,
        condition: Condition,
        dst: Reg,
        src: Operand,
        label: Label,
    ) -> &mut Self {
        self.push_to(Insn::Branch { width, condition, dst, src, offset: 0 }, label)
    }

    /// Appends a jump to `label`.
    pub fn jump(&mut self, label: Label) -> &mut Self {
        self.push_to(Insn::Jump { offset: 0 }, label)
    }

    /// Appends a call of the function at `label`.
    pub fn call(&mut self, label: Label) -> &mut Self {
        self.push_to(Insn::CallLocal { offset: 0 }, label)
    }

    /// Slots so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The program's text.
    ///
    /// # Panics
    /// If a label that is used has no place, or lies too far away.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        for (slot, label) in self.uses {
            let place = self.places[label.0].expect("a label that is used has a place");
            let distance = i32::try_from(place as i64 - slot as i64 - 1).expect("near enough");
            patch(&mut self.slots[slot], distance);
        }
        self.slots.concat()
    }
}

/// Writes the distance where the opcode has it: calls in the immediate, others in the offset. A jump too far
/// for that becomes the long one.
fn patch(slot: &mut [u8; SLOT_BYTES], distance: i32) {
    match (slot[0], i16::try_from(distance)) {
        (0x85, _) => slot[4..].copy_from_slice(&distance.to_le_bytes()),
        (_, Ok(near)) => slot[2..4].copy_from_slice(&near.to_le_bytes()),
        (0x05, Err(_)) => *slot = encode(&Insn::Jump { offset: distance }).0,
        (_, Err(_)) => panic!("a branch reaches 32,767 slots, not {distance}"),
    }
}

/// `r0` to `r10`.
///
/// # Panics
/// If there is no such register.
#[must_use]
pub fn r(number: u8) -> Reg {
    Reg::new(number).expect("a register")
}

/// `dst op= src` on 64 bits.
#[must_use]
pub fn alu64(op: AluOp, dst: u8, src: Operand) -> Insn {
    Insn::Alu { width: Width::W64, op, dst: r(dst), src }
}

/// `dst = imm`
#[must_use]
pub fn set(dst: u8, imm: i32) -> Insn {
    alu64(AluOp::Mov, dst, Operand::Imm(imm))
}

/// `dst = src`
#[must_use]
pub fn copy(dst: u8, src: u8) -> Insn {
    alu64(AluOp::Mov, dst, Operand::Reg(r(src)))
}

/// `dst += imm`
#[must_use]
pub fn add(dst: u8, imm: i32) -> Insn {
    alu64(AluOp::Add, dst, Operand::Imm(imm))
}

/// `dst = *(size *)(base + offset)`
#[must_use]
pub fn load(size: Size, dst: u8, base: u8, offset: i16) -> Insn {
    Insn::Load { dst: r(dst), base: r(base), offset, size, extend: Extend::Zero }
}

/// `*(size *)(base + offset) = src`
#[must_use]
pub fn store(size: Size, base: u8, offset: i16, src: u8) -> Insn {
    Insn::Store { base: r(base), offset, size, value: Operand::Reg(r(src)) }
}

/// `*(size *)(base + offset) = imm`
#[must_use]
pub fn store_imm(size: Size, base: u8, offset: i16, imm: i32) -> Insn {
    Insn::Store { base: r(base), offset, size, value: Operand::Imm(imm) }
}

/// `dst = value`, all 64 bits.
#[must_use]
pub fn wide(dst: u8, value: u64) -> Insn {
    Insn::LoadImm { dst: r(dst), value: Immediate::Value(value) }
}

/// `dst` = handle of `map`.
#[must_use]
pub fn map(dst: u8, map: u32) -> Insn {
    Insn::LoadImm { dst: r(dst), value: Immediate::Map(map) }
}

/// Call of helper `id`.
#[must_use]
pub const fn helper(id: u32) -> Insn {
    Insn::CallHelper { id }
}

/// The slot of an instruction, and the second of a 64-bit immediate load (RFC 9669 section 3).
#[must_use]
pub fn encode(insn: &Insn) -> ([u8; SLOT_BYTES], Option<[u8; SLOT_BYTES]>) {
    let zero = Reg::R0;
    let one = |opcode, dst, src, offset, imm| (slot(opcode, dst, index(src), offset, imm), None);
    match *insn {
        Insn::Alu { width, op, dst, src } => {
            let (code, offset) = alu_code(op);
            let (source, register, imm) = operand(src);
            (slot(alu_class(width) | code | source, dst, register, offset, imm), None)
        }
        Insn::Neg { width, dst } => one(alu_class(width) | 0x80, dst, zero, 0, 0),
        Insn::MovSx { width, dst, src, from } => {
            one(alu_class(width) | 0xb8, dst, src, 8 * from.bytes() as i16, 0)
        }
        Insn::Swap { order, dst, size } => {
            let opcode = match order {
                ByteOrder::ToLittle => 0xd4,
                ByteOrder::ToBig => 0xdc,
                ByteOrder::Swap => 0xd7,
            };
            one(opcode, dst, zero, 0, 8 * size.bytes() as i32)
        }
        Insn::LoadImm { dst, value } => wide_load(dst, value),
        Insn::Load { dst, base, offset, size, extend } => {
            let mode = if extend == Extend::Zero { 0x61 } else { 0x81 };
            one(mode | size_code(size), dst, base, offset, 0)
        }
        Insn::Store { base, offset, size, value } => {
            let (_, register, imm) = operand(value);
            let class = if matches!(value, Operand::Reg(_)) { 0x63 } else { 0x62 };
            (slot(class | size_code(size), base, register, offset, imm), None)
        }
        Insn::Atomic { op, fetch, base, src, offset, size } => {
            one(0xc3 | size_code(size), base, src, offset, atomic_code(op, fetch))
        }
        Insn::Jump { offset } => match i16::try_from(offset) {
            Ok(near) => one(0x05, zero, zero, near, 0),
            Err(_) => one(0x06, zero, zero, 0, offset),
        },
        Insn::Branch { width, condition, dst, src, offset } => {
            let (source, register, imm) = operand(src);
            let class = if width == Width::W64 { 0x05 } else { 0x06 };
            (slot(class | condition_code(condition) | source, dst, register, offset, imm), None)
        }
        Insn::CallHelper { id } => one(0x85, zero, zero, 0, id.cast_signed()),
        Insn::CallLocal { offset } => (slot(0x85, zero, 1, 0, offset), None),
        Insn::CallRegister { target } => one(0x8d, target, zero, 0, 0),
        Insn::Exit => one(0x95, zero, zero, 0, 0),
    }
}

const fn index(register: Reg) -> u8 {
    register.index() as u8
}

fn slot(opcode: u8, dst: Reg, src: u8, offset: i16, imm: i32) -> [u8; SLOT_BYTES] {
    let ([o0, o1], [i0, i1, i2, i3]) = (offset.to_le_bytes(), imm.to_le_bytes());
    [opcode, src << 4 | index(dst), o0, o1, i0, i1, i2, i3]
}

fn wide_load(dst: Reg, value: Immediate) -> ([u8; SLOT_BYTES], Option<[u8; SLOT_BYTES]>) {
    let (source, low, high) = match value {
        Immediate::Value(value) => (0, value as i32, (value >> 32) as i32),
        Immediate::Map(map) => (1, map.cast_signed(), 0),
        Immediate::MapValue { map, offset } => (2, map.cast_signed(), offset.cast_signed()),
        Immediate::Function(distance) => (4, distance, 0),
    };
    (slot(0x18, dst, source, 0, low), Some(slot(0, Reg::R0, 0, 0, high)))
}

const fn operand(operand: Operand) -> (u8, u8, i32) {
    match operand {
        Operand::Reg(register) => (0x08, index(register), 0),
        Operand::Imm(imm) => (0, 0, imm),
    }
}

const fn alu_class(width: Width) -> u8 {
    match width {
        Width::W32 => 0x04,
        Width::W64 => 0x07,
    }
}

const fn alu_code(op: AluOp) -> (u8, i16) {
    match op {
        AluOp::Add => (0x00, 0),
        AluOp::Sub => (0x10, 0),
        AluOp::Mul => (0x20, 0),
        AluOp::Div => (0x30, 0),
        AluOp::SDiv => (0x30, 1),
        AluOp::Or => (0x40, 0),
        AluOp::And => (0x50, 0),
        AluOp::Lsh => (0x60, 0),
        AluOp::Rsh => (0x70, 0),
        AluOp::Mod => (0x90, 0),
        AluOp::SMod => (0x90, 1),
        AluOp::Xor => (0xa0, 0),
        AluOp::Mov => (0xb0, 0),
        AluOp::Arsh => (0xc0, 0),
    }
}

const fn size_code(size: Size) -> u8 {
    match size {
        Size::W => 0x00,
        Size::H => 0x08,
        Size::B => 0x10,
        Size::DW => 0x18,
    }
}

const fn condition_code(condition: Condition) -> u8 {
    match condition {
        Condition::Eq => 0x10,
        Condition::Gt => 0x20,
        Condition::Ge => 0x30,
        Condition::Set => 0x40,
        Condition::Ne => 0x50,
        Condition::SGt => 0x60,
        Condition::SGe => 0x70,
        Condition::Lt => 0xa0,
        Condition::Le => 0xb0,
        Condition::SLt => 0xc0,
        Condition::SLe => 0xd0,
    }
}

const fn atomic_code(op: AtomicOp, fetch: Fetch) -> i32 {
    let code = match op {
        AtomicOp::Add => 0x00,
        AtomicOp::Or => 0x40,
        AtomicOp::And => 0x50,
        AtomicOp::Xor => 0xa0,
        AtomicOp::Xchg => return 0xe1,
        AtomicOp::CmpXchg => return 0xf1,
    };
    code | (matches!(fetch, Fetch::Yes) as i32)
}

#[cfg(test)]
mod tests {
    use kernel_bpf::insn::decode_bytes;

    use super::*;

    /// Every slot that decodes, with fields from a few values each, is what its instruction encodes to.
    #[test]
    fn encoding_is_the_inverse_of_decoding() {
        let mut decoded = 0;
        for opcode in 0..=u8::MAX {
            for (registers, offset) in [(0, 0), (0x21, 0), (0x10, 1), (0x03, -3), (0x87, 8), (0x12, 32)] {
                for imm in [0, 1, 5, 16, 64, 0xe1, 0xf1, 0x41, -1] {
                    let slot = slot(opcode, r(registers & 0xf), registers >> 4, offset, imm);
                    let next = super::slot(0, Reg::R0, 0, 0, if registers == 0x21 { 0 } else { imm });
                    let Ok(insn) = decode_bytes(slot, Some(next)) else { continue };
                    let long = opcode == 0x06;
                    let (first, second) = encode(&insn);
                    assert!(first == slot || long, "{insn:?}: {slot:02x?} {first:02x?}");
                    assert!(second.is_none_or(|second| second == next), "{insn:?}");
                    assert_eq!(decode_bytes(first, second), Ok(insn));
                    decoded += 1;
                }
            }
        }
        assert!(decoded > 500, "{decoded}");
    }
}
