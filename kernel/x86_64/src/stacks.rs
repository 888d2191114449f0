//! The kernel's stacks, each above an unmapped guard page. Unsafe because the processor writes them behind
//! Rust's back.

use core::cell::UnsafeCell;

use crate::ranges::{PAGE_BYTES, Range};

const GUARD_BYTES: usize = PAGE_BYTES as usize;
/// The supervisor keeps its tables on the boot stack.
const BOOT_BYTES: usize = 1 << 20;
/// Enough to format a report line and send it.
const FAULT_BYTES: usize = 32 << 10;

/// A stack and the page below it, which the page tables leave out.
#[repr(C, align(4096))]
struct Guarded<const BYTES: usize> {
    guard: [u8; GUARD_BYTES],
    stack: UnsafeCell<[u8; BYTES]>,
}

impl<const BYTES: usize> Guarded<BYTES> {
    const fn new() -> Self {
        Self { guard: [0; GUARD_BYTES], stack: UnsafeCell::new([0; BYTES]) }
    }

    fn guard(&'static self) -> Range {
        let start = self.guard.as_ptr() as u64;
        Range::new(start, start + PAGE_BYTES)
    }

    fn top(&'static self) -> u64 {
        self.stack.get() as u64 + BYTES as u64
    }
}

/// All stacks.
#[repr(C, align(4096))]
pub(crate) struct Stacks {
    boot: Guarded<BOOT_BYTES>,
    double_fault: Guarded<FAULT_BYTES>,
    nmi: Guarded<FAULT_BYTES>,
    machine_check: Guarded<FAULT_BYTES>,
}

// SAFETY: Rust code takes addresses only; the one processor that runs uses each stack as a stack.
unsafe impl Sync for Stacks {}

pub(crate) static STACKS: Stacks = Stacks {
    boot: Guarded::new(),
    double_fault: Guarded::new(),
    nmi: Guarded::new(),
    machine_check: Guarded::new(),
};

/// From [`STACKS`] to the top of the boot stack.
pub(crate) const BOOT_TOP_OFFSET: usize = GUARD_BYTES + BOOT_BYTES;

/// The tops of the stacks that the interrupt stack table lists: double fault, NMI, machine check.
pub(crate) fn interrupt_stack_tops() -> [u64; 3] {
    [STACKS.double_fault.top(), STACKS.nmi.top(), STACKS.machine_check.top()]
}

/// The guard pages, by virtual address.
#[must_use]
pub fn guards() -> [Range; 4] {
    [STACKS.boot.guard(), STACKS.double_fault.guard(), STACKS.nmi.guard(), STACKS.machine_check.guard()]
}
