//! What the supervisor asks of a board.

use kernel_bpf::CodeMemoryOf;
use kernel_bpf::profile::ActiveProfile;

/// Memory figures a board can measure. All in bytes, but for `wx_pages`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Most bytes of the heap ever in use; 0 where there is no heap.
    pub heap_high: u64,
    /// Pages both writable and executable, counted by walking the live page tables.
    pub wx_pages: u64,
}

/// How a boot ended.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything went as the manifest expects.
    Ok,
    /// Something was refused, failed or went otherwise than expected; the report says what.
    Failed,
}

/// What the supervisor needs from a board. Times are nanoseconds since some fixed instant at or before
/// the boot record; they never go back.
pub trait Platform {
    /// The board's name in the report: `pc`, `rpi3`.
    const BOARD: &'static str;

    /// Nanoseconds now.
    fn now(&self) -> u64;

    /// Sends one finished line. Waits for room in the serial ring if it has to.
    fn send(&self, line: &[u8]);

    /// Sends one finished line if there is room in the serial ring now; else counts it as lost.
    fn try_send(&self, line: &[u8]);

    /// Lines counted as lost so far.
    fn lost_lines(&self) -> u64;

    /// A seed nobody outside can guess, as far as the board can provide one.
    fn seed(&self) -> u64;

    /// Sleeps until `now() >= until`.
    fn sleep_until(&self, until: u64);

    /// Names the program that is about to run, for exception reports; `None` when it has ended.
    fn running(&self, program: Option<&'static str>);

    /// Where the profile's engine may put machine code, if it makes any.
    fn code_memory(&self) -> Option<&'static CodeMemoryOf<ActiveProfile>> {
        None
    }

    /// Memory figures now.
    fn memory(&self) -> Memory;
}
