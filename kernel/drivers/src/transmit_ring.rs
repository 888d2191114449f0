//! The queue between those who write lines and the interrupt that sends them.

use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// There is no room for a line now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A queue of bytes for one writer and one reader at a time, which may interrupt each other anywhere.
///
/// It has no lock, so neither can wait for the other: the writer alone moves `written`, the reader alone moves
/// `read`, and each publishes its move after the bytes. A line becomes visible whole or not at all. Two
/// writers at once could lose or mix lines, but never do worse.
#[derive(Debug)]
pub struct TransmitRing<const BYTES: usize> {
    bytes: [AtomicU8; BYTES],
    /// Bytes ever written and ever read, modulo 2^64. `written - read` are in the queue.
    written: AtomicUsize,
    read: AtomicUsize,
}

impl<const BYTES: usize> TransmitRing<BYTES> {
    /// An empty queue of `BYTES`, a power of two.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(BYTES.is_power_of_two()) };
        Self {
            bytes: [const { AtomicU8::new(0) }; BYTES],
            written: AtomicUsize::new(0),
            read: AtomicUsize::new(0),
        }
    }

    /// Appends the whole of `line`.
    ///
    /// # Errors
    /// [`Full`] if there is no room for all of it; then nothing is appended.
    pub fn push(&self, line: &[u8]) -> Result<(), Full> {
        let written = self.written.load(Ordering::Relaxed);
        let used = written.wrapping_sub(self.read.load(Ordering::Acquire));
        if line.len() > BYTES - used {
            return Err(Full);
        }
        for (offset, &byte) in line.iter().enumerate() {
            self.bytes[written.wrapping_add(offset) % BYTES].store(byte, Ordering::Relaxed);
        }
        self.written.store(written.wrapping_add(line.len()), Ordering::Release);
        Ok(())
    }

    /// Takes the oldest byte.
    pub fn pop(&self) -> Option<u8> {
        if self.is_empty() {
            return None;
        }
        let read = self.read.load(Ordering::Relaxed);
        let byte = self.bytes[read % BYTES].load(Ordering::Relaxed);
        self.read.store(read.wrapping_add(1), Ordering::Release);
        Some(byte)
    }

    /// Whether nothing is left to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.written.load(Ordering::Acquire) == self.read.load(Ordering::Relaxed)
    }
}

impl<const BYTES: usize> Default for TransmitRing<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn what_goes_in_comes_out_in_order_around_the_end() {
        let ring = TransmitRing::<16>::new();
        for round in 0..100u8 {
            let line: Vec<u8> = (0..11).map(|byte| byte + round).collect();
            ring.push(&line).unwrap();
            assert_eq!(core::iter::from_fn(|| ring.pop()).collect::<Vec<_>>(), line);
        }
    }

    #[test]
    fn a_line_goes_in_whole_or_not_at_all() {
        let ring = TransmitRing::<16>::new();
        ring.push(&[1; 10]).unwrap();
        assert_eq!(ring.push(&[2; 7]), Err(Full));
        ring.push(&[3; 6]).unwrap();
        assert_eq!(ring.push(&[4]), Err(Full));
        let sent: Vec<u8> = core::iter::from_fn(|| ring.pop()).collect();
        assert_eq!(sent, [[1; 10].as_slice(), &[3; 6]].concat());
    }

    #[test]
    fn a_reader_on_another_processor_sees_every_byte_once() {
        static RING: TransmitRing<64> = TransmitRing::new();
        let writer = std::thread::spawn(|| {
            for number in 0..20_000u32 {
                while RING.push(&number.to_le_bytes()).is_err() {
                    std::thread::yield_now();
                }
            }
        });
        for number in 0..20_000u32 {
            let mut bytes = [0; 4];
            for byte in &mut bytes {
                *byte = loop {
                    match RING.pop() {
                        Some(byte) => break byte,
                        None => std::thread::yield_now(),
                    }
                };
            }
            assert_eq!(u32::from_le_bytes(bytes), number);
        }
        writer.join().unwrap();
        assert!(RING.is_empty());
    }
}
