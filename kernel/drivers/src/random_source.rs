//! The random number generator of the BCM2835 family: three registers of no manual, known from public
//! drivers (control, status, data).

use crate::registers::Registers;

mod offset {
    pub(super) const CONTROL: usize = 0x00;
    pub(super) const STATUS: usize = 0x04;
    pub(super) const DATA: usize = 0x08;
}

/// Bytes of registers.
pub const BYTES: usize = 0x10;

const GENERATE: u32 = 1;
/// Words thrown away before the first one counts.
const WARM_UP_WORDS: u32 = 0x4_0000;
/// The status register counts the words that are ready in its top byte.
const READY_SHIFT: u32 = 24;

/// The generator.
#[derive(Debug)]
pub struct RandomSource<R> {
    registers: R,
}

impl<R: Registers> RandomSource<R> {
    /// The generator at `registers`.
    #[must_use]
    pub const fn new(registers: R) -> Self {
        Self { registers }
    }

    /// Starts it, so that a word is ready by the time one is asked for.
    pub fn start(&self) {
        self.registers.write(offset::STATUS, WARM_UP_WORDS);
        self.registers.write(offset::CONTROL, GENERATE);
    }

    /// A random word; looks for one at most `patience` times.
    pub fn word(&self, patience: u32) -> Option<u32> {
        (0..patience).find(|_| self.registers.read(offset::STATUS) >> READY_SHIFT != 0)?;
        Some(self.registers.read(offset::DATA))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    #[test]
    fn no_word_is_taken_before_one_is_ready() {
        let fake = Fake::answering(|_, register| if register == 0x04 { 0x00ff_ffff } else { 7 });
        assert_eq!(RandomSource::new(&fake).word(100), None);
    }

    #[test]
    fn a_ready_word_is_taken() {
        let fake = Fake::answering(|_, register| if register == 0x04 { 1 << 24 } else { 7 });
        let source = RandomSource::new(&fake);
        source.start();
        assert_eq!(source.word(1), Some(7));
        assert_eq!(fake.writes(), [(0x04, 0x4_0000), (0x00, 1)]);
    }
}
