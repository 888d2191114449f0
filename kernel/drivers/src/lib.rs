//! Device drivers, one file a device. They know registers and nothing of the kernel.
#![no_std]

#[cfg(feature = "port-io")]
pub mod com1;
#[cfg(feature = "port-io")]
pub mod debug_exit;
#[cfg(feature = "port-io")]
pub mod pm_timer;
#[cfg(feature = "port-io")]
pub mod port;

#[cfg(test)]
extern crate std;

pub mod activity_led;
#[cfg(test)]
mod fake;
pub mod gpio;
pub mod legacy_interrupts;
pub mod local_interrupts;
pub mod mailbox;
pub mod mmio;
pub mod pl011;
pub mod random_source;
pub mod registers;
pub mod transmit_ring;
