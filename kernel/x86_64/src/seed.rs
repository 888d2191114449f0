//! Random seeds. Unsafe for one instruction that not every processor has.

use core::arch::x86_64::_rdseed64_step;
use core::fmt;

use x86_64::instructions::random::RdRand;

use crate::cpu::{cpuid, ticks};

/// Where seeds come from on this processor, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeedSource {
    /// The hardware entropy source.
    RdSeed,
    /// The hardware generator.
    RdRand,
    /// Jitter of the time-stamp counter: hard to predict, not cryptographic.
    Jitter,
}

impl fmt::Display for SeedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RdSeed => "RDSEED",
            Self::RdRand => "RDRAND",
            Self::Jitter => "timer jitter, not cryptographic",
        })
    }
}

/// The hardware may run dry for a moment; Intel advises ten attempts for RDRAND.
const ATTEMPTS: u32 = 10;

/// The best source this processor has.
#[must_use]
pub fn source() -> SeedSource {
    const RDSEED: u32 = 1 << 18;
    if cpuid(0)[0] >= 7 && cpuid(7)[1] & RDSEED != 0 {
        SeedSource::RdSeed
    } else if RdRand::new().is_some() {
        SeedSource::RdRand
    } else {
        SeedSource::Jitter
    }
}

/// A seed from `source`, mixed with jitter so that a source that fails is no worse than none.
#[must_use]
pub fn seed(source: SeedSource) -> u64 {
    let hardware = match source {
        // SAFETY: `source` found RDSEED.
        SeedSource::RdSeed => (0..ATTEMPTS).find_map(|_| unsafe { rdseed() }),
        SeedSource::RdRand => RdRand::new().and_then(|rdrand| (0..ATTEMPTS).find_map(|_| rdrand.get_u64())),
        SeedSource::Jitter => None,
    };
    hardware.unwrap_or_default() ^ jitter()
}

/// # Safety
///
/// The processor has RDSEED.
#[target_feature(enable = "rdseed")]
unsafe fn rdseed() -> Option<u64> {
    let mut value = 0;
    (_rdseed64_step(&mut value) == 1).then_some(value)
}

/// Mixes the low bits of 64 readings of the counter, with the finaliser of SplitMix64 (Steele, Lea and Flood,
/// OOPSLA 2014) after each.
fn jitter() -> u64 {
    (0..64).fold(0, |state: u64, _| {
        let mixed = state.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ ticks();
        let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    })
}
