//! Nanoseconds from the time-stamp counter, without the PIT (Intel SDM vol. 3, section 19.17).

mod calibration;
mod frequency;

pub use calibration::{Reference, calibrate};
pub use frequency::{Frequency, Source, stated};

/// Turns counter ticks into nanoseconds: one 128-bit multiplication, exact to 1 ns in 4 s at any frequency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Nanoseconds a tick, times 2^32.
    nanoseconds_q32: u64,
}

impl Scale {
    /// The scale of a counter with `hz` ticks a second; a counter that stands still counts as 1 Hz.
    #[must_use]
    pub const fn of(hz: u64) -> Self {
        let hz = if hz == 0 { 1 } else { hz };
        Self { nanoseconds_q32: (1_000_000_000 << 32) / hz }
    }

    /// `ticks` in nanoseconds. Wraps after 584 years.
    #[must_use]
    pub const fn nanoseconds(self, ticks: u64) -> u64 {
        ((ticks as u128 * self.nanoseconds_q32 as u128) >> 32) as u64
    }
}

/// A counter that started at `zero`.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    zero: u64,
    scale: Scale,
}

impl Clock {
    /// A clock that reads 0 when the counter reads `zero`.
    #[must_use]
    pub const fn new(zero: u64, hz: u64) -> Self {
        Self { zero, scale: Scale::of(hz) }
    }

    /// Nanoseconds when the counter reads `ticks`.
    #[must_use]
    pub const fn at(&self, ticks: u64) -> u64 {
        self.scale.nanoseconds(ticks.saturating_sub(self.zero))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_a_second_at_every_frequency() {
        for hz in [1_000_000, 19_200_000, 1_000_000_000, 2_345_678_901, 5_000_000_000] {
            let second = Scale::of(hz).nanoseconds(hz);
            assert!((999_999_990..=1_000_000_000).contains(&second), "{hz} Hz: {second} ns");
        }
    }

    #[test]
    fn a_century_neither_overflows_nor_goes_back() {
        let clock = Clock::new(12_345, 3_000_000_000);
        let century = 100 * 365 * 86_400 * 3_000_000_000_u64;
        let seconds = clock.at(12_345 + century) / 1_000_000_000;
        assert!(seconds.abs_diff(100 * 365 * 86_400) < 3);
        let mut before = 0;
        for step in 0..1000 {
            let now = clock.at(century / 1000 * step);
            assert!(now >= before);
            before = now;
        }
    }

    #[test]
    fn a_counter_below_its_zero_reads_zero() {
        assert_eq!(Clock::new(100, 1_000_000_000).at(99), 0);
        assert_eq!(Scale::of(0).nanoseconds(1), 1_000_000_000);
    }
}
