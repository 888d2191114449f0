//! Text formatted without a heap.

use core::fmt::{self, Write};

use kernel_report::clip;

const BYTES: usize = 256;

/// At most 256 bytes of text; what is put in beyond that is cut.
pub(crate) struct Text {
    bytes: [u8; BYTES],
    len: usize,
}

impl Text {
    /// No text.
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; BYTES], len: 0 }
    }

    /// Appends what fits.
    pub(crate) fn put(&mut self, text: fmt::Arguments<'_>) {
        // No room is the one error, and then the text is as full as it can be.
        let _ = self.write_fmt(text);
    }

    /// What was put in.
    pub(crate) fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let part = clip(text, BYTES - self.len);
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part.as_bytes());
        self.len += part.len();
        if part.len() < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}
