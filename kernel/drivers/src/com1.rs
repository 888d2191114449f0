//! The first serial port of a PC, polled. Unsafe only to name its ports.

use uart_16550::backend::{Backend, PioBackend};
use uart_16550::spec::registers::LSR;
use uart_16550::{BaudRate, Config, Uart16550};

/// Status reads without progress after which a UART counts as stuck. Sending a full FIFO of 16 bytes at
/// 115200 baud takes 1.4 ms; a status read takes at least a few hundred nanoseconds.
const PATIENT_POLLS: u32 = 1 << 20;

/// A 16550 UART that sends whole lines and counts those it could not send.
///
/// Nothing here waits without a bound: a UART that stops taking bytes costs one long wait, after which every
/// line gets one poll until the UART takes bytes again.
#[derive(Debug)]
pub struct Com1<B: Backend = PioBackend> {
    uart: Uart16550<B>,
    polls: u32,
    lost_lines: u64,
}

impl Com1 {
    const PORT: u16 = 0x3f8;

    /// The UART at 0x3f8, not yet initialised.
    ///
    /// # Safety
    ///
    /// Nothing else may use the ports 0x3f8 to 0x3ff while this value is in use.
    #[must_use]
    pub const unsafe fn new() -> Self {
        // SAFETY: the ports belong to the first UART or to nothing; the caller vouches for the rest.
        match unsafe { Uart16550::new_port(Self::PORT) } {
            Ok(uart) => Self::over(uart),
            Err(_) => panic!("0x3f8 is a valid port"),
        }
    }
}

impl<B: Backend> Com1<B> {
    const fn over(uart: Uart16550<B>) -> Self {
        Self { uart, polls: PATIENT_POLLS, lost_lines: 0 }
    }

    /// Sets 115200 8N1. Without a UART every line counts as lost.
    pub fn init(&mut self) {
        let config = Config { baud_rate: BaudRate::Baud115200, ..Config::DEFAULT };
        if self.uart.init(config).is_err() {
            self.polls = 1;
        }
    }

    /// Sends one line, waiting for room while the UART makes progress.
    pub fn send(&mut self, line: &[u8]) {
        let mut rest = line;
        while !rest.is_empty() {
            match self.send_some(rest) {
                0 => {
                    self.lost_lines += 1;
                    self.polls = 1;
                    return;
                }
                sent => rest = &rest[sent..],
            }
        }
        self.polls = PATIENT_POLLS;
    }

    /// Waits until the last byte is on the wire, but for a stuck UART.
    pub fn flush(&mut self) {
        let on_the_wire = |_: &u32| self.uart.lsr().contains(LSR::TRANSMITTER_EMPTY);
        let _ = (0..self.polls).find(on_the_wire);
    }

    /// Lines that did not go out whole.
    #[must_use]
    pub const fn lost_lines(&self) -> u64 {
        self.lost_lines
    }

    /// Sends what fits into the FIFO; 0 if the UART took nothing in `polls` polls.
    fn send_some(&mut self, bytes: &[u8]) -> usize {
        (0..self.polls).map(|_| self.uart.send_bytes(bytes)).find(|&sent| sent > 0).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use core::cell::RefCell;
    use std::vec::Vec;

    use super::*;

    const DATA: u8 = 0;
    const LINE_STATUS: u8 = 5;
    const TRANSMITTER_EMPTY: u8 = 0x60;

    /// A UART that takes `room` more bytes and then never again says that it has room.
    struct Wire {
        sent: Vec<u8>,
        room: usize,
    }

    struct FakeUart<'a>(&'a RefCell<Wire>);

    impl Backend for FakeUart<'_> {
        unsafe fn read(&mut self, register: u8) -> u8 {
            let empty = self.0.borrow().room > 0;
            if register == LINE_STATUS && empty { TRANSMITTER_EMPTY } else { 0 }
        }

        unsafe fn write(&mut self, register: u8, value: u8) {
            if register == DATA {
                let mut wire = self.0.borrow_mut();
                wire.sent.push(value);
                wire.room = wire.room.saturating_sub(1);
            }
        }
    }

    fn com1(wire: &RefCell<Wire>) -> Com1<FakeUart<'_>> {
        // SAFETY: the backend is a plain buffer.
        Com1::over(unsafe { Uart16550::new_with_backend(FakeUart(wire)) })
    }

    #[test]
    fn a_line_longer_than_the_fifo_goes_out_whole_and_in_order() {
        let wire = RefCell::new(Wire { sent: Vec::new(), room: usize::MAX });
        let line: Vec<u8> = (0..=255).collect();
        com1(&wire).send(&line);
        assert_eq!(wire.borrow().sent, line);
    }

    #[test]
    fn a_stuck_uart_costs_lines_but_never_hangs() {
        let wire = RefCell::new(Wire { sent: Vec::new(), room: 16 });
        let mut com1 = com1(&wire);
        for _ in 0..1000 {
            com1.send(&[b'x'; 40]);
        }
        assert_eq!(com1.lost_lines(), 1000);
    }

    #[test]
    fn a_uart_that_recovers_gets_its_patience_back() {
        let wire = RefCell::new(Wire { sent: Vec::new(), room: 0 });
        let mut com1 = com1(&wire);
        com1.send(b"lost");
        wire.borrow_mut().room = 64;
        com1.send(b"sent");
        assert_eq!((com1.lost_lines(), com1.polls), (1, PATIENT_POLLS));
        assert_eq!(wire.borrow().sent, b"sent");
    }

    #[test]
    fn a_missing_uart_is_noticed_at_init() {
        let wire = RefCell::new(Wire { sent: Vec::new(), room: 0 });
        let mut com1 = com1(&wire);
        com1.init();
        assert_eq!(com1.polls, 1);
    }
}
