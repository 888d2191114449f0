//! The eBPF subsystem of Skep: from untrusted bytes to a completed run, for any machine with 64-bit addresses.
//!
//! # Principles
//! 1. Untrusted bytes become trusted code in four types; each can be made in one place only:
//!    [`object::Object`] (offsets checked) → [`BpfProgram`] (a function of it, still untrusted) →
//!    [`Verified`] (proven safe, by [`verify`] alone) → [`Executable`] (bound to its maps).
//! 2. The interpreter is the meaning of a program; every other engine must agree with it.
//! 3. A profile is a type ([`profile::PhysicalProfile`]). Code asks the type, never the build.
//! 4. Memory is taken while loading; running takes none.
//! 5. Time is an argument. Nothing in this crate reads a clock.
//! 6. Unsafe stands in files whose name says why: `memory/*`, `interpreter/memory`, `jit/code` and `jit/run`.
//!
//! An unverified program cannot be run; this does not compile, because only [`verify`] makes a [`Verified`]:
//! ```compile_fail
//! use kernel_bpf::{BpfProgram, Executable, profile::ActiveProfile};
//! fn bind_unverified<'a>(program: BpfProgram<'a, ActiveProfile>) -> Option<Executable<'a, ActiveProfile>> {
//!     Executable::new(program, &[]).ok()
//! }
//! ```
//! and this, the one way, does:
//! ```
//! use kernel_bpf::{BpfProgram, Executable, profile::ActiveProfile, verify};
//! fn bind<'a>(
//!     program: BpfProgram<'a, ActiveProfile>,
//!     workspace: &mut [u64],
//! ) -> Option<Executable<'a, ActiveProfile>> {
//!     Executable::new(verify(program, workspace).ok()?, &[]).ok()
//! }
//! ```
#![no_std]
#![deny(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod context;
pub mod error;
mod executable;
pub mod helpers;
pub mod insn;
pub mod interpreter;
#[cfg(feature = "cloud-profile")]
pub mod jit;
pub mod maps;
#[expect(unsafe_code, reason = "owns raw memory of a strategy")]
pub mod memory;
pub mod object;
pub mod packet;
pub mod profile;
mod program;
pub mod scheduler;
pub mod targets;
#[cfg(feature = "trusted")]
pub mod trusted;
pub mod verifier;

pub use executable::{
    CodeMemoryOf, Completion, Engine, Executable, Input, Job, MAX_PACKET, MapMismatch, OptionsOf, Prepared,
    RunSpace,
};
pub use program::{BpfProgram, ProgramError, Verified};
pub use verifier::{Rejection, verify};
