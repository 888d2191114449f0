//! Deadline first: earliest deadline first, priority among jobs without one.

use core::cmp::Reverse;

use super::{Priority, ReadyQueue, SchedulerPolicy};

/// An absolute deadline, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(pub u64);

/// The embedded profile's policy.
#[derive(Clone, Copy, Debug)]
pub struct DeadlineFirst;

/// A ready queue in that order.
pub type DeadlinePolicy<const N: usize> = ReadyQueue<DeadlineFirst, N>;

impl SchedulerPolicy for DeadlineFirst {
    type Urgency = Option<Deadline>;
    /// Jobs with a deadline come before jobs without one; then the deadline, then the priority.
    type Rank = (bool, Option<Deadline>, Reverse<Priority>);

    fn urgency(release: u64, relative: Option<u64>) -> Self::Urgency {
        // A deadline beyond the end of time never passes; saturating keeps the order.
        relative.map(|relative| Deadline(release.saturating_add(relative)))
    }

    fn rank(priority: Priority, urgency: Self::Urgency) -> Self::Rank {
        (urgency.is_none(), urgency, Reverse(priority))
    }

    fn missed(urgency: Self::Urgency, end: u64) -> Option<u64> {
        urgency.filter(|&Deadline(deadline)| end > deadline).map(|Deadline(deadline)| deadline)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;
    use crate::scheduler::Request;

    fn job(program: usize, priority: Priority, relative: Option<u64>) -> Request<DeadlineFirst> {
        Request { program, priority, release: 100, urgency: DeadlineFirst::urgency(100, relative) }
    }

    #[test]
    fn the_earliest_deadline_runs_first_and_priority_decides_without_one() {
        let mut queue = DeadlinePolicy::<8>::default();
        queue.submit(job(0, Priority::Critical, None)).unwrap();
        queue.submit(job(1, Priority::Low, Some(500))).unwrap();
        queue.submit(job(2, Priority::High, Some(900))).unwrap();
        queue.submit(job(3, Priority::Low, None)).unwrap();
        queue.submit(job(4, Priority::High, Some(500))).unwrap();
        let order: Vec<_> = core::iter::from_fn(|| queue.take()).map(|job| job.program).collect();
        assert_eq!(order, [4, 1, 2, 0, 3]);
    }

    #[test]
    fn a_deadline_is_missed_only_after_it() {
        let urgency = DeadlineFirst::urgency(100, Some(50));
        assert_eq!(DeadlineFirst::missed(urgency, 150), None);
        assert_eq!(DeadlineFirst::missed(urgency, 151), Some(150));
        assert_eq!(DeadlineFirst::missed(None, u64::MAX), None);
        assert_eq!(DeadlineFirst::urgency(u64::MAX, Some(50)), Some(Deadline(u64::MAX)));
    }
}
