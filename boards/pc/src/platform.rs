//! The pc as the supervisor sees it.

use core::hint::spin_loop;

use kernel_bpf::jit::CodeMemory;
use kernel_core::{Memory, Platform};
use kernel_x86_64::paging;
use kernel_x86_64::seed::{self, SeedSource};
use spin::Mutex;

use crate::console::say;
use crate::heap::HEAP;
use crate::{code, console, time};

/// The program that runs now, for exception reports.
static RUNNING: Mutex<Option<&'static str>> = Mutex::new(None);

/// The machine, brought up.
pub(crate) struct Pc {
    seed_source: SeedSource,
}

impl Pc {
    /// Finds out what the processor offers.
    pub(crate) fn new() -> Self {
        let seed_source = seed::source();
        say(format_args!("seed: {seed_source}"));
        Self { seed_source }
    }
}

/// The program an exception has interrupted.
pub(crate) fn interrupted_program() -> Option<&'static str> {
    // The lock is held for single stores only; an exception inside one names no program.
    RUNNING.try_lock().and_then(|running| *running)
}

impl Platform for Pc {
    const BOARD: &'static str = "pc";

    fn now(&self) -> u64 {
        time::now()
    }

    fn send(&self, line: &[u8]) {
        console::send(line);
    }

    /// The same as [`Platform::send`]: output is polled, so there is no ring that could be full.
    fn try_send(&self, line: &[u8]) {
        console::send(line);
    }

    fn lost_lines(&self) -> u64 {
        console::lost_lines()
    }

    fn seed(&self) -> u64 {
        seed::seed(self.seed_source)
    }

    fn sleep_until(&self, until: u64) {
        while time::now() < until {
            spin_loop();
        }
    }

    fn running(&self, program: Option<&'static str>) {
        *RUNNING.lock() = program;
    }

    fn code_memory(&self) -> Option<&'static dyn CodeMemory> {
        code::memory()
    }

    fn memory(&self) -> Memory {
        Memory { heap_high: HEAP.high_water_bytes(), wx_pages: paging::wx_pages() }
    }
}
