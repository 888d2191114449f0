//! What the verifier knows of a register or a stack slot.

mod branch;
pub mod interval;
pub mod known;
#[cfg(test)]
mod samples;
mod scalar;
mod tnum;
pub mod word;

use core::fmt;

use crate::insn::Size;
use crate::interpreter::FRAME_BYTES;

pub use branch::{Refined, refine, refine_parts};
pub use scalar::Scalar;
pub use tnum::Tnum;

/// The object a pointer points into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The stack frame of this depth, 0 being the program's own; offsets are from its top.
    Stack {
        /// Depth.
        frame: u8,
    },
    /// The context.
    Context,
    /// Plain memory of this many bytes.
    Memory {
        /// Bytes.
        size: u32,
    },
    /// The packet.
    Packet,
    /// The metadata in front of the packet.
    PacketMeta,
    /// Past the end of the packet: only compared.
    PacketEnd,
    /// The handle of a map.
    Map {
        /// Its index.
        map: u32,
    },
    /// A value of a map.
    MapValue {
        /// Its index.
        map: u32,
    },
    /// A value of a map, or null: not checked yet.
    MapValueOrNull {
        /// Its index.
        map: u32,
    },
    /// Memory a helper handed out, to be given back.
    Allocated {
        /// Bytes.
        size: u32,
    },
    /// Memory a helper handed out, or null: not checked yet.
    AllocatedOrNull {
        /// Bytes.
        size: u32,
    },
    /// A key of a map, as a callback gets it: only read.
    MapKey {
        /// The map's index.
        map: u32,
    },
    /// A function of the program.
    Function {
        /// Its first slot.
        entry: u32,
    },
}

impl Target {
    /// What it is once it is known not to be null, if it may be null.
    #[must_use]
    pub const fn if_not_null(self) -> Option<Self> {
        match self {
            Self::MapValueOrNull { map } => Some(Self::MapValue { map }),
            Self::AllocatedOrNull { size } => Some(Self::Allocated { size }),
            _ => None,
        }
    }

    /// What to call it in a message.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stack { .. } => "stack pointer",
            Self::Context => "context pointer",
            Self::Memory { .. } => "memory pointer",
            Self::Packet => "packet pointer",
            Self::PacketMeta => "packet metadata pointer",
            Self::PacketEnd => "packet end",
            Self::Map { .. } => "map handle",
            Self::MapValue { .. } => "map value pointer",
            Self::MapValueOrNull { .. } => "map value pointer that may be null",
            Self::Allocated { .. } => "pointer to reserved memory",
            Self::AllocatedOrNull { .. } => "pointer to reserved memory that may be null",
            Self::MapKey { .. } => "map key pointer",
            Self::Function { .. } => "function",
        }
    }
}

/// A pointer: an object and an offset into it, `fixed + variable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The object.
    pub target: Target,
    /// The known part of the offset.
    pub fixed: i64,
    /// The unknown part; the constant 0 if there is none.
    pub variable: Scalar,
    /// Pointers with the same identity other than 0 have the same unknown part, or the same nullness.
    pub identity: u32,
    /// For packets: bytes from the object's start plus `variable` that are proven to be inside.
    pub proven: u32,
}

/// The identity of a pointer that shares its unknown part with no other any more.
pub const UNLINKED: u32 = u32::MAX;

/// Offsets are kept this far from anything that could overflow.
pub const MAX_OFFSET: i64 = 1 << 29;

impl Pointer {
    /// To the start of `target`.
    #[must_use]
    pub const fn to(target: Target) -> Self {
        Self { target, fixed: 0, variable: Scalar::constant(0), identity: 0, proven: 0 }
    }

    /// Whether it may lie in front of its object's first byte. Near address 0 it may then have become 0 or wrapped
    /// around. The last gibibyte of addresses, where it could wrap at the other end, holds no object.
    #[must_use]
    pub const fn may_lie_in_front(&self) -> bool {
        let first = if matches!(self.target, Target::Stack { .. }) { -(FRAME_BYTES as i64) } else { 0 };
        self.reach(0).0 < first
    }

    /// The smallest and largest offset after adding `offset`.
    #[must_use]
    pub const fn reach(&self, offset: i64) -> (i64, i64) {
        (self.fixed + offset + self.variable.smin, self.fixed + offset + self.variable.smax)
    }
}

/// What a register or slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing was written to it, or what it held is dead.
    Uninitialised,
    /// A number.
    Number(Scalar),
    /// A pointer.
    Pointer(Pointer),
}

impl Value {
    /// Every number.
    pub const NUMBER: Self = Self::Number(Scalar::UNKNOWN);

    /// Any number of `size` bytes.
    #[must_use]
    pub fn of_size(size: Size) -> Self {
        Self::Number(Scalar::of_size(size))
    }

    /// What to call it in a message.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Uninitialised => "nothing",
            Self::Number(_) => "number",
            Self::Pointer(pointer) => pointer.target.name(),
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_constant() {
            Some(value) => write!(f, "{}", value as i64),
            None if *self == Self::UNKNOWN => f.write_str("any number"),
            None if self.smin >= 0 => write!(f, "{}..={}", self.umin, self.umax),
            None => write!(f, "{}..={}", self.smin, self.smax),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uninitialised => f.write_str("not initialised"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Pointer(pointer) => {
                write!(f, "{}", pointer.target.name())?;
                if pointer.fixed != 0 {
                    write!(f, " {:+}", pointer.fixed)?;
                }
                if pointer.variable.as_constant() != Some(0) {
                    write!(f, " + {}", pointer.variable)?;
                }
                Ok(())
            }
        }
    }
}
