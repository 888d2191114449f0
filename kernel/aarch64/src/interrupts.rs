//! Masking interrupts and waiting for them.
//!
//! Unsafe because masks are instructions. They are compiler barriers too (no `nomem`): memory accesses must
//! not be moved out of the stretch that is masked.

use core::arch::asm;
use core::marker::PhantomData;

/// Interrupts are masked while this exists, then as they were before. Guards nest.
///
/// It belongs to the one context that made it, so it cannot be sent anywhere.
#[derive(Debug)]
#[must_use]
pub struct Masked {
    daif_before: u64,
    not_send: PhantomData<*mut ()>,
}

impl Masked {
    /// Masks interrupts.
    pub fn new() -> Self {
        let daif_before;
        // SAFETY: masking interrupts breaks nothing.
        unsafe { asm!("mrs {}, daif", "msr daifset, #0b0010", out(reg) daif_before, options(nostack)) };
        Self { daif_before, not_send: PhantomData }
    }
}

impl Default for Masked {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Masked {
    fn drop(&mut self) {
        // SAFETY: restores what was in force when the guard was made; guards end in reverse order.
        unsafe { asm!("msr daif, {}", in(reg) self.daif_before, options(nostack)) };
    }
}

/// Lets interrupts and system errors through. The board has installed its hooks by now.
pub fn unmask() {
    // SAFETY: without hooks the vectors stop the processor, which is safe too.
    unsafe { asm!("msr daifclr, #0b0110", options(nostack)) };
}

/// Sleeps until `is_over` says so, asking again after every interrupt.
///
/// The question is asked with interrupts masked, and WFI returns at once for an interrupt that is pending
/// though masked (Arm ARM D1.6.2): one that comes between question and sleep is never missed.
pub fn sleep_until(mut is_over: impl FnMut() -> bool) {
    let mut masked = Masked::new();
    while !is_over() {
        // SAFETY: waiting breaks nothing.
        unsafe { asm!("dsb sy", "wfi", options(nostack)) };
        // A moment without the mask: what is pending is handled now.
        drop(masked);
        masked = Masked::new();
    }
}

/// Masks interrupts of every kind, for good.
pub fn mask_all() {
    // SAFETY: masking interrupts breaks nothing.
    unsafe { asm!("msr daifset, #0b1111", options(nostack)) };
}

/// Stops the processor for good.
pub fn stop() -> ! {
    mask_all();
    loop {
        // SAFETY: waiting breaks nothing.
        unsafe { asm!("wfe", options(nostack)) };
    }
}
