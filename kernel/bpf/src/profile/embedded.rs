//! The embedded profile: fixed memory, hard deadlines, recovery in place.

use super::{FailureSemantic, PhysicalProfile, RecoveryAction, sealed::Sealed};
use crate::error::BpfError;
use crate::interpreter::Interpreter;
use crate::memory::{StaticMemory, StaticPool};
use crate::scheduler::DeadlineFirst;

/// Small boards with control loops.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddedProfile;

impl Sealed for EmbeddedProfile {}

impl PhysicalProfile for EmbeddedProfile {
    type MemoryStrategy = StaticMemory;
    type SchedulerPolicy = DeadlineFirst;
    type FailureSemantic = GracefulRecovery;
    type Engine = Interpreter;

    const NAME: &'static str = "embedded";
    const MAX_STACK_SIZE: usize = 8 * 1024;
    const MAX_INSN_COUNT: usize = 100_000;
    const JIT_ALLOWED: bool = false;
    const RESTART_ACCEPTABLE: bool = false;
    const VERIFIER_BYTES: usize = 768 * 1024;

    fn memory_use() -> (usize, usize) {
        let usage = StaticPool::usage();
        (usage.used, usage.high)
    }
}

/// Skip, degrade or hold a safe state; never restart.
#[derive(Clone, Copy, Debug)]
pub struct GracefulRecovery;

impl FailureSemantic for GracefulRecovery {
    const CAN_RESTART: bool = false;
    const MAX_RETRIES: u32 = 0;

    fn on_failure(error: BpfError) -> RecoveryAction {
        match error {
            BpfError::DeadlineMiss => RecoveryAction::SkipAndContinue,
            BpfError::OutOfMemory => RecoveryAction::Degrade,
            _ => RecoveryAction::SafeState,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_the_guides_action() {
        for (error, action) in [
            (BpfError::DeadlineMiss, RecoveryAction::SkipAndContinue),
            (BpfError::OutOfMemory, RecoveryAction::Degrade),
            (BpfError::Timeout, RecoveryAction::SafeState),
            (BpfError::InvalidAccess, RecoveryAction::SafeState),
            (BpfError::CallDepth, RecoveryAction::SafeState),
        ] {
            assert_eq!(GracefulRecovery::on_failure(error), action, "{error}");
        }
    }

    #[test]
    fn the_constants_are_the_guides() {
        assert_eq!((EmbeddedProfile::MAX_STACK_SIZE, EmbeddedProfile::MAX_INSN_COUNT), (8_192, 100_000));
        assert_eq!((EmbeddedProfile::JIT_ALLOWED, EmbeddedProfile::RESTART_ACCEPTABLE), (false, false));
        assert_eq!((GracefulRecovery::CAN_RESTART, GracefulRecovery::MAX_RETRIES), (false, 0));
    }
}
