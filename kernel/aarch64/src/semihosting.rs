//! Ending the image with an exit status, where a debugger or an emulator listens.
//!
//! Unsafe because a semihosting call is an instruction that hands memory to whoever listens.

use core::arch::naked_asm;

use crate::syndrome::{Syndrome, UNKNOWN};

/// `SYS_EXIT` (Semihosting for AArch32 and AArch64, 2.0, section 7.9).
const SYS_EXIT: u64 = 0x18;
/// Reason code `ADP_Stopped_ApplicationExit`: the next word is the status.
const APPLICATION_EXIT: u64 = 0x2_0026;

/// Ends the image where somebody listens. On a board without a debugger the call is an undefined instruction; the
/// vectors recognise that and go on behind it, and this returns.
pub fn exit(status: u64) {
    let block = [APPLICATION_EXIT, status];
    // SAFETY: the block is what SYS_EXIT asks for, two words that live as long as the call.
    unsafe { call(SYS_EXIT, &block) };
}

/// The call: operation in `w0`, address of its parameters in `x1`.
///
/// # Safety
/// `parameters` are what `operation` asks for.
#[unsafe(naked)]
unsafe extern "C" fn call(operation: u64, parameters: &[u64; 2]) {
    naked_asm!("hlt #0xf000", "ret")
}

/// Whether an exception is that of a semihosting call nobody listens to: an undefined instruction, and that
/// very one.
pub(crate) fn is_unanswered(syndrome: Syndrome, program_counter: u64) -> bool {
    // The call is the function's first instruction.
    syndrome.class() == UNKNOWN && program_counter == call as *const () as u64
}
