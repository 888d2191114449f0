//! The table of instruction forms the compiler uses. What is not here is never emitted.

/// Where an opcode stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Map {
    /// One byte.
    Primary,
    /// After `0F`.
    Secondary,
    /// After `0F 38`.
    Map38,
    /// VEX-encoded in map `0F 38`.
    Vex38,
    /// VEX-encoded in map `0F 3A`.
    Vex3A,
}

/// An opcode with its mandatory prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The opcode's table.
    pub map: Map,
    /// The opcode.
    pub opcode: u8,
    /// VEX `pp`: 0 none, 1 `66`, 2 `F3`, 3 `F2`.
    pub prefix: u8,
    /// Whether opcode - 1 is the same for 8 bits.
    pub has_byte_form: bool,
    /// Whether `reg` is a byte register although the operand size is not 8 (never), or `rm` is one (MOVZX).
    pub byte_place: bool,
}

const fn form(map: Map, opcode: u8) -> Form {
    Form { map, opcode, prefix: 0, has_byte_form: false, byte_place: false }
}

const fn sized(opcode: u8) -> Form {
    Form { has_byte_form: true, ..form(Map::Primary, opcode) }
}

/// `op r/m, r` of ADD 0, OR 1, AND 4, SUB 5, XOR 6, CMP 7.
#[must_use]
pub const fn alu_store(op: u8) -> Form {
    sized(op << 3 | 1)
}

/// `op r, r/m` of the same.
#[must_use]
pub const fn alu_load(op: u8) -> Form {
    sized(op << 3 | 3)
}

/// `CMOVcc r, r/m`
#[must_use]
pub const fn cmov(cond: super::Cond) -> Form {
    form(Map::Secondary, 0x40 | cond as u8)
}

/// `SETcc r/m8`
#[must_use]
pub const fn setcc(cond: super::Cond) -> Form {
    Form { byte_place: true, ..form(Map::Secondary, 0x90 | cond as u8) }
}

/// `SHLX`, `SHRX`, `SARX r, r/m, r` by VEX prefix 1, 3, 2.
#[must_use]
pub const fn shift_x(prefix: u8) -> Form {
    Form { prefix, ..form(Map::Vex38, 0xf7) }
}

/// ALU with a 32-bit constant, `/op`; 8 bits with an 8-bit constant.
pub const ALU_IMM: Form = sized(0x81);
/// ALU with a sign-extended 8-bit constant.
pub const ALU_IMM8: Form = form(Map::Primary, 0x83);
/// `TEST r/m, r`
pub const TEST: Form = sized(0x85);
/// `/0` TEST with a constant, `/2` NOT, `/3` NEG, `/4` MUL, `/6` DIV, `/7` IDIV.
pub const GROUP3: Form = sized(0xf7);
/// `MOV r/m, r`
pub const MOV_STORE: Form = sized(0x89);
/// `MOV r, r/m`
pub const MOV_LOAD: Form = sized(0x8b);
/// `MOV r/m, imm`, `/0`
pub const MOV_IMM: Form = sized(0xc7);
/// `MOVZX r32, r/m8`
pub const MOVZX8: Form = Form { byte_place: true, ..form(Map::Secondary, 0xb6) };
/// `MOVZX r32, r/m16`
pub const MOVZX16: Form = form(Map::Secondary, 0xb7);
/// `MOVSX r, r/m8`
pub const MOVSX8: Form = Form { byte_place: true, ..form(Map::Secondary, 0xbe) };
/// `MOVSX r, r/m16`
pub const MOVSX16: Form = form(Map::Secondary, 0xbf);
/// `MOVSXD r64, r/m32`
pub const MOVSXD: Form = form(Map::Primary, 0x63);
/// `LEA r, m`
pub const LEA: Form = form(Map::Primary, 0x8d);
/// Shifts by a constant: `/0` ROL, `/4` SHL, `/5` SHR, `/7` SAR.
pub const SHIFT_IMM: Form = sized(0xc1);
/// Shifts by one, the same extensions.
pub const SHIFT_ONE: Form = sized(0xd1);
/// Shifts by CL, the same extensions.
pub const SHIFT_CL: Form = sized(0xd3);
/// `IMUL r, r/m`
pub const IMUL: Form = form(Map::Secondary, 0xaf);
/// `IMUL r, r/m, imm32`
pub const IMUL_IMM: Form = form(Map::Primary, 0x69);
/// `IMUL r, r/m, imm8`
pub const IMUL_IMM8: Form = form(Map::Primary, 0x6b);
/// `XADD r/m, r`
pub const XADD: Form = form(Map::Secondary, 0xc1);
/// `CMPXCHG r/m, r`
pub const CMPXCHG: Form = form(Map::Secondary, 0xb1);
/// `MOVBE r, m`
pub const MOVBE_LOAD: Form = form(Map::Map38, 0xf0);
/// `MOVBE m, r`
pub const MOVBE_STORE: Form = form(Map::Map38, 0xf1);
/// `RORX r, r/m, imm8`
pub const RORX: Form = Form { prefix: 3, ..form(Map::Vex3A, 0xf0) };
/// `MULX r, r, r/m`: RDX times the last, high half in the first, low half in the second.
pub const MULX: Form = Form { prefix: 3, ..form(Map::Vex38, 0xf6) };
/// `CALL r/m`, `/2`: 64 bits without a prefix, so it is encoded as 32.
pub const CALL_PLACE: Form = form(Map::Primary, 0xff);
