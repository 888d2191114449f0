//! The board's clock: the time-stamp counter, measured where nobody states its frequency. Unsafe to name the
//! two timers it can be measured against.

use kernel_drivers::pm_timer::PmTimer;
use kernel_drivers::port::Port;
use kernel_x86_64::apic::LocalApicTimer;
use kernel_x86_64::clock::{Clock, Frequency, Reference, Source, calibrate, stated};
use kernel_x86_64::cpu;
use spin::Once;

static CLOCK: Once<Clock> = Once::new();

/// Starts the clock, which reads 0 at the counter value `zero`.
pub(crate) fn start(zero: u64, pm_timer_port: Option<u16>, apic_page: Option<u64>) -> Frequency {
    let frequency = stated(cpu::cpuid)
        .or_else(|| pm_timer_port.and_then(against_pm_timer))
        .or_else(|| apic_page.and_then(against_local_apic))
        .unwrap_or(Frequency::ASSUMED);
    CLOCK.call_once(|| Clock::new(zero, frequency.hz));
    frequency
}

/// Nanoseconds since the start of the kernel; 0 until the clock runs.
pub(crate) fn now() -> u64 {
    CLOCK.get().map_or(0, |clock| clock.at(cpu::ticks()))
}

struct AcpiTimer(PmTimer);

impl Reference for AcpiTimer {
    const HZ: u64 = PmTimer::HZ;
    const MASK: u32 = PmTimer::MASK;
    const SOURCE: Source = Source::PmTimer;

    fn ticks(&mut self) -> u32 {
        self.0.ticks()
    }
}

fn against_pm_timer(port: u16) -> Option<Frequency> {
    // SAFETY: the FADT says that the PM timer is there, and reading a timer changes nothing.
    let port = unsafe { Port::new(port) };
    calibrate(&mut AcpiTimer(PmTimer::new(port)), cpu::ticks)
}

fn against_local_apic(page: u64) -> Option<Frequency> {
    // SAFETY: 1. `apic::known_timer_page` named the page and `bring_up` had it mapped; 2. nobody else uses it.
    let mut timer = unsafe { LocalApicTimer::start(page) };
    calibrate(&mut timer, cpu::ticks)
}
