//! `selftest=NAME` on the command line: shows on any machine that its faults are caught and reported
//! ([`Fault::ALL`], `panic`; `program` while a program runs), that the heap really is all of its memory (`heap`), and that
//! machine code of programs is neither written (`code-write`), nor made of data (`heap-call`), nor the kernel's own when
//! it faults (`code-fault`). Unsafe because that is the point.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use kernel_bpf::context::ProgramKind;
use kernel_bpf::error::{BpfError, Fault as RunFault};
use kernel_bpf::profile::{ActiveProfile, PhysicalProfile};
use kernel_bpf::{BpfProgram, Completion, Executable, Input, RunSpace, verify};
use kernel_core::Platform;
use kernel_x86_64::handover::CommandLine;
use kernel_x86_64::self_test::{self, Fault, provoke};

use crate::code;
use crate::console::say;
use crate::ending::{Ending, end};

/// Runs the test that the command line asks for, and ends there.
pub(crate) fn run(command_line: &CommandLine, platform: &impl Platform) {
    match command_line.value("selftest") {
        None => {}
        Some("panic") => panic!("selftest=panic"),
        Some("program") => {
            platform.running(Some("selftest"));
            cause(Fault::Null)
        }
        Some("heap") => heap(),
        Some("code-write") => code_write(),
        Some("heap-call") => heap_call(),
        Some("code-fault") => code_fault(platform),
        Some(name) => match Fault::named(name) {
            Some(fault) => cause(fault),
            None => {
                say(format_args!(
                    "selftest: no test is named {name}; there are heap, panic, program, code-write, heap-call, code-fault and"
                ));
                Fault::ALL.iter().for_each(|(name, _)| say(format_args!("selftest: {name}")));
                end(Ending::Failed)
            }
        },
    }
}

fn cause(fault: Fault) -> ! {
    say(format_args!("selftest: {fault:?}"));
    provoke(fault);
    say(format_args!("selftest: {fault:?} was NOT caught"));
    end(Ending::Failed)
}

/// Takes all memory in blocks of 1 MiB, gives it back, and takes as much again.
fn heap() -> ! {
    let first = all_blocks();
    say(format_args!("selftest: the heap gave {first} MiB and took them back"));
    let again = all_blocks();
    say(format_args!("selftest: the heap gave {again} MiB again"));
    end(if first == again { Ending::Ok } else { Ending::Failed })
}

fn all_blocks() -> usize {
    const MOST_BLOCKS: usize = 1 << 16;
    let mut blocks = Vec::with_capacity(MOST_BLOCKS);
    while blocks.len() < MOST_BLOCKS
        && let Some(block) = block()
    {
        blocks.push(block);
    }
    blocks.len()
}

/// A block, with its first byte written.
fn block() -> Option<Vec<u8>> {
    const BLOCK_BYTES: usize = 1 << 20;
    let mut block = Vec::new();
    block.try_reserve_exact(BLOCK_BYTES).ok()?;
    block.push(1);
    Some(block)
}

/// `r0 = *(u64 *)(r1 + 0); exit`
static LOAD: [u8; 16] = [0x79, 0x10, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];

/// A program proven to read the 8 bytes it is given, as machine code.
fn compiled() -> Executable<'static, ActiveProfile> {
    let kind = ProgramKind::Memory { size: 8 };
    let program = BpfProgram::new(&LOAD, 0, 2, kind, &[]).expect("it has two instructions");
    let workspace = vec![0; ActiveProfile::verifier_words(LOAD.len())].leak();
    let verified = verify(program, workspace).expect("it stays inside its memory");
    Executable::new(verified, &[]).expect("it has no maps").compiled(code::memory(), Default::default())
}

/// Writes to the first byte of a program's machine code.
fn code_write() -> ! {
    let executable = compiled();
    let Some(Ok(code)) = executable.code() else { not_caught("there is no machine code") };
    say(format_args!("selftest: writing to machine code at {:#x}", code.address()));
    // SAFETY: 1. Nobody writes machine code that is sealed.
    unsafe { self_test::write_to(code.address() as u64) };
    not_caught("the write")
}

/// Calls a return instruction in the heap.
fn heap_call() -> ! {
    const RETURN: u8 = 0xc3;
    let block = Box::new([RETURN; 64]);
    say(format_args!("selftest: calling the heap at {:#x}", block.as_ptr().addr()));
    // SAFETY: 1. A return instruction is there.
    unsafe { self_test::call(block.as_ptr().addr() as u64) };
    not_caught("the call")
}

/// Runs a program with less memory than it was proven with, so that its code reads address 0; then as it should be.
fn code_fault(platform: &impl Platform) -> ! {
    let executable = compiled();
    let space = RunSpace::new(1).expect("there is memory for a stack");
    let run = |memory: &mut [u8]| {
        let cells = core::cell::Cell::from_mut(memory).as_slice_of_cells();
        executable.run(&space, Input::Memory(cells), &mut Quiet(platform))
    };
    let (faulty, right) = (run(&mut []), run(&mut 42u64.to_le_bytes()));
    say(format_args!("selftest: engine {}: {faulty:?}, then {right:?}", executable.engine()));
    let caught = matches!(faulty, Err(RunFault { error: BpfError::InvalidAccess, address: 0, .. }));
    let goes_on = matches!(right, Ok(Completion { r0: 42, .. }));
    end(if caught && goes_on && executable.code_bytes().is_ok() { Ending::Ok } else { Ending::Failed })
}

fn not_caught(what: &str) -> ! {
    say(format_args!("selftest: {what} was NOT caught"));
    end(Ending::Failed)
}

/// A world in which programs do nothing.
struct Quiet<'p, P: Platform>(&'p P);

impl<P: Platform> kernel_bpf::helpers::Services for Quiet<'_, P> {
    fn now(&self) -> u64 {
        self.0.now()
    }

    fn random(&mut self) -> u32 {
        0
    }

    fn processor(&self) -> u32 {
        0
    }

    fn print(&mut self, _: core::fmt::Arguments<'_>) {}
}
