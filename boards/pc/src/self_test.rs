//! `selftest=NAME` on the command line: shows on any machine that its faults are caught and reported
//! ([`Fault::ALL`], `panic`; `program` while a program runs), or that the heap really is all of its memory (`heap`).

use alloc::vec::Vec;

use kernel_core::Platform;
use kernel_x86_64::handover::CommandLine;
use kernel_x86_64::self_test::{Fault, provoke};

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
        Some(name) => match Fault::named(name) {
            Some(fault) => cause(fault),
            None => {
                say(format_args!("selftest: no test is named {name}; there are heap, panic, program and"));
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
