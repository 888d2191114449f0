//! Time on this board: nanoseconds since the counter started, which is when power came.

use kernel_aarch64::clock::Clock;
use kernel_aarch64::timer;

/// Now; 0 as long as the counter has no known rate.
pub(crate) fn now() -> u64 {
    timer::clock().map_or(0, |clock| clock.ns_at(timer::ticks()))
}

/// The clock of the counter.
///
/// # Panics
/// If the firmware left no rate: without time there is no deadline to keep.
pub(crate) fn clock() -> Clock {
    timer::clock().expect("the firmware left no counter rate in CNTFRQ_EL0")
}
