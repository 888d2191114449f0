//! A proven program bound to its maps: the only thing an engine runs.

use core::cell::Cell;
use core::fmt::{self, Debug};
use core::sync::atomic::AtomicU64;

use crate::context::ProgramKind;
use crate::error::{BpfError, Fault};
use crate::helpers::{MAX_TAIL_CALLS, Services};
use crate::interpreter::{FRAME_BYTES, Interpreter, MAX_FRAMES, Memory, Region, TooManyRegions};
use crate::maps::{MAX_KEY, Map, MapDef};
use crate::memory::{Buffer, Reclaim};
use crate::object::MapAccess;
use crate::packet::{HEADROOM, TAILROOM, Window};
use crate::profile::PhysicalProfile;
use crate::program::Verified;
use crate::targets::{Find, Origin, Targets};

/// Executes programs.
pub trait Engine: Copy + Debug + 'static {
    /// Its name in reports.
    const NAME: &'static str;
    /// What it makes of a program before the first run.
    type Code<'a>;
    /// Where that goes.
    type CodeMemory: ?Sized + 'static;
    /// How it is made.
    type Options: Copy + Default;

    /// Makes the code of a program with its maps.
    fn compile<'a, P: PhysicalProfile>(
        verified: &Verified<'a, P>,
        maps: &'a [&'a Map<P::MemoryStrategy>],
        memory: Option<&'a Self::CodeMemory>,
        options: Self::Options,
    ) -> Self::Code<'a>;

    /// Bytes of machine code, or why there is none, if there should be.
    ///
    /// # Errors
    /// The reason.
    fn code_bytes<'c>(code: &'c Self::Code<'_>) -> Result<usize, Option<&'c dyn fmt::Display>>;

    /// Runs a job to its end. Without code, or if the code does not count instructions and the limit is below the
    /// proven bound, the interpreter runs it.
    ///
    /// # Errors
    /// The fault that ended it early.
    fn execute<M: Reclaim>(
        job: &Job<'_, M>,
        code: Option<&Self::Code<'_>>,
        services: &mut dyn Services,
    ) -> Result<Completion, Fault>;
}

/// Where the engine of a profile puts code.
pub type CodeMemoryOf<P> = <<P as PhysicalProfile>::Engine as Engine>::CodeMemory;
/// How the engine of a profile makes code.
pub type OptionsOf<P> = <<P as PhysicalProfile>::Engine as Engine>::Options;
type CodeOf<'a, P> = <<P as PhysicalProfile>::Engine as Engine>::Code<'a>;

/// A run about to start. Made by [`Executable::run`] alone, so holding one proves that its text was verified.
pub struct Job<'a, M: Reclaim> {
    pub(crate) kind: ProgramKind,
    pub(crate) text: &'a [u8],
    pub(crate) entry: usize,
    /// Instructions it may execute. An interrupt may store 0 here to stop it before the next one.
    pub(crate) limit: AtomicU64,
    pub(crate) arguments: [u64; 2],
    pub(crate) stack_top: u64,
    pub(crate) memory: Memory<'a>,
    pub(crate) maps: &'a [&'a Map<M>],
    /// Where it comes from, and the programs it may go on in.
    pub(crate) origin: Origin,
    pub(crate) targets: Option<&'a (dyn Find + 'a)>,
    /// Where the packet is.
    pub(crate) window: &'a Window<'a>,
    /// Where keys are shown to functions that are called for entries of a map.
    pub(crate) scratch: &'a [Cell<u8>],
    /// Tail calls so far.
    pub(crate) tail_calls: Cell<u32>,
    /// The interface that the last redirection named.
    pub(crate) redirected: Cell<u32>,
}

/// A completed run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The program's return value.
    pub r0: u64,
    /// Instructions executed, if the engine counts them: compiled code does not.
    pub insns: Option<u64>,
}

/// What a run is given.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The bytes of the context as they are: events and system calls.
    Context(&'a [u8]),
    /// A packet; its context is made from it.
    Packet(&'a [u8]),
    /// Memory for a plain function, r1 its address and r2 its size; both 0 if there is none.
    Memory(&'a [Cell<u8>]),
}

/// Largest packet, in bytes.
pub const MAX_PACKET: usize = 2048;
/// Where the address of the packet's [`Window`] follows its context, for compiled code.
pub(crate) const WINDOW_OFFSET: usize = 192;
const CONTEXT_BYTES: usize = WINDOW_OFFSET + size_of::<u64>();

/// Stack, context and packet memory of the runs that are not nested in each other: taken once, while loading.
pub struct RunSpace<P: PhysicalProfile> {
    stack: Buffer<u8, P::MemoryStrategy>,
    context: Buffer<u8, P::MemoryStrategy>,
    packet: Buffer<u8, P::MemoryStrategy>,
    scratch: Buffer<u8, P::MemoryStrategy>,
}

impl<P: PhysicalProfile> RunSpace<P> {
    /// Bytes that [`Self::new`] takes.
    #[must_use]
    pub fn bytes(frames: usize) -> usize {
        let stack = frames.clamp(1, MAX_FRAMES) * FRAME_BYTES;
        stack + CONTEXT_BYTES + HEADROOM + MAX_PACKET + TAILROOM + MAX_KEY
    }

    /// Room for programs of at most `frames` frames.
    ///
    /// # Errors
    /// [`BpfError::OutOfMemory`].
    pub fn new(frames: usize) -> Result<Self, BpfError> {
        let stack = frames.clamp(1, MAX_FRAMES) * FRAME_BYTES;
        let buffer = |bytes| Buffer::zeroed(bytes).ok_or(BpfError::OutOfMemory);
        Ok(Self {
            stack: buffer(stack)?,
            context: buffer(CONTEXT_BYTES)?,
            packet: buffer(HEADROOM + MAX_PACKET + TAILROOM)?,
            scratch: buffer(MAX_KEY)?,
        })
    }
}

impl<P: PhysicalProfile> RunSpace<P> {
    /// Where packets lie, [`HEADROOM`] bytes from the start at first: as the last run left it.
    #[must_use]
    pub const fn packet(&self) -> &[Cell<u8>] {
        self.packet.cells()
    }
}

/// Maps that a program was not verified with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapMismatch;

impl fmt::Display for MapMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the maps are not those the program was verified with")
    }
}

impl core::error::Error for MapMismatch {}

/// A verified program with its object's maps.
pub struct Executable<'a, P: PhysicalProfile> {
    verified: Verified<'a, P>,
    maps: &'a [&'a Map<P::MemoryStrategy>],
    targets: Option<&'a Targets<'a>>,
    code: Option<CodeOf<'a, P>>,
}

impl<'a, P: PhysicalProfile> Executable<'a, P> {
    /// Binds `verified` to `maps`, made from the definitions it was verified with, in order.
    ///
    /// # Errors
    /// [`MapMismatch`]: the proof is about other maps.
    pub fn new(
        verified: Verified<'a, P>,
        maps: &'a [&'a Map<P::MemoryStrategy>],
    ) -> Result<Self, MapMismatch> {
        let defs = verified.program.maps;
        let same = defs.len() == maps.len() && maps.iter().zip(defs).all(|(map, def)| map.is_made_from(def));
        if same && holds_likes(maps, defs) {
            Ok(Self { verified, maps, targets: None, code: None })
        } else {
            Err(MapMismatch)
        }
    }

    /// Lets its tail calls go on in `targets`. Without this they find nothing.
    #[must_use]
    pub const fn with_targets(mut self, targets: &'a Targets<'a>) -> Self {
        self.targets = Some(targets);
        self
    }

    /// Bound on executed instructions of a run, those of programs it may go on in included.
    #[must_use]
    pub fn wcet_insns(&self) -> u64 {
        let (own, program) = (self.verified.wcet_insns(), &self.verified.program);
        let targets = self.targets.filter(|_| self.verified.tail_calls());
        let longest =
            targets.map_or(0, |all| all.longest(Origin::new(program.text, program.maps, program.kind)));
        own.saturating_add(longest.saturating_mul(MAX_TAIL_CALLS.into()))
    }

    /// Frames that a run may need.
    #[must_use]
    pub const fn frames(&self) -> usize {
        if self.verified.tail_calls() { MAX_FRAMES } else { self.verified.frames() }
    }

    /// Has the profile's engine make its code, in `memory` if it needs any. Without this, runs are interpreted.
    #[must_use]
    pub fn compiled(mut self, memory: Option<&'a CodeMemoryOf<P>>, options: OptionsOf<P>) -> Self {
        self.code = Some(P::Engine::compile(&self.verified, self.maps, memory, options));
        self
    }

    /// What the engine made of it, if it was asked.
    #[must_use]
    pub const fn code(&self) -> Option<&CodeOf<'a, P>> {
        self.code.as_ref()
    }

    /// Bytes of its machine code.
    ///
    /// # Errors
    /// Why there is none, if its engine has such code at all.
    pub fn code_bytes(&self) -> Result<usize, Option<&dyn fmt::Display>> {
        let code = self.code.as_ref().ok_or(None)?;
        P::Engine::code_bytes(code)
    }

    /// The name of what runs it.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        if self.code_bytes().is_ok() { P::Engine::NAME } else { Interpreter::NAME }
    }

    /// What was proven.
    #[must_use]
    pub const fn verified(&self) -> &Verified<'a, P> {
        &self.verified
    }

    /// Runs it once. A packet longer than [`MAX_PACKET`] is cut.
    ///
    /// # Errors
    /// The fault that ended it early. `InvalidAccess`, `InvalidInstruction` and `Timeout` mean a defect of the
    /// verifier.
    pub fn run(
        &self,
        space: &RunSpace<P>,
        input: Input<'_>,
        services: &mut dyn Services,
    ) -> Result<Completion, Fault> {
        self.run_limited(space, input, self.verified.wcet_insns(), services)
    }

    /// As [`Self::run`], ended by `Timeout` after `limit` instructions.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_limited(
        &self,
        space: &RunSpace<P>,
        input: Input<'_>,
        limit: u64,
        services: &mut dyn Services,
    ) -> Result<Completion, Fault> {
        let window = self.window(space, &input);
        self.prepare(space, input, &window, limit)?.run(services)
    }

    /// Where the packet of an input will be.
    #[must_use]
    pub fn window<'r>(&self, space: &'r RunSpace<P>, input: &Input<'_>) -> Window<'r> {
        match input {
            Input::Packet(bytes) => Window::new(space.packet.cells(), bytes.len().min(MAX_PACKET)),
            Input::Context(_) | Input::Memory(_) => Window::none(),
        }
    }

    /// Puts the input in place for any number of runs, each of which finds what the one before left there. `window` is
    /// what [`Self::window`] returned for this input.
    ///
    /// # Errors
    /// `OutOfMemory` if there are more maps than a run has room for.
    pub fn prepare<'r>(
        &'r self,
        space: &'r RunSpace<P>,
        input: Input<'r>,
        window: &'r Window<'r>,
        limit: u64,
    ) -> Result<Prepared<'r, 'a, P>, Fault> {
        let program = &self.verified.program;
        let stack = Region::read_write(space.stack.cells());
        let stack_top = stack.address() + space.stack.cells().len() as u64;
        let mut memory = Memory::default();
        let no_room = |TooManyRegions| Fault { error: BpfError::OutOfMemory, pc: program.entry, address: 0 };
        memory.add(stack).map_err(no_room)?;
        memory.add(Region::read_only_cells(space.scratch.cells())).map_err(no_room)?;
        let arguments = prepare(program.kind, space, input, window, &mut memory).map_err(no_room)?;
        for map in self.maps {
            memory.add(map_region(map)).map_err(no_room)?;
        }
        let counted = limit < self.verified.wcet_insns();
        let job = Job {
            kind: program.kind,
            text: program.text,
            entry: program.entry,
            limit: AtomicU64::new(limit),
            arguments,
            stack_top,
            memory,
            maps: self.maps,
            origin: Origin::new(program.text, program.maps, program.kind),
            targets: self.targets.map(|targets| targets as &dyn Find),
            window,
            scratch: space.scratch.cells(),
            tail_calls: Cell::new(0),
            redirected: Cell::new(0),
        };
        Ok(Prepared { job, code: self.code.as_ref().filter(|_| !counted) })
    }
}

/// A program with its input in place.
pub struct Prepared<'r, 'a, P: PhysicalProfile> {
    job: Job<'r, P::MemoryStrategy>,
    code: Option<&'r CodeOf<'a, P>>,
}

impl<P: PhysicalProfile> Prepared<'_, '_, P> {
    /// Runs it once.
    ///
    /// # Errors
    /// As [`Executable::run`].
    #[inline]
    pub fn run(&self, services: &mut dyn Services) -> Result<Completion, Fault> {
        self.job.tail_calls.set(0);
        P::Engine::execute(&self.job, self.code, services)
    }
}

/// Whether the maps inside maps are as the verifier took them to be.
fn holds_likes<M: Reclaim>(maps: &[&Map<M>], defs: &[MapDef<'_>]) -> bool {
    maps.iter().zip(defs).filter(|(map, _)| map.kind().holds_maps()).all(|(map, def)| {
        let template = def.inner.and_then(|inner| defs.get(inner as usize));
        let is_like = |inner: u32| {
            let inner = defs.get(inner as usize);
            inner.zip(template).is_some_and(|(inner, template)| inner.is_like(template))
        };
        map.references().all(is_like)
    })
}

fn map_region<M: Reclaim>(map: &Map<M>) -> Region<'_> {
    match map.access() {
        // That a program reads none of what it may only write, the verifier has seen to.
        MapAccess::ReadWrite | MapAccess::WriteOnly => Region::read_write(map.values()),
        MapAccess::ReadOnly => Region::read_only_cells(map.values()),
    }
}

/// Puts the input in place and returns r1 and r2.
fn prepare<'a, P: PhysicalProfile>(
    kind: ProgramKind,
    space: &'a RunSpace<P>,
    input: Input<'a>,
    window: &'a Window<'a>,
    memory: &mut Memory<'a>,
) -> Result<[u64; 2], TooManyRegions> {
    let context = &space.context.cells()[..usize::from(kind.layout().size)];
    context.iter().for_each(|cell| cell.set(0));
    match input {
        Input::Memory([]) => return Ok([0, 0]),
        Input::Memory(cells) => {
            let region = Region::read_write(cells);
            memory.add(region)?;
            return Ok([region.address(), cells.len() as u64]);
        }
        Input::Context(bytes) => fill(context, bytes),
        Input::Packet(bytes) => {
            let packet = window.bytes(0, window.len()).unwrap_or_default();
            fill(packet, bytes);
            describe(kind, context, packet);
            let address = core::ptr::from_ref(window).expose_provenance() as u64;
            fill(&space.context.cells()[WINDOW_OFFSET..], &address.to_le_bytes());
            memory.add(Region::packet(window))?;
        }
    }
    let region = Region::context(context, kind.layout(), window);
    memory.add(region)?;
    Ok([region.address(), 0])
}

fn fill(cells: &[Cell<u8>], bytes: &[u8]) {
    cells.iter().zip(bytes).for_each(|(cell, &byte)| cell.set(byte));
}

/// The one network interface there is, by its index.
pub(crate) const IFINDEX: u32 = 1;

/// Writes the number fields of a packet's context.
fn describe(kind: ProgramKind, context: &[Cell<u8>], packet: &[Cell<u8>]) {
    let set = |offset: usize, value: u32| fill(&context[offset..], &value.to_le_bytes());
    if kind == ProgramKind::Xdp {
        return set(12, IFINDEX);
    }
    set(0, packet.len() as u32);
    // `protocol` is in network byte order, as Linux has it.
    if let [high, low] = packet.get(12..14).unwrap_or_default() {
        set(16, u32::from(u16::from_le_bytes([high.get(), low.get()])));
    }
    set(36, IFINDEX);
    set(40, IFINDEX);
}
