//! Ctrl-C: remembered, so that a running QEMU is ended before this tool is.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

static ASKED: AtomicBool = AtomicBool::new(false);
static WATCH: Once = Once::new();

/// From now on Ctrl-C, SIGTERM and SIGHUP no longer end this tool; [`asked`] tells of them.
pub(crate) fn watch() -> anyhow::Result<()> {
    let mut result = Ok(());
    WATCH.call_once(|| result = ctrlc::set_handler(ask));
    result.context("cannot watch for Ctrl-C")
}

/// Ends what runs, as Ctrl-C does.
pub(crate) fn ask() {
    ASKED.store(true, Ordering::Relaxed);
}

/// Whether the user wants this tool to end.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
