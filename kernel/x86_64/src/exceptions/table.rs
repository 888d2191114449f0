//! The interrupt table and its stubs. Unsafe because the processor jumps where the table says.

use core::arch::global_asm;
use core::sync::atomic::{AtomicBool, Ordering};

use spin::Once;
use x86_64::VirtAddr;
use x86_64::instructions::tables::lidt;
use x86_64::registers::control::Cr2;
use x86_64::structures::DescriptorTablePointer;

use super::gate::interrupt_gate;
use super::{Exception, Frame, Vector, segments};
use crate::ranges::Range;
use crate::{power, stacks};

const STUB_BYTES: u64 = 16;

// One stub a vector: it makes all frames alike, then `Frame` is completed and handed to Rust. If that comes back, the
// processor goes on where the frame says.
global_asm!(
    r#"
    .pushsection .text.exceptions, "ax"
    .balign {stub_bytes}
    .global exception_stubs
exception_stubs:
    .set vector, 0
    .rept {count}
    .balign {stub_bytes}
    .if (({with_code} >> vector) & 1) == 0
    push 0
    .endif
    push vector
    jmp exception_common
    .set vector, vector + 1
    .endr

exception_common:
    push rax
    push rbx
    push rcx
    push rdx
    push rbp
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    push r12
    push r13
    push r14
    push r15
    cld
    mov rdi, rsp
    mov rbx, rsp
    and rsp, -16
    xor ebp, ebp
    call {entered}
    mov rsp, rbx
    pop r15
    pop r14
    pop r13
    pop r12
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rbp
    pop rdx
    pop rcx
    pop rbx
    pop rax
    add rsp, 16
    iretq
    .popsection
    "#,
    stub_bytes = const STUB_BYTES,
    count = const Vector::COUNT,
    with_code = const Vector::WITH_CODE,
    entered = sym entered,
);

unsafe extern "C" {
    safe static exception_stubs: u8;
}

/// The table as the processor reads it.
#[repr(C, align(16))]
struct Gates([u128; Vector::COUNT]);

static GATES: Once<Gates> = Once::new();
static REPORT: Once<fn(&Exception<'_>) -> !> = Once::new();
static CATCH: Once<Catch> = Once::new();
static ENTERED: AtomicBool = AtomicBool::new(false);

/// Where the processor goes on after an exception that was caught: instruction and stack pointer. Given are the
/// address of the instruction that faulted and the one it accessed.
pub type Catch = fn(instruction: u64, address: u64) -> Option<(u64, u64)>;

/// Asks `catch` first about every page fault, divide error and general protection fault.
///
/// # Safety
///
/// 1. What `catch` returns is a place in code that runs right with that stack pointer and any other registers.
pub unsafe fn catch_faults(catch: Catch) {
    CATCH.call_once(|| catch);
}

/// Makes every exception that is not caught end in `report`. Double faults, NMIs and machine checks come in on stacks of their
/// own. An exception while one is being reported ends the machine without a word.
pub fn install(report: fn(&Exception<'_>) -> !) {
    REPORT.call_once(|| report);
    let code = segments::load();
    let stubs = &raw const exception_stubs as u64;
    let gates = GATES.call_once(|| {
        Gates(core::array::from_fn(|number| {
            let stub = stubs + number as u64 * STUB_BYTES;
            interrupt_gate(stub, code.0, stack_of(Vector::new(number as u64)))
        }))
    });
    let limit = (size_of::<Gates>() - 1) as u16;
    let pointer = DescriptorTablePointer { limit, base: VirtAddr::from_ptr(gates) };
    // SAFETY: the table is a static, and each gate leads to the stub of its vector in the loaded code segment.
    unsafe { lidt(&pointer) };
}

/// Positions in the order of [`stacks::interrupt_stack_tops`], counted from 1.
fn stack_of(vector: Vector) -> u8 {
    match vector {
        Vector::DOUBLE_FAULT => 1,
        Vector::NON_MASKABLE => 2,
        Vector::MACHINE_CHECK => 3,
        _ => 0,
    }
}

/// Goes on where `frame` then says, if the exception is caught.
extern "C" fn entered(frame: &mut Frame) {
    let vector = Vector::new(frame.vector);
    let address = Cr2::read_raw();
    let accessed = if vector == Vector::PAGE_FAULT { address } else { 0 };
    if matches!(vector, Vector::PAGE_FAULT | Vector::DIVIDE_ERROR | Vector::GENERAL_PROTECTION)
        && let Some((instruction, stack)) = CATCH.get().and_then(|catch| catch(frame.rip, accessed))
    {
        (frame.rip, frame.rsp) = (instruction, stack);
        return;
    }
    report(frame, address)
}

fn report(frame: &Frame, address: u64) -> ! {
    if let Some(report) = REPORT.get()
        && !ENTERED.swap(true, Ordering::Relaxed)
    {
        let touched = Range::new(address, address.saturating_add(1));
        let stack_overflow = stacks::guards().iter().any(|guard| guard.contains(touched));
        report(&Exception { vector: Vector::new(frame.vector), frame, address, stack_overflow });
    }
    // SAFETY: no ACPI register is named.
    unsafe { power::off(None) }
}
