//! The instruction set of RFC 9669, decoded: one table for the verifier, the engines and the tools.
//!
//! An instruction is 8 bytes, little endian: opcode, registers (destination in the low half), 16-bit offset,
//! 32-bit immediate (RFC 9669 section 3). [`decode`] accepts exactly the encodings the RFC defines: a
//! reserved field that is not zero is an error, so no two spellings mean the same.

mod decode;
mod display;

pub use decode::{DecodeError, decode, decode_bytes};

/// Bytes of one instruction slot. A 64-bit immediate load takes two slots.
pub const SLOT_BYTES: usize = 8;

/// A register: r0 to r10 (RFC 9669 section 2.1). Holding one proves the number is at most 10.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reg(u8);

impl Reg {
    /// The return value, r0.
    pub const R0: Self = Self(0);
    /// The first argument, r1.
    pub const R1: Self = Self(1);
    /// The frame pointer, r10: read-only.
    pub const FRAME: Self = Self(10);
    /// Number of registers.
    pub const COUNT: usize = 11;

    /// Register `number`, or `None` above 10.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number < Self::COUNT as u8 { Some(Self(number)) } else { None }
    }

    /// Its number, 0 to 10.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl core::fmt::Debug for Reg {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "r{}", self.0)
    }
}

impl core::fmt::Display for Reg {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// Operand width of arithmetic and comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// The low 32 bits; an arithmetic result is zero-extended.
    W32,
    /// All 64 bits.
    W64,
}

/// Bytes of a memory access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Size {
    /// One byte.
    B = 1,
    /// Two bytes.
    H = 2,
    /// Four bytes.
    W = 4,
    /// Eight bytes.
    DW = 8,
}

impl Size {
    /// Number of bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self as usize
    }
}

/// A second operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A register.
    Reg(Reg),
    /// A constant, sign-extended to the operation's width.
    Imm(i32),
}

/// Arithmetic (RFC 9669 section 4.1), less the forms that have instructions of their own below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AluOp {
    /// `dst += src`
    Add,
    /// `dst -= src`
    Sub,
    /// `dst *= src`
    Mul,
    /// Unsigned division; by 0 gives 0.
    Div,
    /// Signed division; by 0 gives 0, MIN / -1 gives MIN.
    SDiv,
    /// `dst |= src`
    Or,
    /// `dst &= src`
    And,
    /// Left shift, count masked to the width.
    Lsh,
    /// Logical right shift, count masked.
    Rsh,
    /// Unsigned remainder; by 0 leaves dst.
    Mod,
    /// Signed remainder; by 0 leaves dst, MIN % -1 gives 0.
    SMod,
    /// `dst ^= src`
    Xor,
    /// `dst = src`
    Mov,
    /// Arithmetic right shift, count masked.
    Arsh,
}

/// Comparison of a conditional jump (RFC 9669 section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `dst & src != 0`
    Set,
    /// Unsigned `>`
    Gt,
    /// Unsigned `>=`
    Ge,
    /// Unsigned `<`
    Lt,
    /// Unsigned `<=`
    Le,
    /// Signed `>`
    SGt,
    /// Signed `>=`
    SGe,
    /// Signed `<`
    SLt,
    /// Signed `<=`
    SLe,
}

/// Byte order conversion of a whole register (RFC 9669 section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// Truncate to the size: the machine is little endian.
    ToLittle,
    /// Swap, the machine being little endian.
    ToBig,
    /// Swap always.
    Swap,
}

/// How a load fills the rest of its register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extend {
    /// With zeros.
    Zero,
    /// With copies of the sign bit.
    Sign,
}

/// What an atomic instruction does to memory (RFC 9669 section 5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtomicOp {
    /// `*p += src`
    Add,
    /// `*p |= src`
    Or,
    /// `*p &= src`
    And,
    /// `*p ^= src`
    Xor,
    /// `swap(*p, src)`; always fetches.
    Xchg,
    /// `if *p == r0 { *p = src }`, old value to r0; always fetches.
    CmpXchg,
}

/// Whether an atomic instruction also hands back the old value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// The old value is dropped.
    No,
    /// The old value goes to src (to r0 for CMPXCHG).
    Yes,
}

/// What a 64-bit immediate load puts into its register (RFC 9669 section 5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Immediate {
    /// A number.
    Value(u64),
    /// The handle of a map, by its index in the object.
    Map(u32),
    /// The address of a byte in the first value of a map.
    MapValue {
        /// Index of the map in the object.
        map: u32,
        /// Offset of the byte in the value.
        offset: u32,
    },
    /// The address of a function, in slots from the one after the first of the load.
    Function(i32),
}

/// One decoded instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insn {
    /// Arithmetic.
    Alu {
        /// Operand width.
        width: Width,
        /// The operation.
        op: AluOp,
        /// Destination and first operand.
        dst: Reg,
        /// Second operand.
        src: Operand,
    },
    /// `dst = -dst`
    Neg {
        /// Operand width.
        width: Width,
        /// The register.
        dst: Reg,
    },
    /// Sign-extending move from the low `from` bytes of src.
    MovSx {
        /// Width extended to.
        width: Width,
        /// Destination.
        dst: Reg,
        /// Source.
        src: Reg,
        /// Bytes taken.
        from: Size,
    },
    /// Byte order conversion of the low `size` bytes, the rest zeroed.
    Swap {
        /// Which conversion.
        order: ByteOrder,
        /// The register.
        dst: Reg,
        /// Bytes converted.
        size: Size,
    },
    /// 64-bit immediate load; takes two slots.
    LoadImm {
        /// Destination.
        dst: Reg,
        /// The value.
        value: Immediate,
    },
    /// `dst = *(size *)(base + offset)`
    Load {
        /// Destination.
        dst: Reg,
        /// Address register.
        base: Reg,
        /// Added to the address.
        offset: i16,
        /// Bytes read.
        size: Size,
        /// How the register is filled.
        extend: Extend,
    },
    /// `*(size *)(base + offset) = value`
    Store {
        /// Address register.
        base: Reg,
        /// Added to the address.
        offset: i16,
        /// Bytes written.
        size: Size,
        /// What is written.
        value: Operand,
    },
    /// Atomic read-modify-write of 4 or 8 bytes.
    Atomic {
        /// The operation.
        op: AtomicOp,
        /// Whether the old value is handed back.
        fetch: Fetch,
        /// Address register.
        base: Reg,
        /// Operand, and destination of the old value.
        src: Reg,
        /// Added to the address.
        offset: i16,
        /// 4 or 8 bytes.
        size: Size,
    },
    /// Unconditional jump, relative to the next slot.
    Jump {
        /// Slots.
        offset: i32,
    },
    /// Conditional jump, relative to the next slot.
    Branch {
        /// Width of the comparison.
        width: Width,
        /// The comparison.
        condition: Condition,
        /// First operand.
        dst: Reg,
        /// Second operand.
        src: Operand,
        /// Slots.
        offset: i16,
    },
    /// Call of a helper by its number.
    CallHelper {
        /// Linux's number for it.
        id: u32,
    },
    /// Call of a function of the program, relative to the next slot.
    CallLocal {
        /// Slots.
        offset: i32,
    },
    /// Call of the helper whose number is in a register. An extension outside RFC 9669: the verifier refuses it.
    CallRegister {
        /// Holds the number.
        target: Reg,
    },
    /// Return from the function.
    Exit,
}

impl Insn {
    /// Slots this instruction takes: 2 for a 64-bit immediate load, else 1.
    #[must_use]
    pub const fn slots(&self) -> usize {
        match self {
            Self::LoadImm { .. } => 2,
            _ => 1,
        }
    }
}
