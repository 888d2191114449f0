//! The manifest: which programs of the initrd run when, and what is expected of them.
//!
//! A text file named `manifest` in the initrd. Every line ends with a line feed; tokens on a line are separated by
//! one space each; nothing else is allowed, so there is one way to write each fact:
//!
//! ```text
//! skep-manifest 1
//! run_for=100000000
//! sequence=7
//! program object=fib.o program=fib trigger=once priority=normal criticality=low expect=55 on_restart=clear
//! program object=led.o program=led trigger=every:10000000 priority=high deadline=5000000 criticality=high on_restart=keep safe_value=0
//! program object=drop.o program=drop trigger=xdp priority=low criticality=low expect=rejected on_restart=clear packets=web.pcap
//! ```
//!
//! The second and the third line may be left out, and so may every key but `object` and `program`; times are nanoseconds, numbers
//! are decimal. [`Header`] and [`Entry`] write this format and [`Manifest::parse`] reads it, so there is one definition.

use core::fmt;

pub use kernel_bpf::scheduler::Priority;

mod error;
mod parse;
#[cfg(test)]
mod tests;

pub use error::{ManifestError, Reason};

/// The name of the manifest in an initrd.
pub const FILE_NAME: &str = "manifest";

/// Most programs a manifest may name; it bounds the work of finding duplicates in a hostile one.
pub const MAX_PROGRAMS: usize = 256;

/// Longest name of a file or a program, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// Whether files and programs may have this name: others fit no manifest and no record.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&text.len()) && !text.contains(char::is_control)
}

/// How long periodic programs are released when the manifest does not say: 100 ms.
pub const DEFAULT_RUN_FOR_NS: u64 = 100_000_000;

const MAGIC: &str = "skep-manifest 1";

/// A manifest all of whose lines are well formed and whose programs are distinct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manifest<'a> {
    run_for_ns: u64,
    sequence: u64,
    programs: parse::Span<'a>,
}

impl<'a> Manifest<'a> {
    /// Reads and checks a whole manifest.
    ///
    /// # Errors
    /// The first fault, with its byte offset.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ManifestError> {
        parse::manifest(bytes)
    }

    /// How long periodic programs are released, in nanoseconds.
    #[must_use]
    pub fn run_for_ns(&self) -> u64 {
        self.run_for_ns
    }

    /// How new it is: an image can be told to refuse older ones. 0 if it does not say.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The programs in the order of the file.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        // Every line was read once by `parse`, so none is left out here.
        self.programs.lines().filter_map(|line| parse::entry(line).ok())
    }

    /// What the manifest says about one program of one object file.
    #[must_use]
    pub fn find(&self, object: &str, program: &str) -> Option<Entry<'a>> {
        self.entries().find(|entry| entry.object == object && entry.program == program)
    }
}

/// The lines before the first program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How long periodic programs are released, in nanoseconds.
    pub run_for_ns: u64,
    /// How new the initrd is; not written if 0.
    pub sequence: u64,
}

impl fmt::Display for Header {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{MAGIC}\nrun_for={}", self.run_for_ns)?;
        if self.sequence > 0 {
            write!(out, "\nsequence={}", self.sequence)?;
        }
        Ok(())
    }
}

/// What the manifest says about one program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The file in the initrd that holds the program.
    pub object: &'a str,
    /// The program's function name.
    pub program: &'a str,
    /// When it runs.
    pub trigger: Trigger,
    /// Which of several runnable programs goes first.
    pub priority: Priority,
    /// How long after its release a run must have ended, in nanoseconds; above 0.
    pub deadline_ns: Option<u64>,
    /// Whether other programs are given up for it when memory or time run short.
    pub criticality: Criticality,
    /// What must come of it for the boot to count as ok.
    pub expect: Expect,
    /// What happens to its maps when it is restarted.
    pub on_restart: OnRestart,
    /// The value that stands for its result once the system is in its safe state.
    pub safe_value: Option<u64>,
    /// The packet capture in the initrd that feeds it; only with [`Trigger::Xdp`].
    pub packets: Option<&'a str>,
}

impl<'a> Entry<'a> {
    /// What holds for a program of which nothing is said but its names.
    #[must_use]
    pub const fn new(object: &'a str, program: &'a str) -> Self {
        Self {
            object,
            program,
            trigger: Trigger::Once,
            priority: Priority::Normal,
            deadline_ns: None,
            criticality: Criticality::Low,
            expect: Expect::Any,
            on_restart: OnRestart::Clear,
            safe_value: None,
            packets: None,
        }
    }
}

impl fmt::Display for Entry<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "program object={} program={}", self.object, self.program)?;
        write!(out, " trigger={} priority={}", self.trigger, priority_name(self.priority))?;
        if let Some(deadline_ns) = self.deadline_ns {
            write!(out, " deadline={deadline_ns}")?;
        }
        write!(out, " criticality={}", self.criticality)?;
        match self.expect {
            Expect::Any => {}
            Expect::R0(value) => write!(out, " expect={value}")?,
            Expect::Rejected => out.write_str(" expect=rejected")?,
        }
        write!(out, " on_restart={}", self.on_restart)?;
        if let Some(value) = self.safe_value {
            write!(out, " safe_value={value}")?;
        }
        if let Some(file) = self.packets {
            write!(out, " packets={file}")?;
        }
        Ok(())
    }
}

/// When a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Once, after loading.
    Once,
    /// Periodically.
    Every {
        /// Time between two releases, in nanoseconds; above 0.
        period_ns: u64,
    },
    /// For each packet.
    Xdp,
}

impl fmt::Display for Trigger {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Once => out.write_str("once"),
            Self::Every { period_ns } => write!(out, "every:{period_ns}"),
            Self::Xdp => out.write_str("xdp"),
        }
    }
}

/// What must come of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It must be accepted; any return value will do.
    Any,
    /// It must be accepted, and every run must return this.
    R0(u64),
    /// The verifier must reject it.
    Rejected,
}

/// The word for a priority.
#[must_use]
pub const fn priority_name(priority: Priority) -> &'static str {
    match priority {
        Priority::Low => "low",
        Priority::Normal => "normal",
        Priority::High => "high",
        Priority::Critical => "critical",
    }
}

/// Two levels, as in dual-criticality scheduling: when not all can be served, the low ones are given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Criticality {
    /// May be given up.
    #[default]
    Low,
    /// Is kept as long as anything runs.
    High,
}

impl fmt::Display for Criticality {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Low => "low",
            Self::High => "high",
        })
    }
}

/// What happens to a program's maps when it is restarted after a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnRestart {
    /// They keep their entries.
    Keep,
    /// They are as after loading.
    #[default]
    Clear,
}

impl fmt::Display for OnRestart {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Keep => "keep",
            Self::Clear => "clear",
        })
    }
}
