//! `skep.toml`: the manifest as people write it.
//!
//! ```toml
//! run_for = "100ms"          # how long periodic programs are released; the default
//! sequence = 7               # how new this is: an image made with --oldest 8 refuses it; 0 if left out
//!
//! [[program]]
//! object = "fib.o"           # in the initrd; made from fib.bpf.c
//! program = "fib"            # the function's name
//! trigger = "once"           # or "xdp", or { every = "10ms" }
//! priority = "normal"        # critical, high, normal, low
//! deadline = "5ms"           # after its release; none if left out
//! criticality = "low"        # high: the last to be given up
//! expect = 55                # r0, as a number or "0x37", or "rejected"; anything if left out
//! on_restart = "clear"       # or "keep": what happens to its maps
//! safe_value = 0             # stands for its result in the safe state
//! packets = "web.pcap"       # beside this file; an xdp program runs once for each packet in it
//! ```

mod value;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use kernel_core::manifest::{self, Entry, Expect, Header, Manifest};
use serde::Deserialize;
use value::{Criticality, OnRestart, Priority, Span, Trigger};

/// The file's usual name.
pub(crate) const FILE_NAME: &str = "skep.toml";

/// A `skep.toml` that was read.
pub(crate) struct SkepToml {
    path: PathBuf,
    table: Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    run_for: Option<Span>,
    #[serde(default)]
    sequence: u64,
    #[serde(default, rename = "program")]
    programs: Vec<Program>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Program {
    object: String,
    program: String,
    #[serde(default)]
    trigger: Trigger,
    #[serde(default)]
    priority: Priority,
    #[serde(default)]
    deadline: Option<Span>,
    #[serde(default)]
    criticality: Criticality,
    #[serde(default)]
    expect: value::Expect,
    #[serde(default)]
    on_restart: OnRestart,
    #[serde(default)]
    safe_value: Option<value::Number>,
    #[serde(default)]
    packets: Option<String>,
}

impl SkepToml {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, or says something it cannot say; with line and column.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let table = parse(&text).with_context(|| format!("in {}", path.display()))?;
        Ok(Self { path: path.into(), table })
    }

    /// The folder it lies in.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// The object files it names.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &str> {
        self.table.programs.iter().map(|program| program.object.as_str())
    }

    /// The packet captures it names.
    pub(crate) fn packets(&self) -> impl Iterator<Item = &str> {
        self.table.programs.iter().filter_map(|program| program.packets.as_deref())
    }

    /// The manifest for the initrd, read back by the image's own reader.
    ///
    /// # Errors
    /// What the image would refuse.
    pub(crate) fn manifest(&self) -> anyhow::Result<String> {
        self.table.manifest().with_context(|| format!("in {}", self.path.display()))
    }
}

fn parse(text: &str) -> anyhow::Result<Table> {
    toml::from_str(text).map_err(|error| anyhow!("{}", error.to_string().trim_end()))
}

impl Table {
    fn manifest(&self) -> anyhow::Result<String> {
        let run_for_ns = self.run_for.map_or(manifest::DEFAULT_RUN_FOR_NS, Span::ns);
        let mut text = format!("{}\n", Header { run_for_ns, sequence: self.sequence });
        for program in &self.programs {
            text += &format!("{}\n", program.entry());
        }
        Manifest::parse(text.as_bytes()).map_err(|error| {
            let line = text[..error.offset.min(text.len())].matches('\n').count();
            anyhow!("{} (in `{}`)", error.reason, text.lines().nth(line).unwrap_or_default())
        })?;
        Ok(text)
    }
}

impl Program {
    fn entry(&self) -> Entry<'_> {
        Entry {
            trigger: self.trigger.0,
            priority: self.priority.into(),
            deadline_ns: self.deadline.map(Span::ns),
            criticality: self.criticality.into(),
            expect: self.expect.0.unwrap_or(Expect::Any),
            on_restart: self.on_restart.into(),
            safe_value: self.safe_value.map(|number| number.0),
            packets: self.packets.as_deref().map(base_name),
            ..Entry::new(&self.object, &self.program)
        }
    }
}

/// The name a file has in the initrd.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests;
