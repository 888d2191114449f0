//! What a driver sees of its device.

/// A block of 32-bit device registers.
///
/// Drivers are written over this, so that a test can be the device.
pub trait Registers {
    /// Reads the register `offset` bytes into the block. Reading may have an effect on the device.
    fn read(&self, offset: usize) -> u32;

    /// Writes the register `offset` bytes into the block.
    fn write(&self, offset: usize, value: u32);
}
