//! Exceptions: every one that is not caught ends the image, after a report (Intel SDM vol. 3, chapter 7).

mod vector;

#[cfg(any(target_os = "none", test))]
mod gate;
#[cfg(target_os = "none")]
mod segments;
#[cfg(target_os = "none")]
mod table;

pub use vector::{PageFaultCode, Vector};

#[cfg(target_os = "none")]
pub use table::{Catch, catch_faults, install};

/// What the processor and the entry stub push, lowest address first.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Frame {
    /// R15, R14, … R8, RDI, RSI, RBP, RDX, RCX, RBX, RAX; names in [`Frame::REGISTERS`].
    pub registers: [u64; 15],
    /// The vector's number.
    pub vector: u64,
    /// The processor's error code; 0 for vectors that have none.
    pub code: u64,
    /// Address of the instruction.
    pub rip: u64,
    /// Code segment.
    pub cs: u64,
    /// Flags.
    pub rflags: u64,
    /// Stack pointer at the time.
    pub rsp: u64,
    /// Stack segment.
    pub ss: u64,
}

impl Frame {
    /// The names of [`Frame::registers`].
    pub const REGISTERS: [&str; 15] = [
        "r15", "r14", "r13", "r12", "r11", "r10", "r9", "r8", "rdi", "rsi", "rbp", "rdx", "rcx", "rbx", "rax",
    ];
}

/// An exception, ready to be reported.
#[derive(Clone, Copy, Debug)]
pub struct Exception<'a> {
    /// Which one.
    pub vector: Vector,
    /// What the processor was doing.
    pub frame: &'a Frame,
    /// CR2: the address of the last page fault, which need not be this exception.
    pub address: u64,
    /// Whether `address` lies in the guard page below a stack.
    pub stack_overflow: bool,
}
