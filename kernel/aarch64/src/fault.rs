//! An exception that nothing can resume, with all there is to say about it.

use crate::syndrome::Syndrome;

/// One of the sixteen entries of the vector table (Arm ARM D1.3.1, table D1-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VectorEntry(u8);

impl VectorEntry {
    /// Synchronous exception of the main program.
    pub const MAIN_SYNCHRONOUS: Self = Self(0);
    /// Interrupt while the main program ran.
    pub const MAIN_INTERRUPT: Self = Self(1);

    /// The entry at `index * 128` bytes from the table's start; `index` counts modulo 16.
    #[must_use]
    pub const fn new(index: u64) -> Self {
        Self((index % 16) as u8)
    }

    /// What kind of exception enters here.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self.0 % 4 {
            0 => "synchronous exception",
            1 => "interrupt",
            2 => "fast interrupt",
            _ => "system error",
        }
    }

    /// What was running when it came.
    #[must_use]
    pub const fn origin(self) -> &'static str {
        match self.0 / 4 {
            0 => "in the main program",
            1 => "while handling an exception",
            2 => "in 64-bit code at EL0",
            _ => "in 32-bit code at EL0",
        }
    }
}

/// The registers an exception interrupted, as the vectors save them.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Frame {
    /// `x0` to `x30`.
    pub registers: [u64; 31],
    /// Stack pointer of the main program.
    pub stack_pointer: u64,
    /// `ELR_EL1`: where the exception came from.
    pub program_counter: u64,
    /// `SPSR_EL1`: the processor state there.
    pub processor_state: u64,
}

/// Bytes of a [`Frame`], a multiple of 16 because the stack pointer has to be.
pub const FRAME_BYTES: usize = size_of::<Frame>();
const _: () = assert!(FRAME_BYTES.is_multiple_of(16));

/// An exception that ends the image.
#[derive(Clone, Copy, Debug)]
pub struct Fault<'a> {
    /// Where it entered.
    pub entry: VectorEntry,
    /// `ESR_EL1`.
    pub syndrome: Syndrome,
    /// `FAR_EL1`; meaningful if [`Syndrome::has_address`].
    pub address: u64,
    /// The registers at that point.
    pub frame: &'a Frame,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixteen_entries_have_sixteen_names() {
        let names: std::collections::BTreeSet<_> =
            (0..16).map(VectorEntry::new).map(|entry| (entry.kind(), entry.origin())).collect();
        assert_eq!(names.len(), 16);
        assert_eq!(VectorEntry::new(5).origin(), "while handling an exception");
    }
}
