//! Programs as machine code: a compiler for x86-64 that takes time linear in the program, and the pages its code is in.
//!
//! The code checks nothing as it runs: it relies on what [`Verified`] proves. What it relies on itself is checked
//! before it may run (`check`), and from then on nobody can write it (`code`).
//!
//! ```text
//! text -> flow (reachable, live) -> slots, facts, contexts -> lower (values, encoder) -> assembler -> check -> sealed
//! ```
//! Each optimisation has a switch of its own in [`Passes`], so that its worth can be measured.

mod assembler;
mod check;
#[expect(
    unsafe_code,
    reason = "owns pages that change between writable and executable, and calls what is in them"
)]
mod code;
mod contexts;
mod facts;
mod flow;
mod lower;
mod passes;
#[expect(unsafe_code, reason = "machine code calls in here with raw addresses")]
mod run;
mod slots;
pub mod x86_64;

use core::fmt;

pub use code::CodeMemory;
pub use passes::{Features, Passes};
pub use run::{Landing, catch_fault};

use crate::error::Fault;
use crate::executable::{Completion, Engine, Job};
use crate::helpers::Services;
use crate::interpreter::Interpreter;
use crate::maps::{Map, MapDef, MapKind};
use crate::memory::Reclaim;
use crate::profile::PhysicalProfile;
use crate::program::Verified;
use code::{Sealed, Writable};
use lower::{MapPlace, Target};
use run::{Activity, Place, Run};

/// Compiles programs, and interprets those that cannot be compiled.
#[derive(Clone, Copy, Debug)]
pub struct Jit;

/// Why a program has no machine code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCode {
    /// There is nowhere to put it: this machine offers no memory for code.
    NoCodeMemory,
    /// No pages, or no memory to compile in.
    NoMemory,
    /// The pages could not be made executable.
    NotSealed,
    /// Functions that jump into each other, or recursion through the entry.
    Malformed,
    /// It takes the address of a function, for a helper to call.
    FunctionAddress,
    /// It goes on in another program.
    TailCall,
    /// The check of the finished code failed at this offset: a defect of the compiler.
    Check(u32),
}

impl fmt::Display for NoCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCodeMemory => f.write_str("this machine offers no memory for code"),
            Self::NoMemory => f.write_str("out of memory for code"),
            Self::NotSealed => f.write_str("the code's pages cannot be made executable"),
            Self::Malformed => f.write_str("its functions cannot be told apart"),
            Self::FunctionAddress => f.write_str("it has functions that helpers call"),
            Self::TailCall => f.write_str("it may go on in another program"),
            Self::Check(at) => {
                write!(f, "the check of the code failed at byte {at}: a defect of the compiler")
            }
        }
    }
}

impl core::error::Error for NoCode {}

/// A program's machine code.
pub struct Compiled<'m> {
    code: Sealed<'m>,
    place: Place,
}

impl Compiled<'_> {
    /// Bytes of code.
    #[must_use]
    pub const fn code_bytes(&self) -> usize {
        self.code.len()
    }

    /// The code.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        self.code.bytes()
    }

    /// The address of its first byte: compiled code is a function of r1, r2, the frame pointer and a run.
    #[must_use]
    pub fn address(&self) -> usize {
        self.code.address()
    }
}

impl Engine for Jit {
    const NAME: &'static str = "jit";
    type Code<'a> = Result<Compiled<'a>, NoCode>;
    type CodeMemory = dyn CodeMemory;
    type Options = Passes;

    fn compile<'a, P: PhysicalProfile>(
        verified: &Verified<'a, P>,
        maps: &'a [&'a Map<P::MemoryStrategy>],
        memory: Option<&'a dyn CodeMemory>,
        passes: Passes,
    ) -> Self::Code<'a> {
        compile(verified, maps, memory.ok_or(NoCode::NoCodeMemory)?, passes)
    }

    fn code_bytes<'c>(code: &'c Self::Code<'_>) -> Result<usize, Option<&'c dyn fmt::Display>> {
        match code {
            Ok(compiled) => Ok(compiled.code_bytes()),
            Err(reason) => Err(Some(reason)),
        }
    }

    #[expect(unsafe_code, reason = "the one place where compiled code is entered")]
    fn execute<M: Reclaim>(
        job: &Job<'_, M>,
        code: Option<&Self::Code<'_>>,
        services: &mut dyn Services,
    ) -> Result<Completion, Fault> {
        let Some(Ok(compiled)) = code else {
            return Interpreter::execute(job, None, services);
        };
        let mut run = Run::new(job, services, &compiled.place);
        let _active = Activity::of(&mut run);
        // SAFETY: 1. Only `compile` makes a `Compiled`, from a `Verified`, after the check. 2. `Executable` alone
        // makes jobs; it keeps the code with the program and the maps it was compiled for.
        let outcome = unsafe { compiled.code.call(&mut run, job.arguments, job.stack_top) };
        outcome.map(|r0| Completion { r0, insns: None }).map_err(|early| early.fault(job.entry))
    }
}

fn compile<'a, P: PhysicalProfile>(
    verified: &Verified<'a, P>,
    maps: &'a [&'a Map<P::MemoryStrategy>],
    memory: &'a dyn CodeMemory,
    passes: Passes,
) -> Result<Compiled<'a>, NoCode> {
    let program = &verified.program;
    let mut flow = flow::explore(program.text, program.entry)?;
    if passes.has(Passes::SLOTS) {
        flow.promote(passes);
    }
    flow.analyse();
    if flow.reads_unwritten_slots() {
        // Their bytes are what earlier runs left on the stack: only memory has them.
        flow.demote();
        flow.analyse();
    }
    let map_place = |index: u32| {
        let (def, map) = (program.maps.get(index as usize)?, maps.get(index as usize)?);
        Some(place_of(def, map))
    };
    let target = Target { kind: program.kind, maps: &map_place, features: memory.features(), passes };
    let mut lowered = lower::lower(&flow, &target)?;
    let len = lowered.assembler.lay_out();
    let landing = lowered.assembler.offset(lowered.landing).ok_or(NoCode::Malformed)?;
    let mut writable = Writable::new(memory, len)?;
    lowered.assembler.write(writable.bytes());
    check::check(writable.bytes())?;
    let code = writable.seal()?;
    let start = code.address() as u64;
    let place = Place { start, end: start + len as u64, landing: start + u64::from(landing) };
    Ok(Compiled { code, place })
}

fn place_of<M: Reclaim>(def: &MapDef<'_>, map: &Map<M>) -> MapPlace {
    let values = map.values();
    let is_array = matches!(def.kind, MapKind::Array | MapKind::PercpuArray);
    let stride = values.len() as u64 / u64::from(def.max_entries.max(1));
    let array = (is_array && stride > 0).then(|| Some((u32::try_from(stride).ok()?, def.max_entries)));
    MapPlace { values: values.as_ptr().expose_provenance() as u64, array: array.flatten() }
}
