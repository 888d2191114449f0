//! Telling a person that something is going on.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::output;

/// Does some work that takes a while: behind a spinner on a terminal, behind a plain line elsewhere.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let begin = Instant::now();
    let spinner = stderr().is_terminal().then(|| spinner(what));
    if spinner.is_none() {
        output::note(format_args!("skep: {what} …"));
    }
    let result = work();
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
        let end = if result.is_ok() { "" } else { ": failed" };
        output::note(format_args!("skep: {what}{end} ({:.1} s)", begin.elapsed().as_secs_f64()));
    }
    result
}

fn spinner(what: &str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(format!("{what} …"));
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}
