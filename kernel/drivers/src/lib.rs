//! Device drivers, one file a device. They know registers and nothing of the kernel.
#![no_std]
