//! The part of the x86-64 instruction set that the compiler uses (Intel SDM vol. 2): registers, operands, and
//! an encoder for the forms in [`form`].

mod encode;
pub mod form;

pub use encode::{Imm, encode};

use form::Form;

/// A general register, by its number in encodings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register(u8);

impl Register {
    /// Register `number`, modulo 16.
    #[must_use]
    pub const fn new(number: u8) -> Self {
        Self(number & 15)
    }

    /// Its number, 0 to 15.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// One bit for it.
    #[must_use]
    pub const fn bit(self) -> u16 {
        1 << self.0
    }

    /// Whether a function must give it back as it got it (System V ABI).
    #[must_use]
    pub const fn is_callee_saved(self) -> bool {
        matches!(self, RBX | RBP | R12 | R13 | R14 | R15)
    }
}

macro_rules! registers {
    ($($name:ident $number:literal),*) => {
        $(#[doc = concat!("`", stringify!($name), "`")] pub const $name: Register = Register($number);)*
    };
}

registers!(RAX 0, RCX 1, RDX 2, RBX 3, RSP 4, RBP 5, RSI 6, RDI 7, R8 8, R9 9, R10 10, R11 11);
registers!(R12 12, R13 13, R14 14, R15 15);

/// `base + index * 2^shift + disp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The first part, if any.
    pub base: Option<Register>,
    /// The second part and its power of two, 0 to 3. It cannot be RSP.
    pub index: Option<(Register, u8)>,
    /// The third part.
    pub disp: i32,
}

impl Address {
    /// `base + disp`
    #[must_use]
    pub const fn new(base: Register, disp: i32) -> Self {
        Self { base: Some(base), index: None, disp }
    }
}

/// The operand that ModRM names: a register or memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A register.
    Register(Register),
    /// Memory.
    Memory(Address),
}

impl From<Register> for Place {
    fn from(register: Register) -> Self {
        Self::Register(register)
    }
}

impl From<Address> for Place {
    fn from(address: Address) -> Self {
        Self::Memory(address)
    }
}

/// Operand size of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    /// 8
    B8,
    /// 16
    B16,
    /// 32
    B32,
    /// 64
    B64,
}

/// A condition, by its number in `Jcc`, `SETcc` and `CMOVcc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cond {
    /// Unsigned `<`
    Below = 2,
    /// Unsigned `>=`
    NotBelow = 3,
    /// `==`
    Equal = 4,
    /// `!=`
    NotEqual = 5,
    /// Unsigned `<=`
    NotAbove = 6,
    /// Unsigned `>`
    Above = 7,
    /// Signed `<`
    Less = 12,
    /// Signed `>=`
    NotLess = 13,
    /// Signed `<=`
    NotGreater = 14,
    /// Signed `>`
    Greater = 15,
}

impl Cond {
    const ALL: [Self; 10] = [
        Self::Below,
        Self::NotBelow,
        Self::Equal,
        Self::NotEqual,
        Self::NotAbove,
        Self::Above,
        Self::Less,
        Self::NotLess,
        Self::NotGreater,
        Self::Greater,
    ];

    /// The condition that holds where this one does not: its number differs in the lowest bit.
    #[must_use]
    pub fn inverted(self) -> Self {
        let number = self as u8 ^ 1;
        Self::ALL.into_iter().find(|cond| *cond as u8 == number).unwrap_or(self)
    }
}

/// One instruction: its form with its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Which.
    pub form: Form,
    /// Operand size.
    pub bits: Bits,
    /// The operand in ModRM's `reg`; an opcode extension where the form has one.
    pub reg: u8,
    /// The operand in ModRM's `rm`.
    pub place: Place,
    /// The operand in VEX's `vvvv`.
    pub third: u8,
    /// The constant.
    pub imm: Imm,
}
