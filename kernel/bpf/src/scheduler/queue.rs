//! The ready queue: a fixed array, scanned for the first in the policy's order.

use super::{Request, SchedulerPolicy};

/// The queue has no room for another job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFull;

/// Up to `N` ready jobs.
#[derive(Debug)]
pub struct ReadyQueue<S: SchedulerPolicy, const N: usize> {
    jobs: [Option<(u64, Request<S>)>; N],
    submitted: u64,
}

impl<S: SchedulerPolicy, const N: usize> Default for ReadyQueue<S, N> {
    fn default() -> Self {
        Self { jobs: [const { None }; N], submitted: 0 }
    }
}

impl<S: SchedulerPolicy, const N: usize> ReadyQueue<S, N> {
    /// Adds a job.
    ///
    /// # Errors
    /// [`QueueFull`] with `N` jobs waiting; the job is not added.
    pub fn submit(&mut self, request: Request<S>) -> Result<(), QueueFull> {
        let free = self.jobs.iter_mut().find(|job| job.is_none()).ok_or(QueueFull)?;
        *free = Some((self.submitted, request));
        self.submitted += 1;
        Ok(())
    }

    /// Takes the job that runs next.
    #[must_use]
    pub fn take(&mut self) -> Option<Request<S>> {
        // First come is first due: a job may be submitted later than it was released.
        let order = |(sequence, job): &(u64, Request<S>)| {
            (S::rank(job.priority, job.urgency), job.release, *sequence)
        };
        let waiting = self.jobs.iter_mut().filter(|job| job.is_some());
        let first = waiting.min_by_key(|job| job.as_ref().map(order))?;
        first.take().map(|(_, request)| request)
    }
}
