//! Where machine code goes on the pc, and what becomes of its faults. Unsafe because both sides of that trust each
//! other: the kernel's page tables, and the compiler.

use core::ptr::NonNull;

use kernel_bpf::jit::{CodeMemory, Features, catch_fault};
use kernel_x86_64::paging::CodeWindow;
use kernel_x86_64::{cpu, exceptions};
use spin::Once;

struct PcCode(CodeWindow);

static CODE: Once<PcCode> = Once::new();

/// Takes the code window, and makes faults in it the fault of the program that runs.
pub(crate) fn install(window: Option<CodeWindow>) {
    if let Some(window) = window {
        CODE.call_once(|| PcCode(window));
    }
    // SAFETY: 1. `catch_fault` answers only for compiled code, whose landing needs nothing but the stack pointer.
    unsafe {
        exceptions::catch_faults(|instruction, address| {
            catch_fault(instruction, address).map(|landing| (landing.instruction, landing.stack))
        });
    }
}

/// The code memory, if there was room for it.
pub(crate) fn memory() -> Option<&'static dyn CodeMemory> {
    CODE.get().map(|code| code as &dyn CodeMemory)
}

// SAFETY: 1. and 2. The window's pages are writable or executable, have an empty page on either side, and nothing else
// maps their frames. 3. This board is x86-64, and the features are those of CPUID.
unsafe impl CodeMemory for PcCode {
    fn map(&self, bytes: usize) -> Option<NonNull<[u8]>> {
        self.0.map(bytes)
    }

    unsafe fn seal(&self, pages: NonNull<[u8]>) -> bool {
        // SAFETY: the caller's duties.
        unsafe { self.0.seal(pages) };
        true
    }

    unsafe fn unmap(&self, pages: NonNull<[u8]>) {
        // SAFETY: the caller's duties.
        unsafe { self.0.unmap(pages) };
    }

    fn features(&self) -> Features {
        Features { bmi2: cpu::has_bmi2(), movbe: cpu::has_movbe() }
    }
}
