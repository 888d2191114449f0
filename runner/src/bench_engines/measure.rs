//! Time of a run: the median of many batches.

use std::time::{Duration, Instant};

/// How long one batch takes, about.
const BATCH: Duration = Duration::from_micros(400);
const BATCHES: usize = 31;

/// Nanoseconds a call of `run` takes.
pub(super) fn nanoseconds(run: &mut dyn FnMut() -> anyhow::Result<u32>) -> anyhow::Result<f64> {
    let mut calls = 1u32;
    loop {
        let time = batch(run, calls)?;
        if time >= BATCH / 2 || calls >= 1 << 24 {
            break;
        }
        calls *= 2;
    }
    let mut times = Vec::with_capacity(BATCHES);
    for _ in 0..BATCHES {
        times.push(batch(run, calls)?.as_secs_f64() * 1e9 / f64::from(calls));
    }
    times.sort_by(f64::total_cmp);
    Ok(times[BATCHES / 2])
}

fn batch(run: &mut dyn FnMut() -> anyhow::Result<u32>, calls: u32) -> anyhow::Result<Duration> {
    let start = Instant::now();
    for _ in 0..calls {
        std::hint::black_box(run()?);
    }
    Ok(start.elapsed())
}

/// The geometric mean; `None` of nothing.
pub(super) fn geometric_mean(ratios: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = ratios.fold((0.0, 0), |(sum, count), ratio| (sum + ratio.ln(), count + 1));
    (count > 0).then(|| (sum / f64::from(count)).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_geometric_mean_of_ratios_and_their_inverses_is_one() {
        let mean = geometric_mean([2.0, 0.5, 4.0, 0.25].into_iter()).unwrap();
        assert!((mean - 1.0).abs() < 1e-12);
        assert_eq!(geometric_mean(std::iter::empty()), None);
    }
}
