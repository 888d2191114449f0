//! `skep bench verifier`: the verifier's time, work and memory for each program, next to what Linux's verifier on the
//! same machine says of itself.

#[expect(unsafe_code, reason = "bpf(2) takes structures of addresses")]
mod linux;
mod relink;
mod results;
mod subjects;

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use kernel_bpf::context::ProgramKind;
use kernel_bpf::maps::{self, MapDef};
use kernel_bpf::object::{MapAccess, Object, ProgramSpec};
use kernel_bpf::profile::{ActiveProfile, PhysicalProfile};
use kernel_bpf::{BpfProgram, verify};
use linux::{MapShape, Statistics};
use results::{Ours, Row, Theirs};

use crate::cli::BenchVerifierArgs;
use crate::output;
use crate::packages::OnMissing;
use crate::profile::{self, BUILT_FOR};
use crate::progress;

/// No program is verified for longer than this, after its first time.
const PATIENCE: Duration = Duration::from_secs(1);
/// `BPF_F_SLEEPABLE`, which Linux wants of syscall programs.
const SLEEPABLE: u32 = 1 << 4;
/// `BPF_F_RDONLY_PROG`
const READ_ONLY: u32 = 1 << 7;

pub(crate) fn run(args: &BenchVerifierArgs, on_missing: OnMissing) -> anyhow::Result<ExitCode> {
    if args.profile != BUILT_FOR {
        return profile::run_again_for(args.profile);
    }
    if cfg!(debug_assertions) {
        output::note(format_args!(
            "skep: this tool was built without --release: its verifier checks its own arithmetic and is slower"
        ));
    }
    // `r0 = 0; exit`: if Linux does not take this, it takes nothing from us.
    let empty = [0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
    let linux = linux::verify(&empty, 1, 0);
    if let Err(error) = &linux {
        output::note(format_args!(
            "skep: Linux's verifier cannot be asked ({error:#}): it takes root and bpf(2)"
        ));
    }
    let programs = if args.programs.is_empty() { subjects::built_in()? } else { args.programs.clone() };
    let rows = progress::step(&format!("verifying the programs of {} files", programs.len()), || {
        let mut rows = Vec::new();
        for path in &programs {
            let mut file = subjects::object(path, on_missing)?;
            measure(&file.name, &mut file.bytes, args.runs, linux.is_ok(), &mut rows)
                .with_context(|| path.display().to_string())?;
        }
        Ok(rows)
    })?;
    if args.json {
        results::print_json(&rows)?
    } else {
        results::print_table(&rows)
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures every program of an object.
fn measure(name: &str, bytes: &mut [u8], runs: u32, linux: bool, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let mut workspace = vec![0; ActiveProfile::verifier_words(bytes.len())];
    let object = Object::link(bytes).map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut defs = vec![MapDef::VACANT; object.map_count()];
    maps::define(&object, &mut defs);
    for spec in object.programs() {
        let kind = ProgramKind::of_section(spec.section);
        let kind = kind.with_context(|| format!("no program type is meant by section `{}`", spec.section))?;
        let mut program = Program { object: &object, defs: &defs, spec, kind, workspace: &mut workspace };
        let (ours, theirs) = program.compare(runs, linux);
        rows.push(Row { object: name.into(), function: spec.name.into(), ours, theirs });
    }
    Ok(())
}

/// A program to be verified again and again.
struct Program<'a, 'w> {
    object: &'a Object<'a>,
    defs: &'a [MapDef<'a>],
    spec: ProgramSpec<'a>,
    kind: ProgramKind,
    workspace: &'w mut [u64],
}

impl Program<'_, '_> {
    /// Both verifiers in turn, so that whatever else the machine does meets both alike.
    fn compare(&mut self, runs: u32, linux: bool) -> (Ours, Option<Theirs>) {
        let (mut ours, mut our_times) = (self.verify().1, Vec::new());
        let maps = linux.then(|| self.linux_maps());
        let mut theirs = maps.as_ref().map(|maps| match maps {
            Ok(maps) => self.ask_linux(maps),
            Err(error) => Err(anyhow::anyhow!("{error:#}")),
        });
        let mut their_times = Vec::new();
        let begin = Instant::now();
        for _ in 0..runs {
            let (time, again) = self.verify();
            our_times.push(time.as_nanos() as u64);
            ours = again;
            if let (Some(Ok(maps)), Some(Ok(_))) = (&maps, &theirs) {
                theirs = Some(self.ask_linux(maps));
                their_times.extend(theirs.iter().flatten().map(|statistics| statistics.time));
            }
            if begin.elapsed() > PATIENCE {
                break;
            }
        }
        ours.nanoseconds = median(our_times);
        let theirs = theirs.map(|result| match result {
            Ok(Statistics { processed, .. }) => {
                Theirs::Accepts { microseconds: median(their_times), processed }
            }
            Err(error) => Theirs::Refuses(format!("{error:#}")),
        });
        (ours, theirs)
    }

    fn verify(&mut self) -> (Duration, Ours) {
        let ProgramSpec { first_insn, insn_count, .. } = self.spec;
        let program = BpfProgram::<ActiveProfile>::new(
            self.object.text(),
            first_insn,
            insn_count,
            self.kind,
            self.defs,
        );
        let program = match program {
            Ok(program) => program,
            Err(error) => return (Duration::ZERO, Ours::refused(error.to_string(), 0)),
        };
        let begin = Instant::now();
        let result = verify(program, self.workspace);
        let time = begin.elapsed();
        let ours = match result {
            Ok(verified) => Ours {
                refusal: None,
                insns: verified.insns(),
                states: verified.states(),
                workspace: Some(verified.workspace_bytes()),
                nanoseconds: 0,
            },
            Err(rejection) => Ours::refused(rejection.to_string(), rejection.states),
        };
        (time, ours)
    }

    fn linux_maps(&self) -> anyhow::Result<Vec<OwnedFd>> {
        let make = |spec: kernel_bpf::object::MapSpec<'_>| {
            let read_only = spec.access == MapAccess::ReadOnly;
            let flags = spec.flags | if read_only { READ_ONLY } else { 0 };
            let (kind, key_size, value_size) = (spec.kind, spec.key_size, spec.value_size);
            let max_entries = spec.max_entries;
            let shape = MapShape { kind, key_size, value_size, max_entries, flags, ..MapShape::default() };
            linux::map(shape, spec.initial, read_only).with_context(|| format!("map `{}`", spec.name))
        };
        self.object.maps().map(make).collect()
    }

    fn ask_linux(&self, maps: &[OwnedFd]) -> anyhow::Result<Statistics> {
        let descriptors: Vec<i32> = maps.iter().map(OwnedFd::as_raw_fd).collect();
        let text = relink::text(self.object, self.spec.first_insn, &descriptors)?;
        let (kind, flags) = linux_kind(self.kind);
        linux::verify(&text, kind, flags)
    }
}

/// `enum bpf_prog_type`, and the flags that go with it. A timer's tick is a perf event to Linux.
const fn linux_kind(kind: ProgramKind) -> (u32, u32) {
    match kind {
        ProgramKind::SocketFilter => (1, 0),
        ProgramKind::SchedCls => (3, 0),
        ProgramKind::Tracepoint => (5, 0),
        ProgramKind::Xdp => (6, 0),
        ProgramKind::PerfEvent | ProgramKind::Timer { .. } => (7, 0),
        ProgramKind::RawTracepoint => (17, 0),
        ProgramKind::Syscall | ProgramKind::Memory { .. } => (31, SLEEPABLE),
    }
}

/// The middle one; 0 of none.
fn median(mut times: Vec<u64>) -> u64 {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
