//! The eBPF subsystem.
#![no_std]
