//! x86 I/O ports (Intel SDM vol. 1, chapter 19). Unsafe because a port is a device without an owner: who may
//! touch it is settled once, when a [`Port`] is made.

use x86_64::instructions::port::{Port as RawPort, PortRead, PortWrite};

/// One port of a device. Holding it proves that this code may read and write the port at any time.
#[derive(Debug)]
pub struct Port<T>(RawPort<T>);

impl<T: PortRead + PortWrite> Port<T> {
    /// The port of that number.
    ///
    /// # Safety
    ///
    /// 1. Reading or writing the port, at any time and with any value, must not harm memory safety.
    /// 2. Nothing else may rely on being the only user of the port.
    #[must_use]
    pub const unsafe fn new(number: u16) -> Self {
        Self(RawPort::new(number))
    }

    /// Reads the port.
    #[must_use]
    pub fn read(&mut self) -> T {
        // SAFETY: duty 1 of `new`.
        unsafe { self.0.read() }
    }

    /// Writes the port.
    pub fn write(&mut self, value: T) {
        // SAFETY: duty 1 of `new`.
        unsafe { self.0.write(value) }
    }
}
