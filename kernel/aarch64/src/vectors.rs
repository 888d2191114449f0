//! The exception vectors: save, report or handle, restore.
//!
//! The main program runs on `SP_EL0`, so an exception finds the processor on `SP_EL1`, a stack of its own:
//! no check of the stack pointer is needed to survive a stack overflow. An exception while another is being
//! handled starts over at the top of that stack; nothing of what was below is ever resumed.
//!
//! Unsafe because it is entered by hardware and calls back through a pointer that the board installed.

use core::arch::{asm, global_asm};
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use aarch64_cpu::registers::{ESR_EL1, FAR_EL1, Readable as _};

use crate::fault::{FRAME_BYTES, Fault, Frame, VectorEntry};
use crate::semihosting;
use crate::syndrome::Syndrome;

/// What the board does about exceptions.
#[derive(Debug)]
pub struct Hooks {
    /// Handles whatever interrupts are pending. Runs with interrupts masked.
    pub interrupt: fn(),
    /// Reports a fault and ends the image.
    pub fault: fn(&Fault<'_>) -> !,
}

static HOOKS: AtomicPtr<Hooks> = AtomicPtr::new(ptr::null_mut());

/// From now on exceptions go to `hooks`. Until then one just stops the processor.
pub fn install(hooks: &'static Hooks) {
    HOOKS.store(ptr::from_ref(hooks).cast_mut(), Ordering::Release);
}

/// Makes the processor use the vectors.
pub(crate) fn load() {
    // SAFETY: `exception_vectors` is a complete table of sixteen entries on a multiple of 2 KiB.
    unsafe {
        asm!(
            "adrp {table}, exception_vectors",
            "add {table}, {table}, :lo12:exception_vectors",
            "msr vbar_el1, {table}",
            "isb",
            table = out(reg) _,
            options(nostack),
        );
    }
}

/// Called by every vector, on the exception stack, with the registers as they were.
extern "C" fn dispatch(frame: &mut Frame, index: u64) {
    let entry = VectorEntry::new(index);
    let syndrome = Syndrome(ESR_EL1.get());
    if semihosting::is_unanswered(syndrome, frame.program_counter) {
        const CALL_BYTES: u64 = 4;
        frame.program_counter += CALL_BYTES;
        return;
    }
    // SAFETY: the pointer is null or came from a `&'static Hooks`.
    let Some(hooks) = (unsafe { HOOKS.load(Ordering::Acquire).as_ref() }) else {
        crate::interrupts::stop();
    };
    if entry == VectorEntry::MAIN_INTERRUPT {
        return (hooks.interrupt)();
    }
    (hooks.fault)(&Fault { entry, syndrome, address: FAR_EL1.get(), frame })
}

// A vector has room for 32 instructions; it makes a frame, notes its index and joins the others. The second
// kind is for exceptions taken on SP_EL1: TPIDR_EL1, which nothing else uses, lends it a register.
global_asm!(
    ".macro MAIN_VECTOR index",
    ".balign 128",
    "sub sp, sp, #{frame_bytes}",
    "stp x0, x1, [sp]",
    "mov x1, #\\index",
    "b exception_entry",
    ".endm",
    ".macro NESTED_VECTOR index",
    ".balign 128",
    "msr tpidr_el1, x0",
    "adrp x0, __exception_stack_end",
    "sub x0, x0, #{frame_bytes}",
    "mov sp, x0",
    "mrs x0, tpidr_el1",
    "stp x0, x1, [sp]",
    "mov x1, #\\index",
    "b exception_entry",
    ".endm",
    ".pushsection .text.vectors, \"ax\"",
    ".balign 2048",
    "exception_vectors:",
    // From EL1 on SP_EL0: synchronous, IRQ, FIQ, SError.
    "MAIN_VECTOR 0",
    "MAIN_VECTOR 1",
    "MAIN_VECTOR 2",
    "MAIN_VECTOR 3",
    // From EL1 on SP_EL1.
    "NESTED_VECTOR 4",
    "NESTED_VECTOR 5",
    "NESTED_VECTOR 6",
    "NESTED_VECTOR 7",
    // From EL0, 64-bit and 32-bit: nothing of ours runs there.
    "MAIN_VECTOR 8",
    "MAIN_VECTOR 9",
    "MAIN_VECTOR 10",
    "MAIN_VECTOR 11",
    "MAIN_VECTOR 12",
    "MAIN_VECTOR 13",
    "MAIN_VECTOR 14",
    "MAIN_VECTOR 15",
    ".balign 128",
    "exception_entry:",
    "stp x2, x3, [sp, #16]",
    "stp x4, x5, [sp, #32]",
    "stp x6, x7, [sp, #48]",
    "stp x8, x9, [sp, #64]",
    "stp x10, x11, [sp, #80]",
    "stp x12, x13, [sp, #96]",
    "stp x14, x15, [sp, #112]",
    "stp x16, x17, [sp, #128]",
    "stp x18, x19, [sp, #144]",
    "stp x20, x21, [sp, #160]",
    "stp x22, x23, [sp, #176]",
    "stp x24, x25, [sp, #192]",
    "stp x26, x27, [sp, #208]",
    "stp x28, x29, [sp, #224]",
    "mrs x2, sp_el0",
    "stp x30, x2, [sp, #240]",
    "mrs x2, elr_el1",
    "mrs x3, spsr_el1",
    "stp x2, x3, [sp, #256]",
    "mov x0, sp",
    "bl {dispatch}",
    "ldp x2, x3, [sp, #256]",
    "msr elr_el1, x2",
    "msr spsr_el1, x3",
    "ldr x30, [sp, #240]",
    "ldp x28, x29, [sp, #224]",
    "ldp x26, x27, [sp, #208]",
    "ldp x24, x25, [sp, #192]",
    "ldp x22, x23, [sp, #176]",
    "ldp x20, x21, [sp, #160]",
    "ldp x18, x19, [sp, #144]",
    "ldp x16, x17, [sp, #128]",
    "ldp x14, x15, [sp, #112]",
    "ldp x12, x13, [sp, #96]",
    "ldp x10, x11, [sp, #80]",
    "ldp x8, x9, [sp, #64]",
    "ldp x6, x7, [sp, #48]",
    "ldp x4, x5, [sp, #32]",
    "ldp x2, x3, [sp, #16]",
    "ldp x0, x1, [sp]",
    "add sp, sp, #{frame_bytes}",
    "eret",
    ".popsection",
    frame_bytes = const FRAME_BYTES,
    dispatch = sym dispatch,
);
