//! The interrupt controller of the BCM2835 (BCM2835 ARM Peripherals, chapter 7).

use crate::registers::Registers;

mod offset {
    pub(super) const PENDING: usize = 0x04;
    pub(super) const ENABLE: usize = 0x10;
    pub(super) const DISABLE: usize = 0x1c;
    pub(super) const DISABLE_BASIC: usize = 0x24;
}

/// Bytes of registers, up to the last one used here.
pub const BYTES: usize = 0x28;

/// One of the 64 peripheral interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupt(usize);

impl Interrupt {
    /// Interrupt `number` of the table in section 7.5.
    ///
    /// # Panics
    /// If there is no such interrupt; in a constant that fails the build.
    #[must_use]
    pub const fn new(number: usize) -> Self {
        assert!(number < 64);
        Self(number)
    }

    const fn register(self, first: usize) -> usize {
        first + self.0 / 32 * 4
    }

    const fn bit(self) -> u32 {
        1 << (self.0 % 32)
    }
}

/// The controller.
#[derive(Debug)]
pub struct LegacyInterrupts<R> {
    registers: R,
}

impl<R: Registers> LegacyInterrupts<R> {
    /// The controller at `registers`.
    #[must_use]
    pub const fn new(registers: R) -> Self {
        Self { registers }
    }

    /// Enables `interrupt` and nothing else, whatever the firmware left enabled.
    pub fn enable_only(&self, interrupt: Interrupt) {
        for register in [offset::DISABLE, offset::DISABLE + 4, offset::DISABLE_BASIC] {
            self.registers.write(register, !0);
        }
        self.registers.write(interrupt.register(offset::ENABLE), interrupt.bit());
    }

    /// Whether `interrupt` waits.
    pub fn is_pending(&self, interrupt: Interrupt) -> bool {
        self.registers.read(interrupt.register(offset::PENDING)) & interrupt.bit() != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    #[test]
    fn interrupt_57_is_bit_25_of_the_second_register() {
        let fake = Fake::answering(|_, register| if register == 0x08 { 1 << 25 } else { 0 });
        let controller = LegacyInterrupts::new(&fake);
        controller.enable_only(Interrupt::new(57));
        assert_eq!(fake.writes(), [(0x1c, !0), (0x20, !0), (0x24, !0), (0x14, 1 << 25)]);
        assert!(controller.is_pending(Interrupt::new(57)));
        assert!(!controller.is_pending(Interrupt::new(25)));
    }
}
