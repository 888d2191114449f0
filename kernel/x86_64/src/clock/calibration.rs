//! Measuring the time-stamp counter against a timer of known frequency.

use super::frequency::{Frequency, Source};

/// A free-running up-counter of known frequency.
pub trait Reference {
    /// Ticks a second.
    const HZ: u64;
    /// The counter runs modulo `MASK + 1`.
    const MASK: u32;
    /// What a frequency measured against it is called.
    const SOURCE: Source;

    /// The counter now.
    fn ticks(&mut self) -> u32;
}

/// Half a millisecond: long beside the error of a sample, short beside any boot.
const CALIBRATIONS_A_SECOND: u64 = 2_000;
/// Readings after which a reference that does not get there counts as dead.
const MAX_READINGS: u32 = 100_000;
/// Attempts at a sample that nothing interrupts.
const ATTEMPTS: u32 = 5;

/// Counts `now` over half a millisecond of `reference`; `None` if the reference stands still.
pub fn calibrate<R: Reference>(reference: &mut R, mut now: impl FnMut() -> u64) -> Option<Frequency> {
    let first = sample(reference, &mut now);
    let elapsed = |ticks: u32| u64::from(ticks.wrapping_sub(first.ticks) & R::MASK);
    (0..MAX_READINGS).find(|_| elapsed(reference.ticks()) >= R::HZ / CALIBRATIONS_A_SECOND)?;
    let last = sample(reference, &mut now);
    let counted = u128::from(last.now.saturating_sub(first.now)) * u128::from(R::HZ);
    let hz = u64::try_from(counted / u128::from(elapsed(last.ticks).max(1))).ok()?;
    (hz != 0).then_some(Frequency { hz, source: R::SOURCE })
}

/// Both counters at one moment, give or take `width / 2` of `now`.
struct Sample {
    ticks: u32,
    now: u64,
    width: u64,
}

/// The narrowest of a few samples: a virtual machine can lose the processor between any two instructions.
fn sample<R: Reference>(reference: &mut R, now: &mut impl FnMut() -> u64) -> Sample {
    let mut take = || {
        let (before, ticks, after) = (now(), reference.ticks(), now());
        let width = after.saturating_sub(before);
        Sample { ticks, now: before + width / 2, width }
    };
    let first = take();
    (1..ATTEMPTS).map(|_| take()).fold(first, |best, next| if next.width < best.width { next } else { best })
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;

    struct Fake<'a> {
        nanoseconds: &'a Cell<u64>,
        step: u64,
        offset: u64,
    }

    impl Reference for Fake<'_> {
        const HZ: u64 = 3_579_545;
        const MASK: u32 = 0x00ff_ffff;
        const SOURCE: Source = Source::PmTimer;

        fn ticks(&mut self) -> u32 {
            self.nanoseconds.set(self.nanoseconds.get() + self.step);
            let ticks = u128::from(self.nanoseconds.get()) * u128::from(Self::HZ) / 1_000_000_000;
            (ticks as u32).wrapping_add(self.offset as u32) & Self::MASK
        }
    }

    #[test]
    fn the_measured_frequency_is_right_to_a_thousandth_even_across_a_wrap() {
        for offset in [0, 0x00ff_ff00] {
            let nanoseconds = Cell::new(0);
            let mut fake = Fake { nanoseconds: &nanoseconds, step: 200, offset };
            let measured = calibrate(&mut fake, || nanoseconds.get() * 5 / 2).unwrap();
            assert!(measured.hz.abs_diff(2_500_000_000) < 2_500_000, "{measured:?}");
            assert!(nanoseconds.get() < 600_000);
        }
    }

    #[test]
    fn a_dead_reference_is_given_up() {
        let nanoseconds = Cell::new(0);
        let mut fake = Fake { nanoseconds: &nanoseconds, step: 0, offset: 5 };
        assert_eq!(calibrate(&mut fake, || 0), None);
    }
}
