//! A program before and after it was proven safe.

use core::fmt;
use core::marker::PhantomData;

use crate::context::ProgramKind;
use crate::insn::SLOT_BYTES;
use crate::maps::MapDef;
use crate::profile::PhysicalProfile;

/// A function of an object that is to be run: untrusted. [`crate::verify`] turns it into a [`Verified`].
#[derive(Clone, Copy, Debug)]
pub struct BpfProgram<'a, P: PhysicalProfile> {
    pub(crate) text: &'a [u8],
    pub(crate) entry: usize,
    pub(crate) insn_count: usize,
    pub(crate) kind: ProgramKind,
    pub(crate) maps: &'a [MapDef<'a>],
    profile: PhantomData<P>,
}

/// Why bytes cannot even be a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramError {
    /// More instructions than the profile's `MAX_INSN_COUNT`.
    TooLong {
        /// Instructions it has.
        insn_count: usize,
        /// The profile's limit.
        limit: usize,
    },
    /// No instructions.
    Empty,
    /// The function lies outside the text.
    Outside,
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { insn_count, limit } => {
                write!(f, "{insn_count} instructions, the profile's limit is {limit}")
            }
            Self::Empty => f.write_str("the program has no instructions"),
            Self::Outside => f.write_str("the program lies outside its object's text"),
        }
    }
}

impl core::error::Error for ProgramError {}

impl<'a, P: PhysicalProfile> BpfProgram<'a, P> {
    /// The function of `insn_count` slots at slot `entry` of `text`, which may call other functions in `text`
    /// and use `maps` by their index.
    ///
    /// # Errors
    /// [`ProgramError`] if it is empty, too long for the profile, or outside `text`.
    pub fn new(
        text: &'a [u8],
        entry: usize,
        insn_count: usize,
        kind: ProgramKind,
        maps: &'a [MapDef<'a>],
    ) -> Result<Self, ProgramError> {
        if insn_count == 0 {
            return Err(ProgramError::Empty);
        }
        if insn_count > P::MAX_INSN_COUNT {
            return Err(ProgramError::TooLong { insn_count, limit: P::MAX_INSN_COUNT });
        }
        match entry.checked_add(insn_count) {
            Some(end) if end <= text.len() / SLOT_BYTES => {
                Ok(Self { text, entry, insn_count, kind, maps, profile: PhantomData })
            }
            _ => Err(ProgramError::Outside),
        }
    }

    /// Slots of the function, without those of the functions it calls.
    #[must_use]
    pub const fn insn_count(&self) -> usize {
        self.insn_count
    }
}

/// A program proven safe. Holding one proves that, started with its context and maps, it
/// 1. executes instructions of its text only and ends after at most [`Self::wcet_insns`] of them,
/// 2. touches only its stack, context, packet, map values and memory from helpers, each inside its bounds,
/// 3. reads no register it has not written, and gives back what it must,
/// 4. uses at most [`Self::stack`] bytes in at most [`Self::frames`] frames.
///
/// Made by [`crate::verify`] alone.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'a, P: PhysicalProfile> {
    pub(crate) program: BpfProgram<'a, P>,
    pub(crate) proof: Proof,
}

/// What the verifier found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) insns: usize,
    pub(crate) stack: usize,
    pub(crate) frames: usize,
    pub(crate) wcet_insns: u64,
    pub(crate) states: u64,
    pub(crate) workspace: usize,
    pub(crate) tail_calls: bool,
}

impl<P: PhysicalProfile> Verified<'_, P> {
    /// Instructions of the program with the functions it calls.
    #[must_use]
    pub const fn insns(&self) -> usize {
        self.proof.insns
    }

    /// Deepest stack, in bytes over all frames.
    #[must_use]
    pub const fn stack(&self) -> usize {
        self.proof.stack
    }

    /// Deepest nesting of calls; 1 for a program that calls no function of its own.
    #[must_use]
    pub const fn frames(&self) -> usize {
        self.proof.frames
    }

    /// Bound on executed instructions on any path, a helper call counting as one.
    #[must_use]
    pub const fn wcet_insns(&self) -> u64 {
        self.proof.wcet_insns
    }

    /// Abstract instructions the verifier stepped through.
    #[must_use]
    pub const fn states(&self) -> u64 {
        self.proof.states
    }

    /// Most bytes of its workspace the verifier used at once.
    #[must_use]
    pub const fn workspace_bytes(&self) -> usize {
        self.proof.workspace
    }

    /// Whether it may go on in another program by a tail call: the other's instructions are not in
    /// [`Self::wcet_insns`], nor its stack in [`Self::stack`].
    #[must_use]
    pub const fn tail_calls(&self) -> bool {
        self.proof.tail_calls
    }

    /// The program's type.
    #[must_use]
    pub const fn kind(&self) -> ProgramKind {
        self.program.kind
    }
}
