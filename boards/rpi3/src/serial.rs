//! The serial line: a ring that the UART's interrupt drains.

use core::sync::atomic::{AtomicU64, Ordering};

use kernel_aarch64::interrupts::Masked;
use kernel_drivers::mmio::Mmio;
use kernel_drivers::pl011::{Divisors, Pl011};
use kernel_drivers::transmit_ring::TransmitRing;

use crate::hardware;

/// 1.4 s of text at 115200 baud.
const RING_BYTES: usize = 16 * 1024;

/// Apart from the rest, which has initial values: it is all zeros and takes no room in the image file.
static RING: TransmitRing<RING_BYTES> = TransmitRing::new();

/// The one serial line of the board.
pub(crate) static SERIAL: Serial = Serial {
    uart: Pl011::new(hardware::uart_registers()),
    ring: &RING,
    lost_lines: AtomicU64::new(0),
    interrupts: AtomicU64::new(0),
};

/// The line, its ring and its counts.
///
/// Nothing here can deadlock: the ring has no lock; the UART is touched with interrupts masked, for the few
/// register accesses of a refill, so a refill is never interrupted by another; and `send` waits for the UART
/// alone, which goes on sending whatever the processor does. It drains by itself while it waits, so it needs
/// no interrupt and may be called with interrupts masked, from an exception too.
pub(crate) struct Serial {
    uart: Pl011<Mmio>,
    ring: &'static TransmitRing<RING_BYTES>,
    lost_lines: AtomicU64,
    interrupts: AtomicU64,
}

impl Serial {
    /// Sets the UART up. Before this nothing is sent; what was queued stays queued.
    pub(crate) fn start(&self, divisors: Divisors) {
        let _masked = Masked::new();
        self.uart.configure(divisors);
    }

    /// Queues `line`, waiting for room if there is none.
    pub(crate) fn send(&self, line: &[u8]) {
        for part in line.chunks(RING_BYTES) {
            while self.ring.push(part).is_err() {
                self.refill();
            }
        }
        self.refill();
    }

    /// Queues `line` if there is room, else counts it as lost. Never waits.
    pub(crate) fn try_send(&self, line: &[u8]) {
        if self.ring.push(line).is_err() {
            self.lost_lines.fetch_add(1, Ordering::Relaxed);
        }
        self.refill();
    }

    /// Lines lost so far.
    pub(crate) fn lost_lines(&self) -> u64 {
        self.lost_lines.load(Ordering::Relaxed)
    }

    /// Interrupts that drained the ring so far.
    pub(crate) fn interrupts(&self) -> u64 {
        self.interrupts.load(Ordering::Relaxed)
    }

    /// For the interrupt handler.
    pub(crate) fn on_interrupt(&self) {
        self.interrupts.fetch_add(1, Ordering::Relaxed);
        self.refill();
    }

    /// Waits until everything has left the board.
    pub(crate) fn flush(&self) {
        let _masked = Masked::new();
        self.uart.flush(self.ring);
    }

    fn refill(&self) {
        let _masked = Masked::new();
        self.uart.refill(self.ring);
    }
}
