//! What every 64-bit PC shares: entry, descriptor tables, paging, exceptions, time, power-off.
//!
//! The pure parts (parsers, range arithmetic, table building, clock scaling) compile and are tested on a host;
//! what touches the processor compiles for bare metal only. Interrupts stay masked from entry to power-off:
//! serial output is polled and sleeping spins, so no lock is ever shared with interrupt context.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod acpi;
pub mod clock;
pub mod exceptions;
pub mod handover;
pub mod paging;
pub mod physical;
pub mod pvh;
pub mod ranges;

#[cfg(target_os = "none")]
pub mod apic;
#[cfg(target_os = "none")]
pub mod cpu;
#[cfg(target_os = "none")]
pub mod entry;
#[cfg(target_os = "none")]
pub mod power;
#[cfg(target_os = "none")]
pub mod seed;
#[cfg(target_os = "none")]
pub mod self_test;
#[cfg(target_os = "none")]
pub mod stacks;
