//! Physical profiles: the assumptions an image is built on, fixed at compile time.
//!
//! A profile is a type. Code asks the type (`P::MAX_STACK_SIZE`), never the build; the build chooses only
//! which profile type exists, here and on a few other `mod` and `pub use` lines.

#[cfg(all(feature = "cloud-profile", feature = "embedded-profile"))]
compile_error!("Cannot enable both cloud-profile and embedded-profile");
#[cfg(not(any(feature = "cloud-profile", feature = "embedded-profile")))]
compile_error!("Must enable either cloud-profile or embedded-profile");

#[cfg(feature = "cloud-profile")]
mod cloud;
#[cfg(feature = "embedded-profile")]
mod embedded;

use core::fmt::Debug;

use crate::error::BpfError;
use crate::executable::Engine;
use crate::memory::{MemoryStrategy as _, Reclaim};
use crate::scheduler::SchedulerPolicy;

#[cfg(feature = "cloud-profile")]
pub use cloud::{CloudProfile as ActiveProfile, CloudProfile, RestartRecovery};
#[cfg(feature = "embedded-profile")]
pub use embedded::{EmbeddedProfile as ActiveProfile, EmbeddedProfile, GracefulRecovery};

/// Everything the kernel may assume about where it runs.
pub trait PhysicalProfile: sealed::Sealed + Copy + Debug + 'static {
    /// Where programs' memory comes from.
    type MemoryStrategy: Reclaim;
    /// Which ready program runs next.
    type SchedulerPolicy: SchedulerPolicy;
    /// What happens after a failed run.
    type FailureSemantic: FailureSemantic;
    /// What executes programs.
    type Engine: Engine;

    /// The profile's name in reports.
    const NAME: &'static str;
    /// Most bytes of BPF stack one run may use, over all its frames. A single frame has at most 512.
    const MAX_STACK_SIZE: usize;
    /// Most instructions of one program, and most it may be proven to execute.
    const MAX_INSN_COUNT: usize;
    /// Whether programs may be compiled to machine code.
    const JIT_ALLOWED: bool;
    /// Whether a failed program may be started again.
    const RESTART_ACCEPTABLE: bool;

    /// Bytes of working memory for the verifier.
    const VERIFIER_BYTES: usize;

    /// Words of the verifier's workspace for programs from at most `text` bytes of objects: where memory can
    /// grow, the word a slot that the verifier keeps comes on top.
    #[must_use]
    fn verifier_words(text: usize) -> usize {
        let slots = if Self::MemoryStrategy::CAN_GROW { text } else { 0 };
        Self::VERIFIER_BYTES.saturating_add(slots) / size_of::<u64>()
    }

    /// Bytes of strategy memory in use now, and at most so far; zeros where the strategy does not count.
    fn memory_use() -> (usize, usize);
}

/// What to do about a failed run.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryAction {
    /// Run it again from a fresh state.
    Restart,
    /// Give the program up.
    Abort,
    /// Drop this job; the next release runs as usual.
    SkipAndContinue,
    /// Go on with less.
    Degrade,
    /// Stop everything and hold the declared safe values.
    SafeState,
}

/// A profile's answer to failures.
pub trait FailureSemantic {
    /// Whether a failed program may be started again.
    const CAN_RESTART: bool;
    /// How often, before it is given up.
    const MAX_RETRIES: u32;

    /// The action for `error`.
    fn on_failure(error: BpfError) -> RecoveryAction;
}

mod sealed {
    pub trait Sealed {}
}
