//! Which ready program runs next: a policy as a type, and one queue for all policies.

#[cfg(feature = "embedded-profile")]
mod deadline;
mod queue;
#[cfg(feature = "cloud-profile")]
mod throughput;

use core::fmt::Debug;

#[cfg(feature = "embedded-profile")]
pub use deadline::{Deadline, DeadlineFirst, DeadlinePolicy};
pub use queue::{QueueFull, ReadyQueue};
#[cfg(feature = "cloud-profile")]
pub use throughput::{ThroughputFirst, ThroughputPolicy};

/// How important a program is next to others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// P0
    Low,
    /// P1
    #[default]
    Normal,
    /// P2
    High,
    /// P3
    Critical,
}

/// An order on ready jobs. Nothing here reads a clock: times are arguments, in nanoseconds.
pub trait SchedulerPolicy: Copy + Debug + 'static {
    /// What a job carries besides its priority.
    type Urgency: Copy + Debug;
    /// The order: the smallest runs first, and of equals the one released first.
    type Rank: Ord;

    /// The urgency of a job released at `release`, due `relative` nanoseconds later if anything.
    fn urgency(release: u64, relative: Option<u64>) -> Self::Urgency;

    /// The job's place in the order.
    fn rank(priority: Priority, urgency: Self::Urgency) -> Self::Rank;

    /// The deadline that a job ending at `end` has missed, if it has.
    fn missed(urgency: Self::Urgency, end: u64) -> Option<u64>;
}

/// A job: one release of a program.
#[derive(Clone, Copy, Debug)]
pub struct Request<S: SchedulerPolicy> {
    /// Which program, by its index at the supervisor.
    pub program: usize,
    /// Its priority.
    pub priority: Priority,
    /// When it was due to start, in nanoseconds.
    pub release: u64,
    /// What the policy orders by.
    pub urgency: S::Urgency,
}
