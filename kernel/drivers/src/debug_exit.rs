//! QEMU's `isa-debug-exit` device: a write ends QEMU with an exit status of the guest's choice.

use crate::port::Port;

/// The device at its usual port, `-device isa-debug-exit,iobase=0xf4,iosize=0x04`.
#[derive(Debug)]
pub struct DebugExit(Port<u8>);

impl DebugExit {
    /// The port QEMU users give the device.
    pub const PORT: u16 = 0xf4;

    /// The device behind `port`.
    #[must_use]
    pub const fn new(port: Port<u8>) -> Self {
        Self(port)
    }

    /// Ends QEMU with status `2 * code + 1`. Returns only where there is no such device.
    pub fn exit(&mut self, code: u8) {
        self.0.write(code);
    }
}
