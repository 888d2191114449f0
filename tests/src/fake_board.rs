//! A board without hardware, for the supervisor on the host.

use std::cell::{Cell, RefCell};
use std::sync::{Mutex, PoisonError};

use kernel_bpf::profile::{ActiveProfile, PhysicalProfile};
use kernel_core::{Memory, Outcome, Platform, Trust};

use crate::report::Report;

/// Each look at the clock takes this long.
const NS_A_LOOK: u64 = 1_000;

/// So many looks at the clock mean that the supervisor goes on for ever.
const MOST_LOOKS: u64 = 1_000_000;

/// One boot at a time: the embedded profile's memory is one static pool.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A board whose time passes only when somebody looks at the clock or sleeps.
#[derive(Debug, Default)]
pub struct FakeBoard {
    now: Cell<u64>,
    looks: Cell<u64>,
    log: RefCell<Vec<u8>>,
    lost: Cell<u64>,
    serial: Serial,
    trust: Option<Trust>,
    running: Cell<Option<&'static str>>,
}

/// Whether the serial ring has room for those who cannot wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Serial {
    /// Always.
    #[default]
    HasRoom,
    /// Never.
    IsFull,
}

/// A boot on the host that is over.
#[derive(Debug)]
pub struct HostBoot {
    /// How it ended.
    pub outcome: Outcome,
    /// What was reported.
    pub report: Report,
    /// What went over the serial line.
    pub log: Vec<u8>,
    /// Lines for which there was no room.
    pub lost_lines: u64,
}

impl FakeBoard {
    /// A board with that serial ring.
    #[must_use]
    pub fn with_serial(serial: Serial) -> Self {
        Self { serial, ..Self::default() }
    }

    /// A board that trusts these keys.
    #[must_use]
    pub fn with_trust(trust: Trust) -> Self {
        Self { trust: Some(trust), ..Self::default() }
    }

    /// Boots `initrd`. Its memory is never given back, as on a board.
    ///
    /// # Panics
    /// The supervisor panics, does not end, or ends with a program still said to be running.
    #[must_use]
    pub fn boot(self, initrd: Vec<u8>) -> HostBoot {
        // A panic in one test must not fail the others too.
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let workspace = vec![0; ActiveProfile::verifier_words(initrd.len())].leak();
        let trust = self.trust.as_ref().unwrap_or(&Trust::ANYTHING);
        let outcome = kernel_core::boot(&self, aligned(&initrd), trust, workspace);
        assert_eq!(self.running.get(), None, "no program runs after the end");
        let log = self.log.into_inner();
        HostBoot { outcome, report: Report::read(&log), log, lost_lines: self.lost.get() }
    }
}

/// A copy that begins at a page, as boot loaders put an initrd.
fn aligned(initrd: &[u8]) -> &'static mut [u8] {
    const PAGE_BYTES: usize = 4096;
    let memory = vec![0; initrd.len() + PAGE_BYTES].leak();
    let start = memory.as_ptr().align_offset(PAGE_BYTES);
    let copy = &mut memory[start..start + initrd.len()];
    copy.copy_from_slice(initrd);
    copy
}

/// Boots `initrd` on a board with room for every line.
#[must_use]
pub fn boot(initrd: Vec<u8>) -> HostBoot {
    FakeBoard::default().boot(initrd)
}

impl Platform for FakeBoard {
    const BOARD: &'static str = "host";

    fn now(&self) -> u64 {
        self.looks.set(self.looks.get() + 1);
        assert!(self.looks.get() < MOST_LOOKS, "the supervisor does not come to an end");
        self.now.set(self.now.get() + NS_A_LOOK);
        self.now.get()
    }

    fn send(&self, line: &[u8]) {
        self.log.borrow_mut().extend(line);
    }

    fn try_send(&self, line: &[u8]) {
        match self.serial {
            Serial::HasRoom => self.send(line),
            Serial::IsFull => self.lost.set(self.lost.get() + 1),
        }
    }

    fn lost_lines(&self) -> u64 {
        self.lost.get()
    }

    fn seed(&self) -> u64 {
        0x5eed
    }

    fn sleep_until(&self, until: u64) {
        self.now.set(self.now.get().max(until));
    }

    fn running(&self, program: Option<&'static str>) {
        assert_ne!(self.running.get().is_some(), program.is_some(), "a program starts or ends, in turn");
        self.running.set(program);
    }

    fn memory(&self) -> Memory {
        Memory::default()
    }
}
