//! Decoding, strict: every field that an encoding leaves unused must be zero (RFC 9669 section 3).

use core::fmt;

use super::{
    AluOp, AtomicOp, ByteOrder, Condition, Extend, Fetch, Immediate, Insn, Operand, Reg, SLOT_BYTES, Size,
    Width,
};

/// Why bytes are not an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// No instruction has this opcode.
    Opcode(u8),
    /// A register number above 10.
    Register(u8),
    /// r10 as a destination.
    FramePointerWritten,
    /// A field the encoding does not use is not zero.
    ReservedField,
    /// A 64-bit immediate load without its second slot.
    HalfImmediate,
    /// An immediate kind (`src` of a 64-bit load) we do not have.
    ImmediateKind(u8),
    /// A byte order or sign extension width that does not exist.
    OperandSize(i32),
    /// An atomic operation that does not exist.
    AtomicKind(i32),
    /// A kernel function call by BTF id.
    KernelFunction(i32),
    /// The deprecated packet access instructions (RFC 9669 section 5.5).
    LegacyPacketAccess,
    /// Past the last instruction.
    End,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opcode(opcode) => write!(f, "unknown opcode 0x{opcode:02x}"),
            Self::Register(number) => write!(f, "register r{number} does not exist (r0 to r10 do)"),
            Self::FramePointerWritten => f.write_str("frame pointer r10 is read-only"),
            Self::ReservedField => f.write_str("a reserved field of the instruction is not zero"),
            Self::HalfImmediate => f.write_str("64-bit immediate load lacks its second slot"),
            Self::ImmediateKind(kind) => write!(f, "64-bit immediate load of unknown kind {kind}"),
            Self::OperandSize(bits) => write!(f, "no such operand size: {bits} bits"),
            Self::AtomicKind(imm) => write!(f, "unknown atomic operation 0x{imm:x}"),
            Self::KernelFunction(id) => {
                write!(
                    f,
                    "kernel function (kfunc, BTF id {id}) is not available: there is no Linux kernel here"
                )
            }
            Self::LegacyPacketAccess => {
                f.write_str("legacy packet access (LD_ABS/LD_IND) is not available: use data and data_end")
            }
            Self::End => f.write_str("execution runs past the last instruction"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// The raw fields of one slot.
#[derive(Clone, Copy)]
struct Fields {
    opcode: u8,
    dst: u8,
    src: u8,
    offset: i16,
    imm: i32,
}

impl Fields {
    const fn of(b: [u8; SLOT_BYTES]) -> Self {
        Self {
            opcode: b[0],
            dst: b[1] & 0xf,
            src: b[1] >> 4,
            offset: i16::from_le_bytes([b[2], b[3]]),
            imm: i32::from_le_bytes([b[4], b[5], b[6], b[7]]),
        }
    }

    fn dst(&self) -> Result<Reg, DecodeError> {
        Reg::new(self.dst).ok_or(DecodeError::Register(self.dst))
    }

    fn written(&self) -> Result<Reg, DecodeError> {
        match self.dst()? {
            Reg::FRAME => Err(DecodeError::FramePointerWritten),
            dst => Ok(dst),
        }
    }

    fn src(&self) -> Result<Reg, DecodeError> {
        Reg::new(self.src).ok_or(DecodeError::Register(self.src))
    }

    /// The second operand as bit 3 of the opcode says (RFC 9669 section 4), the other form's field being zero.
    fn operand(&self) -> Result<Operand, DecodeError> {
        if self.opcode & 0x08 == 0 {
            zero(self.src)?;
            Ok(Operand::Imm(self.imm))
        } else {
            zero(self.imm)?;
            Ok(Operand::Reg(self.src()?))
        }
    }
}

fn zero<T: Default + PartialEq>(field: T) -> Result<(), DecodeError> {
    if field == T::default() { Ok(()) } else { Err(DecodeError::ReservedField) }
}

/// Decodes the instruction at slot `pc` of `text`.
///
/// # Errors
/// What is wrong with the encoding; [`DecodeError::End`] if `pc` is past the end.
pub fn decode(text: &[u8], pc: usize) -> Result<Insn, DecodeError> {
    let slot = |index: usize| -> Option<[u8; SLOT_BYTES]> {
        let start = index.checked_mul(SLOT_BYTES)?;
        text.get(start..start.checked_add(SLOT_BYTES)?)?.try_into().ok()
    };
    decode_bytes(slot(pc).ok_or(DecodeError::End)?, slot(pc + 1))
}

/// Decodes one instruction from its slot and, for a 64-bit immediate load, the slot after it.
///
/// # Errors
/// What is wrong with the encoding.
#[inline]
pub fn decode_bytes(slot: [u8; SLOT_BYTES], next: Option<[u8; SLOT_BYTES]>) -> Result<Insn, DecodeError> {
    let fields = Fields::of(slot);
    match fields.opcode & 0x07 {
        0x00 => load_imm(&fields, next),
        0x01 => load(&fields),
        0x02 | 0x03 => store(&fields),
        0x04 => alu(&fields, Width::W32),
        0x07 => alu(&fields, Width::W64),
        0x05 => jump(&fields, Width::W64),
        _ => jump(&fields, Width::W32),
    }
}

/// Class LD: only the 64-bit immediate load is left of it (RFC 9669 section 5.4).
fn load_imm(fields: &Fields, next: Option<[u8; SLOT_BYTES]>) -> Result<Insn, DecodeError> {
    if matches!(fields.opcode & 0xe0, 0x20 | 0x40) {
        return Err(DecodeError::LegacyPacketAccess);
    }
    if fields.opcode != 0x18 {
        return Err(DecodeError::Opcode(fields.opcode));
    }
    let dst = fields.written()?;
    zero(fields.offset)?;
    let high = Fields::of(next.ok_or(DecodeError::HalfImmediate)?);
    if high.opcode != 0 || high.dst != 0 || high.src != 0 || high.offset != 0 {
        return Err(DecodeError::ReservedField);
    }
    let value = match fields.src {
        0 => Immediate::Value(u64::from(fields.imm as u32) | u64::from(high.imm as u32) << 32),
        1 => {
            zero(high.imm)?;
            Immediate::Map(fields.imm as u32)
        }
        2 => Immediate::MapValue { map: fields.imm as u32, offset: high.imm as u32 },
        4 => {
            zero(high.imm)?;
            Immediate::Function(fields.imm)
        }
        kind => return Err(DecodeError::ImmediateKind(kind)),
    };
    Ok(Insn::LoadImm { dst, value })
}

const fn size(opcode: u8) -> Size {
    match opcode & 0x18 {
        0x00 => Size::W,
        0x08 => Size::H,
        0x10 => Size::B,
        _ => Size::DW,
    }
}

/// Class LDX: modes MEM and MEMSX (RFC 9669 sections 5.1, 5.2).
fn load(fields: &Fields) -> Result<Insn, DecodeError> {
    let size = size(fields.opcode);
    let extend = match fields.opcode & 0xe0 {
        0x60 => Extend::Zero,
        0x80 if size != Size::DW => Extend::Sign,
        _ => return Err(DecodeError::Opcode(fields.opcode)),
    };
    zero(fields.imm)?;
    Ok(Insn::Load { dst: fields.written()?, base: fields.src()?, offset: fields.offset, size, extend })
}

/// Classes ST and STX: modes MEM and, for registers, ATOMIC (RFC 9669 sections 5.1, 5.3).
fn store(fields: &Fields) -> Result<Insn, DecodeError> {
    let (base, offset, size) = (fields.dst()?, fields.offset, size(fields.opcode));
    let register = fields.opcode & 0x07 == 0x03;
    match fields.opcode & 0xe0 {
        0x60 if register => {
            zero(fields.imm)?;
            Ok(Insn::Store { base, offset, size, value: Operand::Reg(fields.src()?) })
        }
        0x60 => {
            zero(fields.src)?;
            Ok(Insn::Store { base, offset, size, value: Operand::Imm(fields.imm) })
        }
        0xc0 if register && matches!(size, Size::W | Size::DW) => {
            let (op, fetch) = atomic(fields.imm)?;
            let src = fields.src()?;
            if fetch == Fetch::Yes && op != AtomicOp::CmpXchg && src == Reg::FRAME {
                return Err(DecodeError::FramePointerWritten);
            }
            Ok(Insn::Atomic { op, fetch, base, src, offset, size })
        }
        _ => Err(DecodeError::Opcode(fields.opcode)),
    }
}

const fn atomic(imm: i32) -> Result<(AtomicOp, Fetch), DecodeError> {
    Ok(match imm {
        0x00 => (AtomicOp::Add, Fetch::No),
        0x01 => (AtomicOp::Add, Fetch::Yes),
        0x40 => (AtomicOp::Or, Fetch::No),
        0x41 => (AtomicOp::Or, Fetch::Yes),
        0x50 => (AtomicOp::And, Fetch::No),
        0x51 => (AtomicOp::And, Fetch::Yes),
        0xa0 => (AtomicOp::Xor, Fetch::No),
        0xa1 => (AtomicOp::Xor, Fetch::Yes),
        0xe1 => (AtomicOp::Xchg, Fetch::Yes),
        0xf1 => (AtomicOp::CmpXchg, Fetch::Yes),
        _ => return Err(DecodeError::AtomicKind(imm)),
    })
}

/// Classes ALU and ALU64 (RFC 9669 section 4.1).
fn alu(fields: &Fields, width: Width) -> Result<Insn, DecodeError> {
    let dst = fields.written()?;
    let op = match (fields.opcode & 0xf0, fields.offset) {
        (0x80, _) => return neg(fields, width, dst),
        (0xb0, 8 | 16 | 32) if fields.opcode & 0x08 != 0 => return mov_sx(fields, width, dst),
        (0xd0, _) => return swap(fields, width, dst),
        (0x30, 1) => AluOp::SDiv,
        (0x90, 1) => AluOp::SMod,
        (code, offset) => {
            zero(offset)?;
            plain(code).ok_or(DecodeError::Opcode(fields.opcode))?
        }
    };
    Ok(Insn::Alu { width, op, dst, src: fields.operand()? })
}

const fn plain(code: u8) -> Option<AluOp> {
    Some(match code {
        0x00 => AluOp::Add,
        0x10 => AluOp::Sub,
        0x20 => AluOp::Mul,
        0x30 => AluOp::Div,
        0x40 => AluOp::Or,
        0x50 => AluOp::And,
        0x60 => AluOp::Lsh,
        0x70 => AluOp::Rsh,
        0x90 => AluOp::Mod,
        0xa0 => AluOp::Xor,
        0xb0 => AluOp::Mov,
        0xc0 => AluOp::Arsh,
        _ => return None,
    })
}

fn neg(fields: &Fields, width: Width, dst: Reg) -> Result<Insn, DecodeError> {
    zero(fields.opcode & 0x08)?;
    zero(fields.src)?;
    zero(fields.offset)?;
    zero(fields.imm)?;
    Ok(Insn::Neg { width, dst })
}

fn mov_sx(fields: &Fields, width: Width, dst: Reg) -> Result<Insn, DecodeError> {
    zero(fields.imm)?;
    let from = match (fields.offset, width) {
        (8, _) => Size::B,
        (16, _) => Size::H,
        (32, Width::W64) => Size::W,
        (bits, _) => return Err(DecodeError::OperandSize(i32::from(bits))),
    };
    Ok(Insn::MovSx { width, dst, src: fields.src()?, from })
}

fn swap(fields: &Fields, width: Width, dst: Reg) -> Result<Insn, DecodeError> {
    zero(fields.src)?;
    zero(fields.offset)?;
    let order = match (width, fields.opcode & 0x08) {
        (Width::W32, 0) => ByteOrder::ToLittle,
        (Width::W32, _) => ByteOrder::ToBig,
        (Width::W64, 0) => ByteOrder::Swap,
        (Width::W64, _) => return Err(DecodeError::Opcode(fields.opcode)),
    };
    let size = match fields.imm {
        16 => Size::H,
        32 => Size::W,
        64 => Size::DW,
        bits => return Err(DecodeError::OperandSize(bits)),
    };
    Ok(Insn::Swap { order, dst, size })
}

/// Classes JMP and JMP32 (RFC 9669 section 4.3).
fn jump(fields: &Fields, width: Width) -> Result<Insn, DecodeError> {
    match (fields.opcode & 0xf0, width) {
        (0x00, _) => unconditional(fields, width),
        (0x80, Width::W64) => call(fields),
        (0x90, Width::W64) if fields.opcode == 0x95 => {
            zero(fields.dst)?;
            zero(fields.src)?;
            zero(fields.offset)?;
            zero(fields.imm)?;
            Ok(Insn::Exit)
        }
        (code, _) => {
            let condition = condition(code).ok_or(DecodeError::Opcode(fields.opcode))?;
            Ok(Insn::Branch {
                width,
                condition,
                dst: fields.dst()?,
                src: fields.operand()?,
                offset: fields.offset,
            })
        }
    }
}

const fn condition(code: u8) -> Option<Condition> {
    Some(match code {
        0x10 => Condition::Eq,
        0x20 => Condition::Gt,
        0x30 => Condition::Ge,
        0x40 => Condition::Set,
        0x50 => Condition::Ne,
        0x60 => Condition::SGt,
        0x70 => Condition::SGe,
        0xa0 => Condition::Lt,
        0xb0 => Condition::Le,
        0xc0 => Condition::SLt,
        0xd0 => Condition::SLe,
        _ => return None,
    })
}

fn unconditional(fields: &Fields, width: Width) -> Result<Insn, DecodeError> {
    if fields.opcode & 0x08 != 0 {
        return Err(DecodeError::Opcode(fields.opcode));
    }
    zero(fields.dst)?;
    zero(fields.src)?;
    let offset = match width {
        Width::W64 => {
            zero(fields.imm)?;
            i32::from(fields.offset)
        }
        Width::W32 => {
            zero(fields.offset)?;
            fields.imm
        }
    };
    Ok(Insn::Jump { offset })
}

fn call(fields: &Fields) -> Result<Insn, DecodeError> {
    zero(fields.offset)?;
    match (fields.opcode, fields.src) {
        (0x85, 0) => {
            zero(fields.dst)?;
            Ok(Insn::CallHelper { id: fields.imm as u32 })
        }
        (0x85, 1) => {
            zero(fields.dst)?;
            Ok(Insn::CallLocal { offset: fields.imm })
        }
        (0x85, 2) => Err(DecodeError::KernelFunction(fields.imm)),
        (0x8d, 0) => {
            zero(fields.imm)?;
            Ok(Insn::CallRegister { target: fields.dst()? })
        }
        _ => Err(DecodeError::ReservedField),
    }
}
