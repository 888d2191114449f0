//! Throughput first: the highest priority, and first in, first out within one. Cooperative.

use core::cmp::Reverse;

use super::{Priority, ReadyQueue, SchedulerPolicy};

/// The cloud profile's policy.
#[derive(Clone, Copy, Debug)]
pub struct ThroughputFirst;

/// A ready queue in that order.
pub type ThroughputPolicy<const N: usize> = ReadyQueue<ThroughputFirst, N>;

impl SchedulerPolicy for ThroughputFirst {
    type Urgency = ();
    type Rank = Reverse<Priority>;

    fn urgency(_release: u64, _relative: Option<u64>) -> Self::Urgency {}

    fn rank(priority: Priority, (): Self::Urgency) -> Self::Rank {
        Reverse(priority)
    }

    fn missed((): Self::Urgency, _end: u64) -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;
    use crate::scheduler::{QueueFull, Request};

    fn job(program: usize, priority: Priority) -> Request<ThroughputFirst> {
        Request { program, priority, release: 0, urgency: () }
    }

    #[test]
    fn the_highest_priority_runs_first_and_equals_in_the_order_they_came() {
        let mut queue = ThroughputPolicy::<8>::default();
        let priorities =
            [Priority::Low, Priority::High, Priority::Critical, Priority::High, Priority::Normal];
        for (program, priority) in priorities.into_iter().enumerate() {
            queue.submit(job(program, priority)).unwrap();
        }
        let order: Vec<_> = core::iter::from_fn(|| queue.take()).map(|job| job.program).collect();
        assert_eq!(order, [2, 1, 3, 4, 0]);
    }

    #[test]
    fn a_full_queue_refuses_and_keeps_what_it_has() {
        let mut queue = ThroughputPolicy::<2>::default();
        assert_eq!(queue.submit(job(0, Priority::Low)), Ok(()));
        assert_eq!(queue.submit(job(1, Priority::Low)), Ok(()));
        assert_eq!(queue.submit(job(2, Priority::Critical)), Err(QueueFull));
        assert_eq!(queue.take().map(|job| job.program), Some(0));
    }
}
