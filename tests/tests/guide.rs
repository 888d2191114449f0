//! The guide to the profiles, compiled: what it tells users to write is what compiles, under both profiles.
//!
//! The features of this package are called as the kernel's are, so the guide's `cfg` lines stand as they are.

#![expect(clippy::assertions_on_constants, reason = "a profile's constants are what is tested")]

use std::ptr::NonNull;

use kernel_bpf::BpfProgram;
use kernel_bpf::context::ProgramKind;
use kernel_bpf::error::BpfError;
use kernel_bpf::memory::MemoryStrategy;
use kernel_bpf::profile::{ActiveProfile, FailureSemantic, PhysicalProfile, RecoveryAction};
use tests::insn::return_imm;
use tests::trusted;

#[cfg(feature = "cloud-profile")]
use kernel_bpf::memory::ElasticMemory;
#[cfg(feature = "cloud-profile")]
use kernel_bpf::profile::{CloudProfile, RestartRecovery};
#[cfg(feature = "cloud-profile")]
use kernel_bpf::scheduler::{ThroughputFirst, ThroughputPolicy};

#[cfg(feature = "embedded-profile")]
use kernel_bpf::memory::{StaticMemory, StaticPool};
#[cfg(feature = "embedded-profile")]
use kernel_bpf::profile::{EmbeddedProfile, GracefulRecovery};
#[cfg(feature = "embedded-profile")]
use kernel_bpf::scheduler::{Deadline, DeadlineFirst, DeadlinePolicy};

// Generic code that works with any profile.
fn exceeds_the_limit<P: PhysicalProfile>(program: &BpfProgram<P>) -> bool {
    program.insn_count() > P::MAX_INSN_COUNT
}

// Code using the active profile.
fn process_current(program: &BpfProgram<ActiveProfile>) -> bool {
    exceeds_the_limit(program)
}

/// A strategy and a failure semantic of a user's own, item for item as the guide writes the cloud's.
mod own {
    use super::{BpfError, FailureSemantic, MemoryStrategy, NonNull, RecoveryAction};

    pub struct ElasticMemory;

    impl MemoryStrategy for ElasticMemory {
        const IS_STATIC: bool = false;
        const CAN_GROW: bool = true;
        const MAX_ALLOCATION: usize = 16 * 1024 * 1024; // 16 MB

        fn allocate(size: usize) -> Option<NonNull<u8>> {
            NonNull::new(vec![0; size].leak().as_mut_ptr())
        }
    }

    pub struct RestartRecovery;

    impl FailureSemantic for RestartRecovery {
        const CAN_RESTART: bool = true;
        const MAX_RETRIES: u32 = 3;

        fn on_failure(error: BpfError) -> RecoveryAction {
            #[expect(clippy::match_same_arms, reason = "as the guide has it")]
            match error {
                BpfError::OutOfMemory => RecoveryAction::Restart,
                BpfError::Timeout => RecoveryAction::Restart,
                BpfError::InvalidAccess => RecoveryAction::Abort,
                _ => RecoveryAction::Restart,
            }
        }
    }
}

/// Every error there is.
const ERRORS: [BpfError; 7] = [
    BpfError::OutOfMemory,
    BpfError::Timeout,
    BpfError::InvalidAccess,
    BpfError::DeadlineMiss,
    BpfError::InvalidInstruction,
    BpfError::InvalidHelper,
    BpfError::CallDepth,
];

fn create_test_program() -> Vec<u8> {
    return_imm(42).concat()
}

#[test]
fn a_program_is_measured_by_its_profiles_limit() {
    let code = create_test_program();
    let program =
        BpfProgram::<ActiveProfile>::new(&code, 0, code.len() / 8, ProgramKind::Memory { size: 0 }, &[]);
    assert!(!process_current(&program.expect("two instructions are not too many")));
    let long = vec![0; (ActiveProfile::MAX_INSN_COUNT + 1) * 8];
    let program =
        BpfProgram::<ActiveProfile>::new(&long, 0, long.len() / 8, ProgramKind::Memory { size: 0 }, &[]);
    assert!(program.is_err());
}

#[test]
fn same_result_both_profiles() {
    let (completion, bound) = trusted::run_verified(&create_test_program(), &mut []).expect("it is accepted");
    assert_eq!((completion.r0, completion.insns, bound), (42, Some(2), 2));
}

#[test]
fn a_users_own_strategy_needs_no_unsafe() {
    assert!(!own::ElasticMemory::IS_STATIC && own::ElasticMemory::CAN_GROW);
    assert!(own::ElasticMemory::allocate(8).is_some());
    assert_eq!(own::RestartRecovery::on_failure(BpfError::InvalidAccess), RecoveryAction::Abort);
}

#[cfg(feature = "cloud-profile")]
mod cloud {
    use super::*;

    /// The guide's associated types, checked by the compiler.
    fn types_of<P>()
    where
        P: PhysicalProfile<
                MemoryStrategy = ElasticMemory,
                SchedulerPolicy = ThroughputFirst,
                FailureSemantic = RestartRecovery,
            >,
    {
    }

    #[test]
    fn cloud_allows_jit() {
        assert!(CloudProfile::JIT_ALLOWED);
    }

    #[test]
    fn the_active_profile_is_cloud() {
        types_of::<CloudProfile>();
        assert_eq!(std::any::type_name::<ActiveProfile>(), std::any::type_name::<CloudProfile>());
        assert_eq!((CloudProfile::MAX_STACK_SIZE, CloudProfile::MAX_INSN_COUNT), (512 * 1024, 1_000_000));
        assert!(CloudProfile::RESTART_ACCEPTABLE);
        assert_eq!(ElasticMemory::MAX_ALLOCATION, 16 * 1024 * 1024);
        assert!(ThroughputPolicy::<4>::default().take().is_none());
    }

    #[test]
    fn recovery_is_the_guides_for_every_error() {
        for error in ERRORS {
            assert_eq!(
                RestartRecovery::on_failure(error),
                own::RestartRecovery::on_failure(error),
                "{error}"
            );
        }
    }
}

#[cfg(feature = "embedded-profile")]
mod embedded {
    use super::*;

    /// The guide's associated types, checked by the compiler.
    fn types_of<P>()
    where
        P: PhysicalProfile<
                MemoryStrategy = StaticMemory,
                SchedulerPolicy = DeadlineFirst,
                FailureSemantic = GracefulRecovery,
            >,
    {
    }

    #[test]
    fn embedded_forbids_jit() {
        assert!(!EmbeddedProfile::JIT_ALLOWED);
    }

    #[test]
    fn the_active_profile_is_embedded() {
        types_of::<EmbeddedProfile>();
        assert_eq!(std::any::type_name::<ActiveProfile>(), std::any::type_name::<EmbeddedProfile>());
        assert_eq!((EmbeddedProfile::MAX_STACK_SIZE, EmbeddedProfile::MAX_INSN_COUNT), (8 * 1024, 100_000));
        assert!(!EmbeddedProfile::RESTART_ACCEPTABLE);
        assert!(StaticMemory::IS_STATIC && !StaticMemory::CAN_GROW);
        assert_eq!(StaticMemory::MAX_ALLOCATION, 64 * 1024);
        assert!(DeadlinePolicy::<4>::default().take().is_none());
        assert!(Deadline(100) < Deadline(500));
    }

    #[test]
    fn the_pool_gives_no_more_than_it_has() {
        assert!(StaticPool::allocate(64).is_some());
        assert!(StaticPool::allocate(64 * 1024 + 1).is_none());
    }

    #[test]
    fn recovery_is_the_guides_for_every_error() {
        for error in ERRORS {
            let action = match error {
                BpfError::DeadlineMiss => RecoveryAction::SkipAndContinue,
                BpfError::OutOfMemory => RecoveryAction::Degrade,
                _ => RecoveryAction::SafeState,
            };
            assert_eq!(GracefulRecovery::on_failure(error), action, "{error}");
        }
    }
}
