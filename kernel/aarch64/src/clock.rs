//! Ticks of the generic timer as nanoseconds, and back.

const NS_PER_SECOND: u64 = 1_000_000_000;

/// A counter that counts up at a known rate.
///
/// Whole seconds and the rest are scaled apart, so nothing overflows in the 584 years that 64 bits of
/// nanoseconds last, and no 128-bit division is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    ticks_per_second: u64,
}

impl Clock {
    /// A clock of `ticks_per_second`, at most 2^34 (Arm ARM D12.1.2: the rate is 1 to 50 MHz, from Armv8.6
    /// 1 GHz). `None` for 0: nobody has set the counter up.
    #[must_use]
    pub const fn new(ticks_per_second: u64) -> Option<Self> {
        if ticks_per_second == 0 || ticks_per_second > 1 << 34 {
            return None;
        }
        Some(Self { ticks_per_second })
    }

    /// Ticks in one second.
    #[must_use]
    pub const fn ticks_per_second(self) -> u64 {
        self.ticks_per_second
    }

    /// The nanoseconds that have passed when the counter reads `ticks`, rounded down.
    #[must_use]
    pub const fn ns_at(self, ticks: u64) -> u64 {
        let (seconds, rest) = (ticks / self.ticks_per_second, ticks % self.ticks_per_second);
        (seconds.saturating_mul(NS_PER_SECOND)).saturating_add(rest * NS_PER_SECOND / self.ticks_per_second)
    }

    /// The first reading of the counter at which at least `ns` nanoseconds have passed.
    #[must_use]
    pub const fn first_tick_at(self, ns: u64) -> u64 {
        let (seconds, rest) = (ns / NS_PER_SECOND, ns % NS_PER_SECOND);
        let part = (rest * self.ticks_per_second).div_ceil(NS_PER_SECOND);
        seconds.saturating_mul(self.ticks_per_second).saturating_add(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [u64; 5] = [1, 19_200_000, 54_000_000, 62_500_000, 1_000_000_000];

    #[test]
    fn the_first_tick_at_a_time_is_the_first() {
        for rate in RATES {
            let clock = Clock::new(rate).unwrap();
            for ns in [1, 15, 16, 17, 52, 999_999_999, NS_PER_SECOND, 1_234_567_890_123, 1 << 55] {
                let tick = clock.first_tick_at(ns);
                assert!(clock.ns_at(tick) >= ns, "{rate} Hz, {ns} ns");
                assert!(clock.ns_at(tick - 1) < ns, "{rate} Hz, {ns} ns");
            }
        }
    }

    #[test]
    fn time_never_goes_back_over_centuries() {
        for rate in RATES {
            let clock = Clock::new(rate).unwrap();
            let century = 100 * 365 * 86_400 * rate.min(1 << 30);
            for ticks in [0, 1, rate - 1, rate, rate + 1, century, century + 1] {
                assert!(clock.ns_at(ticks) <= clock.ns_at(ticks + 1));
                let exact = u128::from(ticks) * u128::from(NS_PER_SECOND) / u128::from(rate);
                assert_eq!(u128::from(clock.ns_at(ticks)), exact.min(u64::MAX.into()));
            }
        }
    }

    #[test]
    fn a_counter_nobody_set_up_is_no_clock() {
        assert_eq!(Clock::new(0), None);
    }
}
