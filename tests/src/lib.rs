//! What Skep's integration tests share: machines to boot images in, a board without hardware, programs and
//! archives written by hand, and what a manifest demands of a report.
//!
//! `skep test` runs the tests with the images it built. A plain `cargo test` has none, and every test that
//! needs one says that it skips, and why.
#![forbid(unsafe_code)]

pub mod archive;
pub mod assembler;
pub mod cargo;
pub mod command;
#[cfg(feature = "cloud-profile")]
pub mod compiled;
pub mod demand;
pub mod device_tree;
pub mod el1;
pub mod fake_board;
pub mod flat;
pub mod generator;
pub mod given;
pub mod history;
pub mod host;
pub mod initrd;
pub mod insn;
pub mod machine;
pub mod membership;
pub mod mutation;
pub mod object_file;
pub mod operators;
pub mod published;
pub mod qemu;
pub mod random;
pub mod report;
pub mod rfc9669;
pub mod trusted;
