//! The light: it is on while the image works, toggles while it waits, and tells how it ended.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use kernel_aarch64::timer;
use kernel_drivers::activity_led::{BlinkCode, Light, Wiring};

use crate::exceptions::ALARM;
use crate::hardware;

/// The board's revision code, asked for once; 0 before.
static REVISION: AtomicU32 = AtomicU32::new(0);
static IS_LIT: AtomicBool = AtomicBool::new(false);

/// A wait shorter than this is left alone: behind the firmware a switch takes about a hundred microseconds, and what
/// is waited for has a deadline.
const SHORTEST_WAIT_NS: u64 = 10_000_000;
const NS_PER_MS: u64 = 1_000_000;

/// Finds the light and switches it on.
pub(crate) fn start() {
    REVISION.store(hardware::mailbox().board_revision().unwrap_or_default(), Ordering::Relaxed);
    wiring().prepare(&hardware::pins());
    switch(Light::On);
}

/// A beat of the heart, if there is time for one before `wait_ns` are over.
pub(crate) fn beat(wait_ns: u64) {
    if wait_ns >= SHORTEST_WAIT_NS {
        switch(if IS_LIT.load(Ordering::Relaxed) { Light::Off } else { Light::On });
    }
}

/// Repeats `code` for good. Needs no interrupt: a pending one ends a wait though it is masked.
pub(crate) fn blink(code: BlinkCode) -> ! {
    let Some(clock) = timer::clock() else { kernel_aarch64::interrupts::stop() };
    loop {
        for (light, ms) in code.round() {
            switch(light);
            let until = clock.ns_at(timer::ticks()) + u64::from(ms) * NS_PER_MS;
            ALARM.sleep_until(clock.first_tick_at(until));
        }
    }
}

fn wiring() -> Wiring {
    Wiring::of_revision(REVISION.load(Ordering::Relaxed))
}

fn switch(light: Light) {
    wiring().switch(light, &hardware::pins(), &hardware::mailbox());
    IS_LIT.store(light == Light::On, Ordering::Relaxed);
}
