//! What this tool prints.
//!
//! A reader that goes away, as in `skep | head -1`, is nobody's failure: the rest is left out, and whatever runs
//! in QEMU is stopped as by Ctrl-C.

use std::fmt::Arguments;
use std::io::{self, Write};

use crate::interrupt;

/// A line on standard output: results.
pub(crate) fn line(text: Arguments<'_>) {
    put(io::stdout().lock(), format_args!("{text}\n"));
}

/// The beginning of such a line, shown at once.
pub(crate) fn begin(text: Arguments<'_>) {
    put(io::stdout().lock(), text);
}

/// A line on standard error: what goes on, and what goes wrong.
pub(crate) fn note(text: Arguments<'_>) {
    put(io::stderr().lock(), format_args!("{text}\n"));
}

fn put(mut stream: impl Write, text: Arguments<'_>) {
    if stream.write_fmt(text).and_then(|()| stream.flush()).is_err() {
        interrupt::ask();
    }
}
