//! How fast the time-stamp counter runs, as far as the processor or the hypervisor states it.

use core::fmt;

/// Where a frequency comes from, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// CPUID leaf 0x15: crystal clock and ratio.
    CrystalRatio,
    /// Hypervisor leaf 0x40000010: kHz.
    Hypervisor,
    /// CPUID leaf 0x16: nominal MHz.
    Nominal,
    /// Measured against the ACPI power-management timer.
    PmTimer,
    /// Measured against the local APIC timer, which QEMU and KVM run at 1 GHz.
    LocalApic,
    /// Nothing is known: times are right to a factor.
    Assumed,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CrystalRatio => "CPUID leaf 0x15",
            Self::Hypervisor => "hypervisor leaf 0x40000010",
            Self::Nominal => "CPUID leaf 0x16",
            Self::PmTimer => "measured against the ACPI PM timer",
            Self::LocalApic => "measured against the local APIC timer",
            Self::Assumed => "ASSUMED, nothing to measure against",
        })
    }
}

/// Ticks a second and how they are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frequency {
    /// Ticks a second.
    pub hz: u64,
    /// How that is known.
    pub source: Source,
}

impl Frequency {
    /// What is left when nobody knows.
    pub const ASSUMED: Self = Self { hz: 1_000_000_000, source: Source::Assumed };
}

/// Slower or faster counters do not exist; such a value is damage.
const PLAUSIBLE_HZ: core::ops::RangeInclusive<u64> = 10_000_000..=20_000_000_000;

/// The frequency that `cpuid(leaf)`, giving EAX to EDX, states (Intel SDM vol. 3, section 19.7.3).
pub fn stated(cpuid: impl Fn(u32) -> [u32; 4]) -> Option<Frequency> {
    // A leaf above the stated maximum reads as some other leaf.
    let leaf = |base: u32, leaf: u32| if cpuid(base)[0] >= leaf { cpuid(leaf) } else { [0; 4] };
    let [denominator, numerator, crystal_hz, _] = leaf(0, 0x15).map(u64::from);
    let candidates = [
        ((crystal_hz * numerator).checked_div(denominator), Source::CrystalRatio),
        (hypervisor_khz(&cpuid).map(|khz| khz * 1_000), Source::Hypervisor),
        (Some(u64::from(leaf(0, 0x16)[0] & 0xffff) * 1_000_000), Source::Nominal),
    ];
    candidates
        .into_iter()
        .filter_map(|(hz, source)| Some(Frequency { hz: hz?, source }))
        .find(|frequency| PLAUSIBLE_HZ.contains(&frequency.hz))
}

fn hypervisor_khz(cpuid: &impl Fn(u32) -> [u32; 4]) -> Option<u64> {
    const HYPERVISOR_PRESENT: u32 = 1 << 31;
    let leaves = 0x4000_0010..0x4001_0000;
    (cpuid(1)[2] & HYPERVISOR_PRESENT != 0 && leaves.contains(&cpuid(0x4000_0000)[0]))
        .then(|| u64::from(cpuid(0x4000_0010)[0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(leaves: &[(u32, [u32; 4])]) -> impl Fn(u32) -> [u32; 4] + '_ {
        |leaf| leaves.iter().find(|each| each.0 == leaf).map_or([0; 4], |each| each.1)
    }

    #[test]
    fn the_crystal_ratio_comes_first() {
        let leaves = [(0, [0x16, 0, 0, 0]), (0x15, [2, 188, 24_000_000, 0]), (0x16, [2300, 0, 0, 0])];
        let frequency = stated(machine(&leaves)).unwrap();
        assert_eq!(frequency, Frequency { hz: 2_256_000_000, source: Source::CrystalRatio });
    }

    #[test]
    fn a_ratio_without_a_crystal_frequency_falls_through() {
        let leaves = [(0, [0x16, 0, 0, 0]), (0x15, [2, 188, 0, 0]), (0x16, [2300, 0, 0, 0])];
        assert_eq!(stated(machine(&leaves)).unwrap().source, Source::Nominal);
    }

    #[test]
    fn the_hypervisor_is_asked_only_if_there_is_one() {
        let leaves = [(0x4000_0000, [0x4000_0010, 0, 0, 0]), (0x4000_0010, [2_000_000, 0, 0, 0])];
        assert_eq!(stated(machine(&leaves)), None);
        let leaves = [leaves[0], leaves[1], (1, [0, 0, 1 << 31, 0])];
        assert_eq!(stated(machine(&leaves)).unwrap().hz, 2_000_000_000);
    }

    #[test]
    fn a_leaf_above_the_maximum_is_not_believed() {
        let leaves = [(0, [0xd, 0, 0, 0]), (0x16, [2300, 0, 0, 0])];
        assert_eq!(stated(machine(&leaves)), None);
    }

    #[test]
    fn an_implausible_frequency_is_not_believed() {
        let leaves = [(0, [0x16, 0, 0, 0]), (0x15, [u32::MAX, 1, 1, 0]), (0x16, [1, 0, 0, 0])];
        assert_eq!(stated(machine(&leaves)), None);
    }
}
