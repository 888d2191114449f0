//! AArch64 at EL1: entry from any exception level, vectors, translation tables, generic timer.
//!
//! It is written for one core of an Armv8.0 processor (Cortex-A53) that runs everything at EL1, with the main
//! program on `SP_EL0` and exceptions on `SP_EL1`, so that a stack overflow is reported on a stack that has
//! not overflowed. Sections cited as "Arm ARM" are those of DDI 0487.
//!
//! `entry`, `layout`, `mmu`, `vectors`, `interrupts`, `timer` and `semihosting` touch the processor and exist
//! on bare metal only; the other modules are plain algorithms, tested on a host.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod clock;
pub mod device_tree;
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
pub mod entry;
pub mod fault;
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
pub mod interrupts;
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
pub mod layout;
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
pub mod mmu;
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
pub mod semihosting;
pub mod syndrome;
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
pub mod timer;
pub mod translation;
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
pub mod vectors;
