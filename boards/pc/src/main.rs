//! The pc board: cloud profile, any 64-bit virtual or real PC with a serial port.
//!
//! A boot loader comes in by one of two [`doors`] and ends in [`kmain`], which brings the machine up, calls
//! the supervisor and powers off.
#![no_std]
#![no_main]

extern crate alloc;

mod bring_up;
mod code;
mod console;
mod doors;
mod ending;
mod heap;
mod platform;
mod report;
mod self_test;
mod time;
mod trust;

use alloc::vec;

use kernel_bpf::profile::{ActiveProfile, PhysicalProfile};
use kernel_core::Outcome;
use kernel_x86_64::handover::Handover;
use kernel_x86_64::{cpu, exceptions};

use crate::ending::Ending;
use crate::platform::Pc;

/// Runs on the boot stack; the loader's page tables are in force.
extern "C" fn kmain(handover: &Handover) -> ! {
    let started = cpu::ticks();
    let handover = handover.clone();
    console::init();
    exceptions::install(report::exception);
    let initrd = bring_up::bring_up(&handover, started);
    let platform = Pc::new();
    self_test::run(&handover.command_line, &platform);
    let workspace = vec![0; ActiveProfile::verifier_words(initrd.len())].leak();
    let trust = trust::trust(&handover.command_line);
    match kernel_core::boot(&platform, initrd, &trust, workspace) {
        Outcome::Ok => ending::end(Ending::Ok),
        Outcome::Failed => ending::end(Ending::Failed),
    }
}
