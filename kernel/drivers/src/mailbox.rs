//! The property channel of the VideoCore mailbox: asking the firmware.
//!
//! Registers and message layout as in the firmware's wiki, "Mailboxes" and "Mailbox property interface".

use crate::gpio::Level;
use crate::registers::Registers;

mod offset {
    pub(super) const READ: usize = 0x00;
    pub(super) const READ_STATUS: usize = 0x18;
    pub(super) const WRITE: usize = 0x20;
    pub(super) const WRITE_STATUS: usize = 0x38;
}

/// Bytes of registers, up to the last one used here.
pub const BYTES: usize = 0x3c;
/// Bytes of memory a message takes; its address is a multiple of 16.
pub const MESSAGE_BYTES: usize = 4 * MESSAGE_WORDS;

const FULL: u32 = 1 << 31;
const EMPTY: u32 = 1 << 30;
const PROPERTY_CHANNEL: u32 = 8;
const REQUEST: u32 = 0;
const RESPONSE_OK: u32 = 0x8000_0000;
const GET_BOARD_REVISION: u32 = 0x0001_0002;
const GET_CLOCK_RATE: u32 = 0x0003_0002;
const SET_PIN: u32 = 0x0003_8041;
const MESSAGE_WORDS: usize = 8;
/// Where a tag's values are, in words.
const VALUE_WORDS: [usize; 2] = [5, 6];
/// Looks at a status register before giving up: a firmware that lives answers within a millisecond.
const PATIENCE: usize = 1_000_000;

/// A clock the firmware runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirmwareClock {
    /// The clock of the PL011.
    Uart = 2,
}

/// The mailbox and a piece of memory to lay messages in. The firmware reads and writes that memory behind the
/// processor's back, which makes it registers too.
#[derive(Debug)]
pub struct Mailbox<R> {
    registers: R,
    message: R,
    /// Where the firmware sees `message`.
    bus_address: u32,
    /// Waits until all memory accesses so far are done.
    barrier: fn(),
}

impl<R: Registers> Mailbox<R> {
    /// The mailbox at `registers`, with [`MESSAGE_BYTES`] of memory that is not cached at `message`, which the
    /// firmware sees at `bus_address`, a multiple of 16. `barrier` waits until all memory accesses before it
    /// are done: the message is no device memory, so only that orders it with the registers.
    #[must_use]
    pub const fn new(registers: R, message: R, bus_address: u32, barrier: fn()) -> Self {
        assert!(bus_address.is_multiple_of(16));
        Self { registers, message, bus_address, barrier }
    }

    /// The rate of a clock in hertz. `None` if the firmware does not answer, or not with a rate.
    pub fn clock_rate(&self, clock: FirmwareClock) -> Option<u32> {
        let [_, rate] = self.property(GET_CLOCK_RATE, [clock as u32, 0])?;
        (rate != 0).then_some(rate)
    }

    /// The board's revision code ("New-style revision codes" of the firmware's documentation). `None` if the
    /// firmware does not answer.
    pub fn board_revision(&self) -> Option<u32> {
        self.property(GET_BOARD_REVISION, [0, 0]).map(|[revision, _]| revision)
    }

    /// Drives a pin of the firmware's own: those from 128 on are behind an expander that only it can reach.
    pub fn drive_pin(&self, pin: u32, level: Level) -> Option<()> {
        let level = match level {
            Level::Low => 0,
            Level::High => 1,
        };
        self.property(SET_PIN, [pin, level]).map(drop)
    }

    /// Asks one thing with two values, and returns the values of the answer.
    fn property(&self, tag: u32, values: [u32; 2]) -> Option<[u32; 2]> {
        // Size, request; tag, room for its values, request, the values; end of tags.
        let words = [MESSAGE_BYTES as u32, REQUEST, tag, 8, REQUEST, values[0], values[1], 0];
        for (index, word) in words.into_iter().enumerate() {
            self.message.write(index * 4, word);
        }
        self.call()?;
        let answered = self.message.read(4) == RESPONSE_OK;
        answered.then(|| VALUE_WORDS.map(|word| self.message.read(word * 4)))
    }

    /// Gives the message to the firmware and waits until it gives it back.
    fn call(&self) -> Option<()> {
        let letter = self.bus_address | PROPERTY_CHANNEL;
        self.wait_while(offset::WRITE_STATUS, FULL)?;
        (self.barrier)();
        self.registers.write(offset::WRITE, letter);
        for _ in 0..PATIENCE {
            self.wait_while(offset::READ_STATUS, EMPTY)?;
            // Other channels may have something to say; only ours is of interest.
            if self.registers.read(offset::READ) == letter {
                (self.barrier)();
                return Some(());
            }
        }
        None
    }

    fn wait_while(&self, status: usize, flag: u32) -> Option<()> {
        (0..PATIENCE).find(|_| self.registers.read(status) & flag == 0).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, last};

    const BUS_ADDRESS: u32 = 0xc020_0000;

    /// A firmware that gives every letter back.
    fn postman() -> Fake {
        Fake::answering(|writes, register| match register {
            offset::READ => last(writes, offset::WRITE),
            _ => 0,
        })
    }

    fn answer(code: u32, rate: u32) -> Fake {
        Fake::answering(move |writes, register| match register {
            4 => code,
            24 => rate,
            _ => last(writes, register),
        })
    }

    #[test]
    fn the_question_is_laid_out_and_posted_on_the_property_channel() {
        let (registers, message) = (postman(), answer(RESPONSE_OK, 48_000_000));
        let mailbox = Mailbox::new(&registers, &message, BUS_ADDRESS, || ());
        assert_eq!(mailbox.clock_rate(FirmwareClock::Uart), Some(48_000_000));
        assert_eq!(registers.writes(), [(offset::WRITE, 0xc020_0008)]);
        let words: std::vec::Vec<_> = message.writes().into_iter().map(|write| write.1).collect();
        assert_eq!(words, [32, 0, 0x30002, 8, 0, 2, 0, 0]);
    }

    #[test]
    fn a_pin_is_named_with_its_level_and_a_board_by_its_revision() {
        let (registers, message) = (postman(), answer(RESPONSE_OK, 0));
        let mailbox = Mailbox::new(&registers, &message, BUS_ADDRESS, || ());
        assert_eq!(mailbox.drive_pin(130, Level::High), Some(()));
        let words: std::vec::Vec<_> = message.writes().into_iter().map(|write| write.1).collect();
        assert_eq!(words, [32, 0, 0x38041, 8, 0, 130, 1, 0]);
        let message = Fake::answering(|_, register| [0, RESPONSE_OK, 0, 0, 0, 0xa0_2082, 0, 0][register / 4]);
        let mailbox = Mailbox::new(&registers, &message, BUS_ADDRESS, || ());
        assert_eq!(mailbox.board_revision(), Some(0xa0_2082));
    }

    #[test]
    fn no_rate_comes_from_an_error_or_a_zero() {
        for message in [answer(RESPONSE_OK | 1, 7), answer(REQUEST, 7), answer(RESPONSE_OK, 0)] {
            let registers = postman();
            assert_eq!(Mailbox::new(&registers, &message, 0, || ()).clock_rate(FirmwareClock::Uart), None);
        }
    }

    #[test]
    fn a_silent_firmware_is_given_up() {
        for status in [EMPTY, FULL] {
            let registers = Fake::answering(move |_, _| status);
            let message = Fake::memory();
            assert_eq!(Mailbox::new(&registers, &message, 0, || ()).clock_rate(FirmwareClock::Uart), None);
        }
    }
}
