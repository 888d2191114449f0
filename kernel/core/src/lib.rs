//! The supervisor: an initrd goes in, a report comes out.
//!
//! A board brings up its hardware, fills in a [`Platform`] and calls [`boot`]; everything after that is the
//! same on every board.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod initrd;
mod loading;
pub mod manifest;
mod narration;
pub mod pcap;
pub mod platform;
mod running;
mod services;
pub mod signature;
mod supervisor;
pub mod trust;

pub use platform::{Memory, Outcome, Platform};
pub use supervisor::boot;
pub use trust::Trust;
