//! What can go wrong while a program runs.

use core::fmt;

/// Why a run failed. The profile's failure semantic maps each to a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BpfError {
    /// The strategy's memory is used up.
    OutOfMemory,
    /// More instructions were executed than the limit allows.
    Timeout,
    /// An access outside every object the program may touch. In a verified program: a defect of the verifier.
    InvalidAccess,
    /// The deadline passed before the end.
    DeadlineMiss,
    /// Bytes that are no instruction were reached. In a verified program: a defect of the verifier.
    InvalidInstruction,
    /// A helper that does not exist was called. In a verified program: a defect of the verifier.
    InvalidHelper,
    /// More nested calls than frames.
    CallDepth,
}

impl BpfError {
    /// The variant's name, as reports spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OutOfMemory => "OutOfMemory",
            Self::Timeout => "Timeout",
            Self::InvalidAccess => "InvalidAccess",
            Self::DeadlineMiss => "DeadlineMiss",
            Self::InvalidInstruction => "InvalidInstruction",
            Self::InvalidHelper => "InvalidHelper",
            Self::CallDepth => "CallDepth",
        }
    }
}

impl fmt::Display for BpfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl core::error::Error for BpfError {}

/// A failed run: the error, with the place where it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happened.
    pub error: BpfError,
    /// The instruction, as a slot of the object's text.
    pub pc: usize,
    /// The address that was accessed, for [`BpfError::InvalidAccess`]; else 0.
    pub address: u64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at insn {}", self.error, self.pc)?;
        if self.error == BpfError::InvalidAccess {
            write!(f, ", address 0x{:x}", self.address)
        } else {
            Ok(())
        }
    }
}

impl core::error::Error for Fault {}

impl From<Fault> for BpfError {
    fn from(fault: Fault) -> Self {
        fault.error
    }
}
