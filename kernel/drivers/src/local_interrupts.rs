//! The interrupt controller beside the cores (BCM2836 ARM-local peripherals, chapter 4), as core 0 sees it.

use crate::registers::Registers;

mod offset {
    pub(super) const PERIPHERAL_ROUTING: usize = 0x0c;
    pub(super) const TIMER_CONTROL: usize = 0x40;
    pub(super) const SOURCE: usize = 0x60;
}

/// Bytes of registers, up to the last one used here.
pub const BYTES: usize = 0x64;

/// The non-secure EL1 physical timer, in both control and source.
const PHYSICAL_TIMER: u32 = 1 << 1;
/// Everything from the legacy controller, called GPU in the manual.
const PERIPHERALS: u32 = 1 << 8;
const PERIPHERALS_TO_CORE_0: u32 = 0;

/// What waits for core 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The generic timer's alarm.
    pub timer: bool,
    /// Something behind the legacy controller.
    pub peripherals: bool,
}

/// The controller.
#[derive(Debug)]
pub struct LocalInterrupts<R> {
    registers: R,
}

impl<R: Registers> LocalInterrupts<R> {
    /// The controller at `registers`.
    #[must_use]
    pub const fn new(registers: R) -> Self {
        Self { registers }
    }

    /// Sends the physical timer and the peripherals to core 0 as IRQ, and no other timer.
    pub fn route_to_core_0(&self) {
        self.registers.write(offset::PERIPHERAL_ROUTING, PERIPHERALS_TO_CORE_0);
        self.registers.write(offset::TIMER_CONTROL, PHYSICAL_TIMER);
    }

    /// What waits for core 0 now.
    pub fn pending(&self) -> Pending {
        let source = self.registers.read(offset::SOURCE);
        Pending { timer: source & PHYSICAL_TIMER != 0, peripherals: source & PERIPHERALS != 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    #[test]
    fn only_the_physical_timer_is_routed() {
        let fake = Fake::memory();
        LocalInterrupts::new(&fake).route_to_core_0();
        assert_eq!(fake.writes(), [(0x0c, 0), (0x40, 0b10)]);
    }

    #[test]
    fn each_source_is_told_apart() {
        for (source, timer, peripherals) in [
            (0, false, false),
            (0b10, true, false),
            (0x100, false, true),
            (0x102, true, true),
            (0xed, false, false),
        ] {
            let fake = Fake::answering(move |_, register| if register == 0x60 { source } else { 0 });
            assert_eq!(LocalInterrupts::new(&fake).pending(), Pending { timer, peripherals });
        }
    }
}
