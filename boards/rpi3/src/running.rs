//! The name of the program that runs, for a report that may come at any instruction.

use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use kernel_report::clip;

const NAME_BYTES: usize = 64;

/// The one program that runs, if one does.
pub(crate) static RUNNING: Running =
    Running { bytes: [const { AtomicU8::new(0) }; NAME_BYTES], len: AtomicUsize::new(0) };

/// A copy of the name. An exception may read it half way through a change: it is shown as long as its length
/// is not 0, which is stored last.
pub(crate) struct Running {
    bytes: [AtomicU8; NAME_BYTES],
    len: AtomicUsize,
}

impl Running {
    /// Notes that `program` runs now, or none.
    pub(crate) fn set(&self, program: Option<&str>) {
        self.len.store(0, Ordering::Release);
        let name = clip(program.unwrap_or_default(), NAME_BYTES);
        for (place, byte) in self.bytes.iter().zip(name.bytes()) {
            place.store(byte, Ordering::Relaxed);
        }
        self.len.store(name.len(), Ordering::Release);
    }

    /// Shows the name to `reader`.
    pub(crate) fn with_name(&self, reader: impl FnOnce(Option<&str>)) {
        let len = self.len.load(Ordering::Acquire);
        let mut copy = [0; NAME_BYTES];
        for (byte, place) in copy.iter_mut().zip(&self.bytes) {
            *byte = place.load(Ordering::Relaxed);
        }
        let name = core::str::from_utf8(&copy[..len]).unwrap_or_default();
        reader((len > 0).then_some(name));
    }
}
