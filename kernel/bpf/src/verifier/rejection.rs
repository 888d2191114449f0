//! Why a program is refused: where, what was found, what was missing, and what to do about it.

use core::fmt;

use super::value::Value;
use crate::helpers::{self, Argument, Callers, Helper};
use crate::insn::{DecodeError, Reg};
use crate::interpreter::MAX_FRAMES;
use crate::maps::{MapError, MapKind};
use crate::object::ShortName;

/// A program that was not proven safe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rejection {
    /// The instruction, as a slot of the object's text.
    pub pc: usize,
    /// What is wrong with it.
    pub reason: Reason,
    /// Abstract instructions stepped through before it was found.
    pub states: u64,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)
    }
}

impl core::error::Error for Rejection {}

/// What is wrong with an instruction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// It is none.
    Decode(DecodeError),
    /// A call of a helper whose number is in a register.
    RegisterCall,
    /// Something that must be given back and was not, by the instruction that got it.
    NotGivenBack {
        /// The instruction.
        pc: u32,
    },
    /// More things to be given back at once than the verifier keeps.
    TooManyReferences,
    /// A loop for which no bound was found, by its first instruction.
    UnboundedLoop {
        /// The first instruction.
        head: u32,
    },
    /// A jump out of the object's instructions.
    JumpOutside,
    /// A jump between the two slots of a 64-bit immediate load.
    JumpIntoImmediate,
    /// A jump into another function.
    JumpIntoFunction,
    /// No path reaches it.
    Unreachable,
    /// More functions than the verifier keeps.
    TooManyFunctions,
    /// More instructions, with those of the functions it calls, than the profile's `MAX_INSN_COUNT`.
    TooManyInstructions {
        /// The limit.
        limit: usize,
    },
    /// A map that the object does not have.
    UnknownMap(u32),
    /// A map that could not be made.
    MapRefused {
        /// Its name.
        map: ShortName,
        /// Why not.
        error: MapError,
    },
    /// A direct offset beyond the map's first value.
    MapOffset(u32),
    /// A register that was not written.
    Uninitialised(Reg),
    /// Not a number where one is needed.
    NotANumber(Reg, Value),
    /// A shift by a constant of the operand's width or more.
    ShiftCount(i32),
    /// A division by the constant 0.
    DivisionByZero,
    /// Arithmetic that pointers do not have.
    PointerArithmetic(Reg, Value),
    /// An offset that is not bounded enough to add to a pointer.
    UnboundedOffset(Reg, Value),
    /// A pointer compared in a way that tells about addresses.
    PointerComparison(Reg, Value),
    /// An access by something that is no pointer.
    NotAPointer(Reg, Value),
    /// A pointer that may be null.
    MaybeNull(Reg),
    /// An access outside its object.
    OutOfBounds {
        /// The register and what it holds.
        base: (Reg, Value),
        /// First byte at the earliest, past the last byte at the latest.
        reach: (i64, i64),
        /// The object's bounds.
        bounds: (i64, i64),
    },
    /// A packet access that no comparison with the end has proven.
    Packet {
        /// The register.
        base: Reg,
        /// Bytes from the packet's (variable) start that must be there.
        needed: i64,
        /// Bytes that are proven to be.
        proven: u32,
    },
    /// A packet access that may lie in front of the packet.
    BeforePacket(Reg, i64),
    /// A stack access that is not aligned to its size.
    Misaligned(Reg, i64),
    /// A stack load of bytes that were not written, or of a part of a pointer.
    UninitialisedStack(Reg, i64),
    /// A pointer stored where others can read it, or in pieces.
    PointerLeak(Reg),
    /// A store over a spilled pointer through a variable offset.
    SpillOverwritten(Reg),
    /// A store to read-only memory.
    ReadOnly(Reg),
    /// A load from memory that programs only write.
    WriteOnly(Reg),
    /// A context access that no field allows.
    ContextField {
        /// Offset in the context.
        offset: i64,
        /// Bytes.
        size: u64,
    },
    /// A helper that does not exist here.
    UnknownHelper(u32),
    /// A helper that programs of this type may not call.
    HelperCallers {
        /// The helper.
        helper: &'static str,
        /// Who may.
        callers: Callers,
    },
    /// A map of a type that the helper does not take.
    HelperMap {
        /// The helper.
        helper: &'static str,
        /// The map's type.
        kind: MapKind,
    },
    /// A helper whose calls the verifier cannot judge yet, and what it would have to follow.
    HelperPending(&'static str, &'static str),
    /// An argument that is not what the helper takes.
    Argument {
        /// The helper.
        helper: &'static str,
        /// The register, what it takes and what it has.
        register: Reg,
        /// What it takes.
        expected: Argument,
        /// What it has.
        found: Value,
    },
    /// A format string with conversions we do not have.
    FormatString,
    /// A program ending without a number in r0.
    ReturnValue(Value),
    /// A function that a helper calls, ending without 0 or 1 in r0.
    CallbackValue(Value),
    /// Calls nested deeper than there are frames.
    CallDepth,
    /// Deeper stack than the profile allows.
    StackDepth {
        /// Bytes it needs.
        needed: usize,
        /// The profile's limit.
        limit: usize,
    },
    /// A loop that comes back to the very same state.
    InfiniteLoop,
    /// A longer path than the profile allows.
    TooLong {
        /// Instructions that may be executed on it.
        most: u64,
        /// The profile's limit.
        limit: u64,
    },
    /// More steps than the verifier takes.
    TooComplex {
        /// The limit.
        limit: u64,
    },
    /// So much written stack that following the program takes too long.
    LargeStates {
        /// Words of states looked at.
        words: u64,
    },
    /// More states at once than the workspace holds.
    Workspace {
        /// Its size in bytes.
        bytes: usize,
    },
}

impl Reason {
    /// The refusal at `pc`.
    pub(crate) const fn at(self, pc: usize) -> Rejection {
        Rejection { pc, reason: self, states: 0 }
    }

    pub(crate) fn argument(helper: &Helper, register: Reg, expected: Argument, found: Value) -> Self {
        Self::Argument { helper: helper.name, register, expected, found }
    }

    /// What its author can do about it, if we know.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::MaybeNull(_) => "compare it with NULL before this access",
            Self::Packet { .. } => "compare the end of this access with data_end first",
            Self::Uninitialised(_) => "write it on every path to here; r1 to r5 are lost in every call",
            Self::UninitialisedStack(..) => "initialise the whole variable on every path to here",
            Self::OutOfBounds { .. } => "check the index against the object's size before this access",
            Self::UnboundedOffset(..) => "bound it with a comparison or a mask before adding it",
            Self::InfiniteLoop | Self::UnboundedLoop { .. } => {
                "give the loop a counter that it compares with a constant"
            }
            Self::TooLong { .. } | Self::TooComplex { .. } | Self::LargeStates { .. } => {
                "bound loops by smaller constants, or split the program"
            }
            Self::Unreachable => "a loop without an exit before it is the usual cause",
            Self::ReturnValue(_) => "return a number on every path",
            _ => return None,
        })
    }
}

impl From<DecodeError> for Reason {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_finding(f)?;
        match self.hint() {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl Reason {
    fn fmt_finding(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => write!(f, "{error}"),
            Self::RegisterCall => f.write_str("call of a helper by a number in a register"),
            Self::NotGivenBack { pc } => write!(f, "what insn {pc} got is not given back"),
            Self::TooManyReferences => f.write_str("too many things to be given back at once"),
            Self::UnboundedLoop { head } => {
                write!(f, "no bound was found for the loop that begins at insn {head}")
            }
            Self::JumpOutside => f.write_str("jump out of the program"),
            Self::JumpIntoImmediate => f.write_str("jump into the middle of a 64-bit immediate load"),
            Self::JumpIntoFunction => f.write_str("jump into another function"),
            Self::Unreachable => f.write_str("unreachable instruction"),
            Self::TooManyFunctions => f.write_str("too many functions"),
            Self::TooManyInstructions { limit } => {
                write!(f, "more than {limit} instructions with the functions it calls")
            }
            Self::UnknownMap(map) => write!(f, "the object has no map {map}"),
            Self::MapRefused { map, error } => write!(f, "map `{map}`: {error}"),
            Self::MapOffset(offset) => {
                write!(f, "offset {offset} lies beyond the map's first value, if it has one")
            }
            Self::Uninitialised(register) => write!(f, "{register} is not initialised"),
            Self::ReturnValue(found) => write!(f, "the program ends with r0 = {found}, not a number"),
            Self::CallbackValue(found) => {
                write!(f, "a function that a helper calls ends with r0 = {found}, not with 0 or 1")
            }
            Self::CallDepth => write!(f, "calls nested deeper than {MAX_FRAMES} frames"),
            Self::StackDepth { needed, limit } => {
                write!(f, "needs {needed} bytes of stack, the limit is {limit}")
            }
            Self::InfiniteLoop => f.write_str("infinite loop: the same state comes back"),
            Self::TooLong { most, limit } => {
                write!(f, "may execute {most} instructions, the profile allows {limit}")
            }
            Self::TooComplex { limit } => write!(f, "too complex: not decided within {limit} instructions"),
            Self::LargeStates { words } => {
                write!(f, "too complex: not decided with {words} words of its states looked at")
            }
            Self::Workspace { bytes } => {
                write!(f, "too complex: more states than the verifier's {bytes} bytes of memory hold")
            }
            Self::UnknownHelper(id) => match helpers::name(*id) {
                Some(name) => write!(f, "helper {id} (bpf_{name}) is not available"),
                None => write!(f, "there is no helper {id}"),
            },
            Self::HelperCallers { helper, callers } => {
                write!(f, "bpf_{helper} is for programs of type {}", callers.name())
            }
            Self::HelperMap { helper, kind } => {
                write!(f, "bpf_{helper} does not take a map of type {}", kind.name())
            }
            Self::HelperPending(helper, what) => {
                write!(f, "bpf_{helper} is not available: the verifier does not follow {what} yet")
            }
            Self::FormatString => f.write_str("format string with a conversion that is not available"),
            Self::Argument { helper, register, expected, found } => {
                write!(f, "bpf_{helper} takes {} in {register}, not {found}", argument_name(*expected))
            }
            _ => self.fmt_operand(f),
        }
    }

    fn fmt_operand(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShiftCount(count) => write!(f, "shift by {count}, not less than the operand's width"),
            Self::DivisionByZero => f.write_str("division by the constant 0"),
            Self::NotANumber(register, value) => write!(f, "{register} is a {}, not a number", value.name()),
            Self::PointerArithmetic(register, value) => {
                write!(f, "arithmetic on {register}, a {}, that pointers do not have", value.name())
            }
            Self::UnboundedOffset(register, value) => {
                write!(f, "{register} = {value} is not bounded enough to be added to a pointer")
            }
            Self::PointerComparison(register, value) => {
                write!(f, "comparison of {register}, a {}, that would tell about addresses", value.name())
            }
            Self::NotAPointer(register, value) => {
                write!(f, "access through {register} = {value}, which is no pointer")
            }
            Self::MaybeNull(register) => write!(f, "{register} is a map value pointer that may be null"),
            Self::OutOfBounds { base: (register, value), reach: (low, high), bounds: (start, end) } => {
                write!(
                    f,
                    "access through {register} ({value}) reaches bytes {low}..{high}, outside {start}..{end}"
                )
            }
            Self::Packet { base, needed, proven } => write!(
                f,
                "packet access through {base} needs {needed} bytes, and {proven} are proven to be there"
            ),
            Self::BeforePacket(register, low) => {
                write!(f, "packet access through {register} may begin {low} bytes from the packet's start")
            }
            Self::Misaligned(register, offset) => {
                write!(f, "stack access through {register} at {offset} is not aligned to its size")
            }
            Self::UninitialisedStack(register, offset) => {
                write!(
                    f,
                    "stack access through {register} at {offset} reads bytes that are not initialised numbers"
                )
            }
            Self::PointerLeak(register) => {
                write!(f, "{register} is a pointer and would be stored outside the stack, or in part")
            }
            Self::SpillOverwritten(register) => {
                write!(f, "store through {register} at a variable offset may overwrite a saved pointer")
            }
            Self::ReadOnly(register) => write!(f, "store through {register} to read-only memory"),
            Self::WriteOnly(register) => write!(f, "load through {register} from write-only memory"),
            Self::ContextField { offset, size } => {
                write!(f, "no field of the context allows an access of {size} bytes at {offset}")
            }
            _ => Ok(()),
        }
    }
}

const fn argument_name(argument: Argument) -> &'static str {
    match argument {
        Argument::Map => "a map",
        Argument::Key => "the address of a key",
        Argument::Value => "the address of a value",
        Argument::ValueRoom => "the address of room for a value",
        Argument::Memory => "the address of memory",
        Argument::MemoryOrNull => "the address of memory or null",
        Argument::Room => "the address of memory to write",
        Argument::RoomOrNull => "the address of memory to write or null",
        Argument::Size => "a size of at least 1",
        Argument::SizeOrZero => "a size",
        Argument::ConstantSize => "a constant size",
        Argument::RingMemory => "the address that bpf_ringbuf_reserve gave",
        Argument::Context => "the context",
        Argument::Callback => "the address of a function",
        Argument::StackOrNull => "the address of memory on the stack or null",
        Argument::SpinLock => "the address of a lock in a map's value",
        Argument::Timer => "the address of a timer in a map's value",
        Argument::Text => "the address of a constant text",
        Argument::Number => "a number",
        Argument::Printed => "a number to print",
    }
}
