//! The pins of the BCM2835 family (BCM2835 ARM Peripherals, chapter 6).

use crate::registers::Registers;

mod offset {
    pub(super) const FUNCTION_SELECT: usize = 0x00;
    pub(super) const SET: usize = 0x1c;
    pub(super) const CLEAR: usize = 0x28;
    pub(super) const PULL: usize = 0x94;
    pub(super) const PULL_CLOCK: usize = 0x98;
}

/// Bytes of registers, up to the last one used here.
pub const BYTES: usize = 0xa0;

const NO_PULL: u32 = 0;
const ALTERNATE_0: u32 = 0b100;
const OUTPUT: u32 = 0b001;
/// Cycles the pull control needs before and after its clock (section 6.1, GPPUD).
const SET_UP_CYCLES: usize = 150;

/// One of the 54 pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin(usize);

impl Pin {
    /// Pin `number`.
    ///
    /// # Panics
    /// If there is no such pin; in a constant that fails the build.
    #[must_use]
    pub const fn new(number: usize) -> Self {
        assert!(number < 54);
        Self(number)
    }
}

/// What an output drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Ground.
    Low,
    /// 3.3 V.
    High,
}

/// All pins.
#[derive(Debug)]
pub struct Gpio<R> {
    registers: R,
}

impl<R: Registers> Gpio<R> {
    /// The pins at `registers`.
    #[must_use]
    pub const fn new(registers: R) -> Self {
        Self { registers }
    }

    /// Gives `pin` to its alternate function 0; the other pins keep theirs.
    pub fn select_alternate_0(&self, pin: Pin) {
        self.select(pin, ALTERNATE_0);
    }

    /// Makes `pin` an output; the other pins keep their functions.
    pub fn select_output(&self, pin: Pin) {
        self.select(pin, OUTPUT);
    }

    /// Drives an output.
    pub fn drive(&self, pin: Pin, level: Level) {
        let register = match level {
            Level::High => offset::SET,
            Level::Low => offset::CLEAR,
        };
        // Ones act and zeros do nothing, so no other pin is touched.
        self.registers.write(register + pin.0 / 32 * 4, 1 << (pin.0 % 32));
    }

    fn select(&self, pin: Pin, function: u32) {
        let register = offset::FUNCTION_SELECT + pin.0 / 10 * 4;
        let shift = pin.0 % 10 * 3;
        let others = self.registers.read(register) & !(0b111 << shift);
        self.registers.write(register, others | function << shift);
    }

    /// Takes pull-up and pull-down off `pin`, by the sequence of section 6.1.
    pub fn remove_pull(&self, pin: Pin) {
        let clock = offset::PULL_CLOCK + pin.0 / 32 * 4;
        self.registers.write(offset::PULL, NO_PULL);
        self.wait_for_set_up();
        self.registers.write(clock, 1 << (pin.0 % 32));
        self.wait_for_set_up();
        self.registers.write(clock, 0);
    }

    /// Waits the cycles, by reads: each of them takes more than one.
    fn wait_for_set_up(&self) {
        for _ in 0..SET_UP_CYCLES {
            let _ = self.registers.read(offset::PULL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, last};

    #[test]
    fn a_pins_function_changes_and_its_neighbours_do_not() {
        let fake =
            Fake::answering(|writes, offset| if writes.is_empty() { !0 } else { last(writes, offset) });
        let gpio = Gpio::new(&fake);
        gpio.select_alternate_0(Pin::new(14));
        gpio.select_alternate_0(Pin::new(15));
        assert_eq!(fake.writes(), [(4, 0xffff_cfff), (4, 0xfffe_4fff)]);
    }

    #[test]
    fn an_output_is_driven_without_touching_another() {
        let fake = Fake::memory();
        let gpio = Gpio::new(&fake);
        gpio.select_output(Pin::new(29));
        gpio.drive(Pin::new(29), Level::High);
        gpio.drive(Pin::new(29), Level::Low);
        gpio.drive(Pin::new(33), Level::High);
        assert_eq!(fake.writes(), [(8, 1 << 27), (0x1c, 1 << 29), (0x28, 1 << 29), (0x20, 2)]);
    }

    #[test]
    fn the_last_pins_are_in_the_last_registers() {
        let fake = Fake::memory();
        let gpio = Gpio::new(&fake);
        gpio.select_alternate_0(Pin::new(53));
        gpio.remove_pull(Pin::new(53));
        assert_eq!(fake.writes(), [(0x14, 0x800), (0x94, 0), (0x9c, 1 << 21), (0x9c, 0)]);
    }
}
