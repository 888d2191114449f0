//! The PL011 UART (Arm PrimeCell UART (PL011) TRM, DDI 0183), sending only.

use crate::registers::Registers;
use crate::transmit_ring::TransmitRing;

/// Registers, TRM table 3-1.
mod offset {
    pub(super) const DATA: usize = 0x00;
    pub(super) const FLAGS: usize = 0x18;
    pub(super) const INTEGER_DIVISOR: usize = 0x24;
    pub(super) const FRACTIONAL_DIVISOR: usize = 0x28;
    pub(super) const LINE_CONTROL: usize = 0x2c;
    pub(super) const CONTROL: usize = 0x30;
    pub(super) const FIFO_LEVELS: usize = 0x34;
    pub(super) const INTERRUPT_MASK: usize = 0x38;
    pub(super) const INTERRUPT_CLEAR: usize = 0x44;
}

/// Bytes of registers, up to the last one used here.
pub const BYTES: usize = 0x48;

const FLAG_BUSY: u32 = 1 << 3;
const FLAG_TRANSMIT_FULL: u32 = 1 << 5;
const EIGHT_BITS: u32 = 0b11 << 5;
const FIFOS: u32 = 1 << 4;
const ENABLE: u32 = 1 << 0;
const TRANSMIT_ENABLE: u32 = 1 << 8;
/// Interrupt when the transmit FIFO has run down to one eighth; receive as after a reset.
const TRANSMIT_AT_ONE_EIGHTH: u32 = 0b010 << 3;
const TRANSMIT_INTERRUPT: u32 = 1 << 5;
const ALL_INTERRUPTS: u32 = 0x7ff;

/// Bytes given to the FIFO at a time. It holds at least as many (16, in later revisions 32) and the interrupt
/// comes at an eighth of either, so a refill of this size always leads to the next interrupt.
const REFILL_BYTES: usize = 16;

/// The divisors for a baud rate (TRM 3.3.6): 1/64 parts of `clock / (16 * baud)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divisors {
    integer: u32,
    fraction: u32,
}

impl Divisors {
    /// The nearest divisors for `baud` bits a second from a clock of `clock_hz`. `None` if the clock is too
    /// slow or too fast for them.
    #[must_use]
    pub const fn new(clock_hz: u32, baud: u32) -> Option<Self> {
        if baud == 0 {
            return None;
        }
        // clock / (16 * baud) * 64, rounded to the nearest.
        let sixty_fourths = (8 * clock_hz as u64 / baud as u64).div_ceil(2);
        if sixty_fourths < 64 || sixty_fourths > 65_535 * 64 {
            return None;
        }
        Some(Self { integer: (sixty_fourths / 64) as u32, fraction: (sixty_fourths % 64) as u32 })
    }
}

/// The device. Every method is a few register accesses that never wait, but for [`Pl011::flush`].
#[derive(Debug)]
pub struct Pl011<R> {
    registers: R,
}

impl<R: Registers> Pl011<R> {
    /// The UART at `registers`.
    #[must_use]
    pub const fn new(registers: R) -> Self {
        Self { registers }
    }

    /// 8 data bits, no parity, 1 stop bit, FIFOs on, no interrupt. In the order of TRM 3.3.8: off first, and
    /// the line control last of the three that take effect together.
    pub fn configure(&self, divisors: Divisors) {
        self.registers.write(offset::CONTROL, 0);
        self.registers.write(offset::INTERRUPT_MASK, 0);
        self.registers.write(offset::INTERRUPT_CLEAR, ALL_INTERRUPTS);
        self.registers.write(offset::INTEGER_DIVISOR, divisors.integer);
        self.registers.write(offset::FRACTIONAL_DIVISOR, divisors.fraction);
        self.registers.write(offset::LINE_CONTROL, EIGHT_BITS | FIFOS);
        self.registers.write(offset::FIFO_LEVELS, TRANSMIT_AT_ONE_EIGHTH);
        self.registers.write(offset::CONTROL, ENABLE | TRANSMIT_ENABLE);
    }

    /// Moves what fits from `ring` to the FIFO and asks for an interrupt if anything is left. For whoever put
    /// something into the ring, and for the interrupt; one at a time.
    ///
    /// The interrupt is an edge: the FIFO running *down to* its level. It is cleared before the FIFO is
    /// filled, so the next edge is never the one that is cleared.
    pub fn refill<const RING: usize>(&self, ring: &TransmitRing<RING>) {
        self.registers.write(offset::INTERRUPT_CLEAR, TRANSMIT_INTERRUPT);
        for _ in 0..REFILL_BYTES {
            if self.registers.read(offset::FLAGS) & FLAG_TRANSMIT_FULL != 0 {
                break;
            }
            let Some(byte) = ring.pop() else { break };
            self.registers.write(offset::DATA, byte.into());
        }
        let mask = if ring.is_empty() { 0 } else { TRANSMIT_INTERRUPT };
        self.registers.write(offset::INTERRUPT_MASK, mask);
    }

    /// Sends all of `ring` and waits until the last bit is on the line.
    pub fn flush<const RING: usize>(&self, ring: &TransmitRing<RING>) {
        while !ring.is_empty() {
            self.refill(ring);
        }
        while self.registers.read(offset::FLAGS) & FLAG_BUSY != 0 {
            core::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use std::string::String;
    use std::vec::Vec;

    fn sent(fake: &Fake) -> String {
        fake.writes_to(offset::DATA).into_iter().map(|byte| char::from(byte as u8)).collect()
    }

    /// A UART whose FIFO takes `room` bytes and never sends one.
    fn stuck(room: usize) -> Fake {
        Fake::answering(move |writes, register| {
            let held = writes.iter().filter(|write| write.0 == offset::DATA).count();
            if register == offset::FLAGS && held >= room { FLAG_TRANSMIT_FULL } else { 0 }
        })
    }

    #[test]
    fn divisors_give_the_baud_rate_within_one_percent() {
        for (clock_hz, integer, fraction) in [(48_000_000, 26, 3), (3_000_000, 1, 40), (24_000_000, 13, 1)] {
            let divisors = Divisors::new(clock_hz, 115_200).unwrap();
            assert_eq!(divisors, Divisors { integer, fraction });
            let baud = f64::from(clock_hz) / 16.0 / (f64::from(integer) + f64::from(fraction) / 64.0);
            assert!((baud / 115_200.0 - 1.0).abs() < 0.01, "{baud}");
        }
    }

    #[test]
    fn a_clock_too_slow_or_too_fast_has_no_divisors() {
        assert_eq!(Divisors::new(0, 115_200), None);
        assert_eq!(Divisors::new(1_800_000, 115_200), None);
        assert_eq!(Divisors::new(u32::MAX, 300), None);
        assert_eq!(Divisors::new(48_000_000, 0), None);
    }

    #[test]
    fn the_uart_is_off_while_it_is_configured() {
        let fake = Fake::memory();
        Pl011::new(&fake).configure(Divisors::new(48_000_000, 115_200).unwrap());
        let writes = fake.writes();
        assert_eq!(writes.first(), Some(&(offset::CONTROL, 0)));
        assert_eq!(writes.last(), Some(&(offset::CONTROL, 0x101)));
        let order: Vec<_> = writes.iter().map(|write| write.0).collect();
        let place = |register| order.iter().position(|&at| at == register).unwrap();
        assert!(place(offset::LINE_CONTROL) > place(offset::FRACTIONAL_DIVISOR));
        assert_eq!(fake.writes_to(offset::LINE_CONTROL), [0x70]);
    }

    #[test]
    fn the_ring_drains_in_order_by_refills_alone() {
        let (fake, ring) = (Fake::memory(), TransmitRing::<64>::new());
        let uart = Pl011::new(&fake);
        ring.push(b"forty bytes, which is more than a FIFO's").unwrap();
        let mut interrupts = 0;
        loop {
            uart.refill(&ring);
            if fake.writes_to(offset::INTERRUPT_MASK).last() == Some(&0) {
                break;
            }
            interrupts += 1;
        }
        assert_eq!(sent(&fake), "forty bytes, which is more than a FIFO's");
        assert_eq!(interrupts, 2);
    }

    #[test]
    fn a_full_fifo_keeps_the_rest_in_the_ring_and_the_interrupt_on() {
        let (fake, ring) = (stuck(5), TransmitRing::<64>::new());
        let uart = Pl011::new(&fake);
        ring.push(b"hello, world").unwrap();
        uart.refill(&ring);
        uart.refill(&ring);
        assert_eq!(sent(&fake), "hello");
        assert_eq!(ring.pop(), Some(b','));
        assert_eq!(fake.writes_to(offset::INTERRUPT_MASK), [TRANSMIT_INTERRUPT; 2]);
    }

    #[test]
    fn the_interrupt_is_cleared_before_the_fifo_is_filled() {
        let (fake, ring) = (Fake::memory(), TransmitRing::<16>::new());
        ring.push(b"x").unwrap();
        Pl011::new(&fake).refill(&ring);
        let order: Vec<_> = fake.writes().into_iter().map(|write| write.0).collect();
        assert_eq!(order, [offset::INTERRUPT_CLEAR, offset::DATA, offset::INTERRUPT_MASK]);
    }

    #[test]
    fn flush_ends_only_when_the_line_is_idle() {
        let busy_reads = core::cell::Cell::new(0);
        let fake = Fake::answering(move |writes, register| {
            let all_given = writes.iter().filter(|write| write.0 == offset::DATA).count() == 3;
            if register == offset::FLAGS && all_given {
                busy_reads.set(busy_reads.get() + 1);
                return if busy_reads.get() < 50 { FLAG_BUSY } else { 0 };
            }
            0
        });
        let ring = TransmitRing::<16>::new();
        ring.push(b"end").unwrap();
        Pl011::new(&fake).flush(&ring);
        assert_eq!(sent(&fake), "end");
        assert!(ring.is_empty());
    }
}
