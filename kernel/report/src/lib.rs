//! The serial grammar of Skep: what an image writes and what the host reads, defined once.
//!
//! A report is a stream of lines over a serial port (115200 8N1), each ended by CR LF. There are two kinds:
//!
//! - *human*: `[    0.001234] verifier: l4lb accepted, 141 insns, stack 48, bound 139`
//! - *record*: `@` and one JSON object, a [`Record`]
//!
//! An image formats into a [`Line`], which needs no heap; the host reads with `read` (feature `host`).
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "host")]
extern crate std;

mod line;
#[cfg(feature = "host")]
mod read;
mod record;

pub use line::{LINE_BYTES, Line, clip};
#[cfg(feature = "host")]
pub use read::{Event, read};
pub use record::{Action, Record, Verdict};
