//! The cloud profile: plenty of memory, soft latency, restart to recover.

use super::{FailureSemantic, PhysicalProfile, RecoveryAction, sealed::Sealed};
use crate::error::BpfError;
use crate::jit::Jit;
use crate::memory::ElasticMemory;
use crate::scheduler::ThroughputFirst;

/// Virtual machines and servers.
#[derive(Clone, Copy, Debug)]
pub struct CloudProfile;

impl Sealed for CloudProfile {}

impl PhysicalProfile for CloudProfile {
    type MemoryStrategy = ElasticMemory;
    type SchedulerPolicy = ThroughputFirst;
    type FailureSemantic = RestartRecovery;
    type Engine = Jit;

    const NAME: &'static str = "cloud";
    const MAX_STACK_SIZE: usize = 512 * 1024;
    const MAX_INSN_COUNT: usize = 1_000_000;
    const JIT_ALLOWED: bool = true;
    const RESTART_ACCEPTABLE: bool = true;
    const VERIFIER_BYTES: usize = 8 * 1024 * 1024;

    fn memory_use() -> (usize, usize) {
        (0, 0)
    }
}

/// Restart on failure, up to three times.
#[derive(Clone, Copy, Debug)]
pub struct RestartRecovery;

impl FailureSemantic for RestartRecovery {
    const CAN_RESTART: bool = true;
    const MAX_RETRIES: u32 = 3;

    fn on_failure(error: BpfError) -> RecoveryAction {
        match error {
            BpfError::InvalidAccess => RecoveryAction::Abort,
            _ => RecoveryAction::Restart,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_invalid_access_is_not_restarted() {
        for (error, action) in [
            (BpfError::OutOfMemory, RecoveryAction::Restart),
            (BpfError::Timeout, RecoveryAction::Restart),
            (BpfError::InvalidAccess, RecoveryAction::Abort),
            (BpfError::DeadlineMiss, RecoveryAction::Restart),
            (BpfError::CallDepth, RecoveryAction::Restart),
        ] {
            assert_eq!(RestartRecovery::on_failure(error), action, "{error}");
        }
    }

    #[test]
    fn the_constants_are_the_guides() {
        assert_eq!((CloudProfile::MAX_STACK_SIZE, CloudProfile::MAX_INSN_COUNT), (524_288, 1_000_000));
        assert_eq!((CloudProfile::JIT_ALLOWED, CloudProfile::RESTART_ACCEPTABLE), (true, true));
        assert_eq!((RestartRecovery::CAN_RESTART, RestartRecovery::MAX_RETRIES), (true, 3));
    }
}
