//! The generic timer: the physical counter and its one-shot alarm (Arm ARM D12).

use core::sync::atomic::{AtomicU64, Ordering};

use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::{
    CNTFRQ_EL0, CNTP_CTL_EL0, CNTP_CVAL_EL0, CNTPCT_EL0, Readable as _, Writeable as _,
};

use crate::clock::Clock;
use crate::interrupts;

/// The counter's clock, at the rate the firmware left in `CNTFRQ_EL0`; `None` if it left none.
#[must_use]
pub fn clock() -> Option<Clock> {
    Clock::new(CNTFRQ_EL0.get())
}

/// The counter now. The barrier keeps it from being read ahead of what comes before (D12.2.1).
#[must_use]
pub fn ticks() -> u64 {
    barrier::isb(barrier::SY);
    CNTPCT_EL0.get()
}

/// The one-shot alarm of this core: the EL1 physical timer.
///
/// Its interrupt is a level that stays up while the time has passed and the timer is on, so the handler has
/// to call [`Alarm::on_interrupt`].
#[derive(Debug)]
pub struct Alarm {
    rung: AtomicU64,
}

impl Alarm {
    /// The alarm; there is one timer, so a program makes one of these.
    #[must_use]
    pub const fn new() -> Self {
        Self { rung: AtomicU64::new(0) }
    }

    /// Interrupts once the counter reads `tick` or more, at once if it does already. Replaces what was set.
    pub fn set(&self, tick: u64) {
        CNTP_CVAL_EL0.set(tick);
        CNTP_CTL_EL0.write(CNTP_CTL_EL0::ENABLE::SET);
        barrier::isb(barrier::SY);
    }

    /// Switches the timer off and counts. For the interrupt handler.
    pub fn on_interrupt(&self) {
        CNTP_CTL_EL0.write(CNTP_CTL_EL0::ENABLE::CLEAR);
        barrier::isb(barrier::SY);
        self.rung.fetch_add(1, Ordering::Relaxed);
    }

    /// How many times it has rung.
    #[must_use]
    pub fn rung(&self) -> u64 {
        self.rung.load(Ordering::Relaxed)
    }

    /// Sleeps until the counter reads `tick` or more. Other interrupts are handled meanwhile.
    pub fn sleep_until(&self, tick: u64) {
        self.set(tick);
        interrupts::sleep_until(|| ticks() >= tick);
    }
}

impl Default for Alarm {
    fn default() -> Self {
        Self::new()
    }
}
