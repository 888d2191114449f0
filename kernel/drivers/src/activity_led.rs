//! The green light of a Raspberry Pi, which tells how an image is without a serial line.
//!
//! Where it hangs differs: the Pi 3 Model B has it behind the firmware, later boards at a pin of their own.

use crate::gpio::{Gpio, Level, Pin};
use crate::mailbox::Mailbox;
use crate::registers::Registers;

/// How a board drives its light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wiring {
    /// Behind the firmware's expander.
    Firmware {
        /// Its number there.
        pin: u32,
    },
    /// At a pin of the processor.
    Processor {
        /// The pin.
        pin: Pin,
        /// The level at which it is lit.
        lit: Level,
    },
}

/// Bits of a revision code that name the model.
const MODEL: core::ops::Range<u32> = 4..12;

impl Wiring {
    /// The wiring of the board with this revision code; that of a Pi 3 Model B where it is not known.
    #[must_use]
    pub const fn of_revision(revision: u32) -> Self {
        match revision >> MODEL.start & ((1 << (MODEL.end - MODEL.start)) - 1) {
            // 3 Model B+, 3 Model A+.
            0x0d | 0x0e => Self::Processor { pin: Pin::new(29), lit: Level::High },
            // Zero 2 W.
            0x12 => Self::Processor { pin: Pin::new(29), lit: Level::Low },
            _ => Self::Firmware { pin: 130 },
        }
    }

    /// Readies the light's pin.
    pub fn prepare<R: Registers>(self, pins: &Gpio<R>) {
        if let Self::Processor { pin, .. } = self {
            pins.select_output(pin);
        }
    }

    /// Switches the light.
    pub fn switch<R: Registers>(self, light: Light, pins: &Gpio<R>, mailbox: &Mailbox<R>) {
        match (self, light) {
            (Self::Firmware { pin }, Light::On) => self::ignore(mailbox.drive_pin(pin, Level::High)),
            (Self::Firmware { pin }, Light::Off) => self::ignore(mailbox.drive_pin(pin, Level::Low)),
            (Self::Processor { pin, lit }, Light::On) => pins.drive(pin, lit),
            (Self::Processor { pin, lit: Level::High }, Light::Off) => pins.drive(pin, Level::Low),
            (Self::Processor { pin, lit: Level::Low }, Light::Off) => pins.drive(pin, Level::High),
        }
    }
}

/// A firmware that does not answer leaves a light dark, and nothing can be done about it.
fn ignore(_: Option<()>) {}

/// Lit or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Light {
    /// Lit.
    On,
    /// Dark.
    Off,
}

/// A pattern that repeats: so many short flashes, then a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlinkCode(u32);

impl BlinkCode {
    /// All went as the manifest expects.
    pub const OK: Self = Self(1);
    /// The report says that something went otherwise.
    pub const FAILED: Self = Self(2);
    /// An exception in the kernel.
    pub const EXCEPTION: Self = Self(3);
    /// A panic in the kernel.
    pub const PANIC: Self = Self(4);

    const FLASH_MS: u32 = 150;
    const GAP_MS: u32 = 250;
    const PAUSE_MS: u32 = 1_500;

    /// One round of it: what the light does, and for how many milliseconds.
    pub fn round(self) -> impl Iterator<Item = (Light, u32)> {
        (1..=self.0).flat_map(move |flash| {
            let dark_ms = if flash == self.0 { Self::PAUSE_MS } else { Self::GAP_MS };
            [(Light::On, Self::FLASH_MS), (Light::Off, dark_ms)]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, last};
    use std::vec::Vec;

    const PI_3B: u32 = 0xa0_2082;
    const PI_3B_PLUS: u32 = 0xa0_20d3;
    const ZERO_2_W: u32 = 0x90_2120;

    /// What a switch writes to the pins, and how many letters it posts.
    fn switched(revision: u32, light: Light) -> (Vec<(usize, u32)>, usize) {
        let (pins, message) = (Fake::memory(), Fake::answering(|_, _| 0x8000_0000));
        let registers = Fake::answering(|writes, at| if at == 0 { last(writes, 0x20) } else { 0 });
        let mailbox = Mailbox::new(&registers, &message, 0, || ());
        Wiring::of_revision(revision).switch(light, &Gpio::new(&pins), &mailbox);
        (pins.writes(), registers.writes().len())
    }

    #[test]
    fn each_board_drives_its_own_pin_the_right_way_round() {
        assert_eq!(switched(PI_3B, Light::On), (Vec::new(), 1));
        assert_eq!(switched(PI_3B_PLUS, Light::On), ([(0x1c, 1 << 29)].to_vec(), 0));
        assert_eq!(switched(PI_3B_PLUS, Light::Off), ([(0x28, 1 << 29)].to_vec(), 0));
        assert_eq!(switched(ZERO_2_W, Light::On), ([(0x28, 1 << 29)].to_vec(), 0));
        assert_eq!(Wiring::of_revision(0), Wiring::of_revision(PI_3B));
    }

    #[test]
    fn a_code_is_told_by_counting_flashes_before_the_pause() {
        for (code, flashes) in
            [(BlinkCode::OK, 1), (BlinkCode::FAILED, 2), (BlinkCode::EXCEPTION, 3), (BlinkCode::PANIC, 4)]
        {
            let round: Vec<_> = code.round().collect();
            assert_eq!(round.iter().filter(|step| step.0 == Light::On).count(), flashes);
            let dark: Vec<_> = round.iter().filter(|step| step.0 == Light::Off).map(|step| step.1).collect();
            let (pause, gaps) = dark.split_last().unwrap();
            assert!(gaps.iter().all(|gap| gap * 3 < *pause), "{dark:?}");
        }
    }
}
