//! A virtual machine's serial line, read as it comes.

use std::io::Read;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::interrupt;

/// How often a silent machine is left to see whether the user pressed Ctrl-C.
const ATTENTION: Duration = Duration::from_millis(100);

/// Longest line that is kept whole. Ours have at most 1 KiB; this bounds what a runaway image can make us hold.
const LONGEST_LINE_BYTES: usize = 1 << 16;

/// How a machine's run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself, with QEMU's exit status; `None` if a signal ended QEMU.
    Exit(Option<i32>),
    /// The time was over, and it was stopped.
    Timeout,
    /// The user pressed Ctrl-C, and it was stopped.
    Interrupted,
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        Self::Exit(status.code())
    }
}

/// One line of the serial line, and when its last byte came.
struct Arrival {
    line: String,
    at: Instant,
}

/// Hands every line of a machine to `on_line` until the machine ends, is out of time or the user gives up.
///
/// The machine has ended when this returns, also when it returns an error.
///
/// # Errors
/// The machine cannot be waited for.
pub(crate) fn follow(
    mut machine: Child,
    limit: Option<Duration>,
    mut on_line: impl FnMut(&str, Instant),
) -> anyhow::Result<End> {
    let begin = Instant::now();
    let lines = lines_of(&mut machine)?;
    let end = loop {
        let left = limit.map_or(ATTENTION, |limit| limit.saturating_sub(begin.elapsed()).min(ATTENTION));
        match lines.recv_timeout(left) {
            Ok(arrival) => on_line(&arrival.line, arrival.at),
            Err(RecvTimeoutError::Disconnected) => break None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if interrupt::asked() {
            break Some(End::Interrupted);
        }
        if limit.is_some_and(|limit| begin.elapsed() >= limit) {
            break Some(End::Timeout);
        }
    };
    if end.is_some() {
        machine.kill().context("cannot end QEMU")?;
    }
    let status = machine.wait().context("cannot wait for QEMU")?;
    // What came before the end still counts.
    lines.try_iter().for_each(|arrival| on_line(&arrival.line, arrival.at));
    // QEMU too ends at a Ctrl-C that reaches it.
    let own_end = if interrupt::asked() { End::Interrupted } else { status.into() };
    Ok(end.unwrap_or(own_end))
}

fn lines_of(machine: &mut Child) -> anyhow::Result<Receiver<Arrival>> {
    let mut serial = machine.stdout.take().context("QEMU's output is not a pipe")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut splitter = Splitter::default();
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = serial.read(&mut piece) {
            send(&sender, splitter.push(&piece[..count]));
        }
        send(&sender, splitter.finish());
    });
    Ok(receiver)
}

fn send(sender: &Sender<Arrival>, lines: Vec<String>) {
    let at = Instant::now();
    for line in lines {
        // The receiver goes away first when the machine is stopped; then nobody wants the rest.
        let _ = sender.send(Arrival { line, at });
    }
}

/// Cuts a stream of bytes into lines.
#[derive(Default)]
struct Splitter {
    partial: Vec<u8>,
}

impl Splitter {
    /// The lines that end within `piece`.
    fn push(&mut self, piece: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for part in piece.split_inclusive(|&byte| byte == b'\n') {
            self.partial.extend_from_slice(part);
            if part.ends_with(b"\n") || self.partial.len() >= LONGEST_LINE_BYTES {
                lines.extend(self.finish());
            }
        }
        lines
    }

    /// What came without a line end, if anything did.
    fn finish(&mut self) -> Vec<String> {
        let bytes = std::mem::take(&mut self.partial);
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches(['\r', '\n']);
        // A firmware's escape codes, or a broken image's, must not reach the user's terminal.
        let line: String =
            without_escapes(text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if bytes.is_empty() { Vec::new() } else { vec![line] }
    }
}

/// `text` without what a firmware draws its screen with: ESC, `[`, parameters, and a letter (ECMA-48 5.4).
fn without_escapes(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_string();
    pieces.fold(first, |kept, piece| {
        let end = piece.find(|character: char| ('@'..='~').contains(&character));
        kept + end.map_or(piece, |end| &piece[end + 1..])
    })
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn cutting_the_stream_anywhere_never_changes_the_lines() {
        let stream = "[    0.1] one\r\n\r\n@{\"é\":1}\ntail".as_bytes();
        for cut in 0..=stream.len() {
            let mut splitter = Splitter::default();
            let mut lines = splitter.push(&stream[..cut]);
            lines.extend(splitter.push(&stream[cut..]));
            lines.extend(splitter.finish());
            assert_eq!(lines, ["[    0.1] one", "", "@{\"é\":1}", "tail"], "cut at {cut}");
        }
    }

    #[test]
    fn escape_codes_do_not_reach_the_terminal() {
        assert_eq!(Splitter::default().push(b"\x1b[2J\x1b[01;01H\x1b[=3hx\n"), ["x"]);
        assert_eq!(Splitter::default().push(b"\x1bcx\x1b[\n"), [" cx"]);
    }

    #[test]
    fn an_endless_line_is_cut() {
        let mut splitter = Splitter::default();
        let lines: usize = (0..100).map(|_| splitter.push(&[b'x'; 4096]).len()).sum();
        assert_eq!(lines, 100 * 4096 / LONGEST_LINE_BYTES);
    }

    fn shell(script: &str) -> Child {
        Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap()
    }

    #[test]
    fn every_line_arrives_before_the_end_is_told() {
        let mut seen = Vec::new();
        let end =
            follow(shell("echo a; echo b; printf c; exit 33"), None, |line, _| seen.push(line.to_string()));
        assert_eq!((end.unwrap(), seen.join(" ").as_str()), (End::Exit(Some(33)), "a b c"));
    }

    #[test]
    fn a_machine_that_does_not_end_is_stopped() {
        let mut seen = Vec::new();
        let machine = shell("echo alive; exec sleep 1000");
        let end = follow(machine, Some(Duration::from_millis(300)), |line, _| seen.push(line.to_string()));
        assert_eq!((end.unwrap(), seen.join(" ").as_str()), (End::Timeout, "alive"));
    }
}
