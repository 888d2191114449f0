//! The ACPI power-management timer: a free-running counter of known frequency (ACPI 6.5, section 4.8.3.3).

use crate::port::Port;

/// The timer behind the port that the FADT names.
#[derive(Debug)]
pub struct PmTimer(Port<u32>);

impl PmTimer {
    /// Ticks a second.
    pub const HZ: u64 = 3_579_545;
    /// The bits every such timer has; the upper eight are optional.
    pub const MASK: u32 = 0x00ff_ffff;

    /// The timer behind `port`.
    #[must_use]
    pub const fn new(port: Port<u32>) -> Self {
        Self(port)
    }

    /// The counter now, modulo `MASK + 1`.
    #[must_use]
    pub fn ticks(&mut self) -> u32 {
        self.0.read() & Self::MASK
    }
}
