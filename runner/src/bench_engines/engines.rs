//! What runs a program: ours, and the others.

use std::cell::Cell;
use std::fmt;
use std::time::Instant;

use anyhow::{Context, anyhow, ensure};
use kernel_bpf::context::ProgramKind;
use kernel_bpf::helpers::Services;
use kernel_bpf::jit::Passes;
use kernel_bpf::profile::ActiveProfile;
use kernel_bpf::{BpfProgram, Executable, Input, RunSpace, Verified, trusted};
use kernel_host::{code_memory, discarding_memory};

use super::linux::Loaded;
use super::native::Native;
use super::programs::{Program, memory, packet};
use super::{measure, peers};

/// What was measured of one engine.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    pub(super) ns: f64,
    pub(super) code_bytes: Option<u64>,
    pub(super) compile_ns: Option<f64>,
    pub(super) insns: Option<u64>,
    /// The low 32 bits of r0 of the first run and of one after many.
    pub(super) results: [u32; 2],
}

/// An engine by its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    Native,
    Jit,
    Linux,
    RbpfJit,
    Interpreter,
    RbpfInterpreter,
}

impl Engine {
    pub(super) const ALL: [Self; 6] =
        [Self::Native, Self::Jit, Self::Linux, Self::RbpfJit, Self::Interpreter, Self::RbpfInterpreter];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Jit => "jit",
            Self::Linux => "linux",
            Self::RbpfJit => "rbpf",
            Self::Interpreter => "interpreter",
            Self::RbpfInterpreter => "rbpf int.",
        }
    }

    /// One measurement of `program`.
    pub(super) fn measure(self, program: &Program, passes: Passes) -> anyhow::Result<Figures> {
        match self {
            Self::Native => native(program),
            Self::Jit => ours(program, Some(passes)),
            Self::Interpreter => ours(program, None),
            Self::Linux => linux(program),
            Self::RbpfJit => rbpf_jit(program),
            Self::RbpfInterpreter => rbpf_interpreter(program),
        }
    }
}

/// Times `run` on memory of its own, the first result apart.
pub(super) fn timed(run: &mut dyn FnMut() -> anyhow::Result<u32>) -> anyhow::Result<Figures> {
    let first = run()?;
    let ns = measure::nanoseconds(run)?;
    Ok(Figures { ns, results: [first, run()?], ..Figures::default() })
}

fn native(program: &Program) -> anyhow::Result<Figures> {
    let (library, mut memory) = (Native::load(&program.library)?, memory());
    let figures = timed(&mut || Ok(library.run(&mut memory)))?;
    Ok(Figures { code_bytes: Some(program.native_bytes), ..figures })
}

/// A world that answers nothing.
struct Nothing;

impl Services for Nothing {
    fn now(&self) -> u64 {
        0
    }

    fn random(&mut self) -> u32 {
        0
    }

    fn processor(&self) -> u32 {
        0
    }

    fn print(&mut self, _: fmt::Arguments<'_>) {}
}

/// More instructions than any program runs.
const LIMIT: u64 = 1 << 40;

/// The memory build, as the other crates run it: without a verifier in front.
fn proven<'p>(program: &'p Program, memory: &[u8]) -> anyhow::Result<Verified<'p, ActiveProfile>> {
    let kind = ProgramKind::Memory { size: u32::try_from(memory.len())? };
    let bpf = BpfProgram::new(&program.text, 0, program.text.len() / 8, kind, &[])?;
    Ok(trusted::assume_verified(bpf, LIMIT))
}

fn ours(program: &Program, passes: Option<Passes>) -> anyhow::Result<Figures> {
    let mut memory = memory();
    let verified = proven(program, &memory)?;
    let mut executable = Executable::new(verified, &[])?;
    if let Some(passes) = passes {
        executable = executable.compiled(code_memory(), passes);
        if let Some(Err(reason)) = executable.code() {
            return Err(anyhow!("{reason}"));
        }
    }
    let space = RunSpace::<ActiveProfile>::new(verified.frames())?;
    let input = Input::Memory(Cell::from_mut(&mut memory[..]).as_slice_of_cells());
    let window = executable.window(&space, &input);
    let prepared = executable.prepare(&space, input, &window, LIMIT)?;
    let mut insns = None;
    let figures = timed(&mut || {
        let completion = prepared.run(&mut Nothing)?;
        insns = insns.or(completion.insns);
        Ok(completion.r0 as u32)
    })?;
    let code_bytes = executable.code_bytes().ok().map(|bytes| bytes as u64);
    let compile_ns = passes.map(|passes| compile_time(verified, passes));
    Ok(Figures { code_bytes, compile_ns, insns, ..figures })
}

/// Nanoseconds the compiler takes, without the system calls for its pages: the median of many times.
fn compile_time(verified: Verified<'_, ActiveProfile>, passes: Passes) -> f64 {
    let once = || {
        let Ok(executable) = Executable::new(verified, &[]) else { return 0.0 };
        let start = Instant::now();
        std::hint::black_box(executable.compiled(Some(discarding_memory()), passes));
        start.elapsed().as_secs_f64() * 1e9
    };
    let mut times: Vec<f64> = (0..201).map(|_| once()).collect();
    times.sort_by(f64::total_cmp);
    times[100]
}

/// How often the kernel repeats a run for one measurement.
const REPEAT: u32 = 2_000;

fn linux(program: &Program) -> anyhow::Result<Figures> {
    let loaded = Loaded::new(&program.xdp)?;
    let empty = Loaded::new(&peers::EMPTY)?;
    let packet = packet();
    let (first, _) = loaded.run(&packet, 1)?;
    // The kernel counts whole nanoseconds of a run, and what it does around each; an empty program has only that.
    let ns = |loaded: &Loaded| -> anyhow::Result<f64> {
        let mut times = Vec::new();
        for _ in 0..15 {
            times.push(f64::from(loaded.run(&packet, REPEAT)?.1));
        }
        times.sort_by(f64::total_cmp);
        Ok(times[times.len() / 2])
    };
    let (own, around) = (ns(&loaded)?, ns(&empty)?);
    // A repeated run finds the packet as the one before left it.
    let (later, _) = loaded.run(&packet, 3)?;
    let code_bytes = Some(u64::from(loaded.code_bytes())).filter(|bytes| *bytes > 0);
    Ok(Figures { ns: (own - around).max(1.0), code_bytes, results: [first, later], ..Figures::default() })
}

fn rbpf_jit(program: &Program) -> anyhow::Result<Figures> {
    peers::rbpf_jit(&program.text, &mut memory())
}

fn rbpf_interpreter(program: &Program) -> anyhow::Result<Figures> {
    let machine = rbpf::EbpfVmRaw::new(Some(&program.text)).context("rbpf refuses the program")?;
    let mut memory = memory();
    let figures = timed(&mut || Ok(machine.execute_program(&mut memory)? as u32))?;
    ensure!(figures.ns > 0.0, "no time passed");
    Ok(figures)
}
