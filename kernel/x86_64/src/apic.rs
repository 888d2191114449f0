//! The local APIC's timer as a time reference (Intel SDM vol. 3, section 12.5.4). Unsafe for its registers.

use x86_64::registers::model_specific::Msr;

use crate::clock::{Reference, Source};
use crate::cpu::cpuid;
use crate::physical::DIRECT_MAP;

const LVT_TIMER: u64 = 0x320;
const INITIAL_COUNT: u64 = 0x380;
const CURRENT_COUNT: u64 = 0x390;
const DIVIDE_CONFIGURATION: u64 = 0x3e0;

const LVT_MASKED: u32 = 1 << 16;
const DIVIDE_BY_1: u32 = 0b1011;

/// The timer, counting down from its maximum with its interrupt masked.
#[derive(Debug)]
pub struct LocalApicTimer {
    registers: *mut u8,
}

/// The page of the local APIC, if its timer runs at a known rate: QEMU and KVM run it at 1 GHz.
#[must_use]
pub fn known_timer_page() -> Option<u64> {
    const IA32_APIC_BASE: u32 = 0x1b;
    const X2APIC: u64 = 1 << 10;
    const ENABLED: u64 = 1 << 11;
    const APIC: u32 = 1 << 9;
    const HYPERVISOR: u32 = 1 << 31;
    let [_, _, ecx, edx] = cpuid(1);
    if edx & APIC == 0 || ecx & HYPERVISOR == 0 || !runs_at_1_ghz(cpuid(0x4000_0000)) {
        return None;
    }
    // SAFETY: a processor with an APIC has this register, and reading it changes nothing.
    let base = unsafe { Msr::new(IA32_APIC_BASE).read() };
    (base & (ENABLED | X2APIC) == ENABLED).then_some(base & 0x000f_ffff_ffff_f000)
}

fn runs_at_1_ghz([_, ebx, ecx, edx]: [u32; 4]) -> bool {
    let signature = [ebx, ecx, edx].map(u32::to_le_bytes);
    [*b"TCGTCGTCGTCG", *b"KVMKVMKVM\0\0\0"].iter().any(|name| signature.as_flattened() == name)
}

impl LocalApicTimer {
    /// Starts the timer.
    ///
    /// # Safety
    ///
    /// 1. `page` is the local APIC's page and is mapped, uncached, in the direct map.
    /// 2. Nothing else uses the timer.
    #[must_use]
    pub unsafe fn start(page: u64) -> Self {
        let mut timer = Self { registers: (DIRECT_MAP + page) as *mut u8 };
        timer.write(LVT_TIMER, LVT_MASKED);
        timer.write(DIVIDE_CONFIGURATION, DIVIDE_BY_1);
        timer.write(INITIAL_COUNT, u32::MAX);
        timer
    }

    fn write(&mut self, register: u64, value: u32) {
        // SAFETY: duty 1 of `start`; every register is aligned and inside the page, and a masked timer has no
        // effect on memory.
        unsafe { self.registers.add(register as usize).cast::<u32>().write_volatile(value) }
    }
}

impl Reference for LocalApicTimer {
    const HZ: u64 = 1_000_000_000;
    const MASK: u32 = u32::MAX;
    const SOURCE: Source = Source::LocalApic;

    fn ticks(&mut self) -> u32 {
        // SAFETY: as in `write`.
        let left = unsafe { self.registers.add(CURRENT_COUNT as usize).cast::<u32>().read_volatile() };
        u32::MAX - left
    }
}
