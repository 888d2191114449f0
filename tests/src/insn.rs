//! Instructions by their fields, after RFC 9669: for programs that tests write by hand. Nothing here is
//! shared with the kernel's decoder, so a mistake in one does not hide in the other.

/// One slot: 8 bytes.
pub type Slot = [u8; 8];

/// Where the second operand of an arithmetic or jump instruction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the immediate field (`K`).
    Imm(i32),
    /// In a register (`X`).
    Reg(u8),
}

/// Bytes of an access, as bits 4 and 3 of an opcode (RFC 9669 table 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Size {
    /// 4 bytes.
    W = 0x00,
    /// 2 bytes.
    H = 0x08,
    /// 1 byte.
    B = 0x10,
    /// 8 bytes.
    DW = 0x18,
}

/// Operand width of arithmetic and comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Classes ALU and JMP32.
    W32,
    /// Classes ALU64 and JMP.
    W64,
}

/// A slot from its fields (RFC 9669 section 3.1).
#[must_use]
pub const fn slot(opcode: u8, dst: u8, src: u8, offset: i16, imm: i32) -> Slot {
    let ([o0, o1], [i0, i1, i2, i3]) = (offset.to_le_bytes(), imm.to_le_bytes());
    [opcode, src << 4 | dst, o0, o1, i0, i1, i2, i3]
}

const fn with_source(opcode: u8, dst: u8, source: Source, offset: i16) -> Slot {
    match source {
        Source::Imm(imm) => slot(opcode, dst, 0, offset, imm),
        Source::Reg(src) => slot(opcode | 0x08, dst, src, offset, 0),
    }
}

/// Arithmetic by its code (RFC 9669 table 8); `offset` tells signed forms from unsigned ones.
#[must_use]
pub const fn alu(width: Width, code: u8, offset: i16, dst: u8, source: Source) -> Slot {
    let class = match width {
        Width::W32 => 0x04,
        Width::W64 => 0x07,
    };
    with_source(class | code, dst, source, offset)
}

/// `dst = imm`, 64 bits, sign-extended.
#[must_use]
pub const fn mov(dst: u8, imm: i32) -> Slot {
    alu(Width::W64, 0xb0, 0, dst, Source::Imm(imm))
}

/// `dst = src`, 64 bits.
#[must_use]
pub const fn copy(dst: u8, src: u8) -> Slot {
    alu(Width::W64, 0xb0, 0, dst, Source::Reg(src))
}

/// `dst += imm`, 64 bits.
#[must_use]
pub const fn add(dst: u8, imm: i32) -> Slot {
    alu(Width::W64, 0x00, 0, dst, Source::Imm(imm))
}

/// `dst = value`, in two slots.
#[must_use]
pub const fn load_imm(dst: u8, value: u64) -> [Slot; 2] {
    [slot(0x18, dst, 0, 0, value as i32), slot(0, 0, 0, 0, (value >> 32) as i32)]
}

/// `dst = *(size *)(base + offset)`, zero-extended.
#[must_use]
pub const fn load(size: Size, dst: u8, base: u8, offset: i16) -> Slot {
    slot(0x61 | size as u8, dst, base, offset, 0)
}

/// `dst = *(signed size *)(base + offset)`, sign-extended.
#[must_use]
pub const fn load_signed(size: Size, dst: u8, base: u8, offset: i16) -> Slot {
    slot(0x81 | size as u8, dst, base, offset, 0)
}

/// `*(size *)(base + offset) = imm`.
#[must_use]
pub const fn store_imm(size: Size, base: u8, offset: i16, imm: i32) -> Slot {
    slot(0x62 | size as u8, base, 0, offset, imm)
}

/// `*(size *)(base + offset) = src`.
#[must_use]
pub const fn store(size: Size, base: u8, offset: i16, src: u8) -> Slot {
    slot(0x63 | size as u8, base, src, offset, 0)
}

/// An atomic operation on `*(size *)(base + offset)` (RFC 9669 section 5.3).
#[must_use]
pub const fn atomic(size: Size, operation: i32, base: u8, offset: i16, src: u8) -> Slot {
    slot(0xc3 | size as u8, base, src, offset, operation)
}

/// A conditional jump by its code (RFC 9669 table 10).
#[must_use]
pub const fn jump_if(width: Width, code: u8, dst: u8, source: Source, offset: i16) -> Slot {
    let class = match width {
        Width::W32 => 0x06,
        Width::W64 => 0x05,
    };
    with_source(class | code, dst, source, offset)
}

/// An unconditional jump over `offset` slots.
#[must_use]
pub const fn jump(offset: i16) -> Slot {
    slot(0x05, 0, 0, offset, 0)
}

/// An unconditional jump with its distance in the immediate field (`gotol`).
#[must_use]
pub const fn jump_long(offset: i32) -> Slot {
    slot(0x06, 0, 0, 0, offset)
}

/// A call of the helper with that number.
#[must_use]
pub const fn call(helper: i32) -> Slot {
    slot(0x85, 0, 0, 0, helper)
}

/// A call of the function `offset` slots behind the next one.
#[must_use]
pub const fn call_local(offset: i32) -> Slot {
    slot(0x85, 0, 1, 0, offset)
}

/// Return.
#[must_use]
pub const fn exit() -> Slot {
    slot(0x95, 0, 0, 0, 0)
}

/// `return imm`.
#[must_use]
pub const fn return_imm(imm: i32) -> [Slot; 2] {
    [mov(0, imm), exit()]
}
