//! What the verifier accepts is safe, and it says so in time.
//!
//! Random programs: each that is accepted runs in [`tests::machine`], which stops at the first thing a verified
//! program must not do, and twice in the interpreter, with its memory at other addresses and its stack zeroed
//! once and full of addresses once. All three must agree: so neither an address nor anything that was never
//! written decides what a program returns, prints or leaves in its maps.
//!
//! `SKEP_SOUNDNESS_PROGRAMS` says how many programs, `SKEP_SOUNDNESS_SEED` the seed of the first.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use kernel_bpf::context::ProgramKind;
use kernel_bpf::helpers::Services;
use kernel_bpf::insn::decode;
use kernel_bpf::interpreter::MAX_FRAMES;
use kernel_bpf::maps::{Map, MapDef, MapKind};
use kernel_bpf::memory::MemoryStrategy as _;
use kernel_bpf::profile::{ActiveProfile, PhysicalProfile};
use kernel_bpf::verifier::{Addresses, verify_with};
use kernel_bpf::{BpfProgram, Completion, Executable, Input, Rejection, RunSpace, Verified};
use tests::generator::adversarial::{self, Left};
use tests::generator::{self, Sample};
use tests::machine::{self, Keys, World};
use tests::random::{Random, edge};

type Strategy = <ActiveProfile as PhysicalProfile>::MemoryStrategy;
type LiveMap = Map<Strategy>;
type Space = RunSpace<ActiveProfile>;
type Proven<'a> = Verified<'a, ActiveProfile>;
/// What is wrong with the verifier, if anything.
type Verdict<T = ()> = Result<T, String>;

/// How many programs a plain `cargo test` tries.
const PROGRAMS: u64 = if UNOPTIMIZED { 20_000 } else { 50_000 };
/// Whether the verifier is about fifteen times slower than in an image.
const UNOPTIMIZED: bool = cfg!(debug_assertions);
/// Inputs of each accepted program.
const INPUTS: usize = 5;
/// Words of the workspace that small programs are verified in.
const WORKSPACE_WORDS: usize = 1 << 17;

#[test]
fn what_is_accepted_does_nothing_wrong() {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let programs = number("SKEP_SOUNDNESS_PROGRAMS").unwrap_or(PROGRAMS);
    let first = number("SKEP_SOUNDNESS_SEED").unwrap_or(0);
    let defs = generator::maps();
    let fillers = [Left::Zeros, Left::Addresses].map(adversarial::fill_stack);
    // A fixed pool has room for one judge.
    let judges =
        if Strategy::CAN_GROW { std::thread::available_parallelism().map_or(1, usize::from) } else { 1 };
    let tally = std::thread::scope(|scope| {
        let judge = |number: usize| {
            let mut judge = Judge::new(&defs, &fillers);
            let seeds = (first..first + programs).skip(number).step_by(judges);
            seeds.for_each(|seed| judge.judge(seed));
            judge.tally
        };
        let others: Vec<_> = (1..judges).map(|number| scope.spawn(move || judge(number))).collect();
        let others = others.into_iter().map(|judge| judge.join().expect("a judge has ended"));
        others.fold(judge(0), Tally::and)
    });
    println!("{tally}");
    assert!(tally.defects.is_empty(), "{}", tally.defects.join("\n"));
    let share = tally.accepted as f64 / tally.programs as f64;
    assert!(share >= 0.2, "too few programs are accepted to say much: {share}");
}

#[test]
fn every_program_is_decided_in_time() {
    let limit = Duration::from_secs(if UNOPTIMIZED { 20 } else { 1 });
    let defs = generator::maps();
    let mut programs = adversarial::long();
    if UNOPTIMIZED {
        println!("without optimization, those with large states take half a minute: skipped; try --release");
    } else {
        programs.append(&mut adversarial::large());
    }
    for program in programs {
        let mut workspace =
            vec![0; ActiveProfile::verifier_words(program.text.len()) + program.text.len() / 8];
        let start = Instant::now();
        let decision = match decide(&program.sample(), &defs, &mut workspace) {
            Ok(proven) => format!("accepted, at most {} instructions", proven.wcet_insns()),
            Err(rejection) => rejection.to_string(),
        };
        let time = start.elapsed();
        println!("{:>8.1} ms  {}: {decision}", time.as_secs_f64() * 1e3, program.name);
        assert!(time < limit, "{}: {time:?}", program.name);
    }
}

/// What was found out about many programs.
#[derive(Default)]
struct Tally {
    programs: u64,
    accepted: u64,
    runs: u64,
    insns: u64,
    refusals: BTreeMap<String, u64>,
    slowest: Duration,
    defects: Vec<String>,
}

impl Tally {
    fn and(mut self, mut other: Self) -> Self {
        self.programs += other.programs;
        self.accepted += other.accepted;
        self.runs += other.runs;
        self.insns += other.insns;
        self.slowest = self.slowest.max(other.slowest);
        self.defects.append(&mut other.defects);
        for (reason, count) in other.refusals {
            *self.refusals.entry(reason).or_default() += count;
        }
        self
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = 100.0 * self.accepted as f64 / self.programs as f64;
        writeln!(
            f,
            "{} programs, {} accepted ({share:.1} %), {} runs, {} instructions, {} defects, slowest decision {:?}",
            self.programs,
            self.accepted,
            self.runs,
            self.insns,
            self.defects.len(),
            self.slowest
        )?;
        let mut refusals: Vec<_> = self.refusals.iter().collect();
        refusals.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        refusals.iter().try_for_each(|(reason, count)| write!(f, "{reason} {count}  "))
    }
}

/// A world that does the same in every run with the same seed, and keeps what is printed.
struct Recorded {
    seed: u64,
    calls: Cell<u64>,
    text: String,
}

impl Recorded {
    const fn seeded(seed: u64) -> Self {
        Self { seed, calls: Cell::new(0), text: String::new() }
    }

    fn number(&self) -> u64 {
        self.calls.set(self.calls.get() + 1);
        edge(&mut Random::seeded(self.seed ^ self.calls.get()))
    }
}

impl Services for Recorded {
    fn now(&self) -> u64 {
        self.number()
    }

    fn random(&mut self) -> u32 {
        self.number() as u32
    }

    fn processor(&self) -> u32 {
        0
    }

    fn print(&mut self, text: fmt::Arguments<'_>) {
        self.text += &format!("{text}\n");
    }
}

/// What the runs of all programs share.
struct Judge<'d> {
    defs: &'d [MapDef<'d>],
    places: [Place<'d>; 2],
    /// The maps' keys before each run.
    keys: Vec<Keys>,
    workspace: Vec<u64>,
    tally: Tally,
}

impl<'d> Judge<'d> {
    fn new(defs: &'d [MapDef<'d>], fillers: &'d [Sample; 2]) -> Self {
        let mut workspace = vec![0; WORKSPACE_WORDS];
        let places = fillers.each_ref().map(|filler| Place::new(defs, filler, &mut workspace));
        let keys = defs.iter().map(|def| {
            let mut keys = Keys::of(def);
            let inserted = known_keys(def).all(|key| keys.insert(&key).is_some());
            assert!(inserted, "a table has room for the keys it starts with");
            keys
        });
        Self { defs, places, keys: keys.collect(), workspace, tally: Tally::default() }
    }

    /// Verifies the program of a seed, and runs it if it is accepted.
    fn judge(&mut self, seed: u64) {
        let sample = generator::program(seed);
        self.tally.programs += 1;
        if let Err(defect) = self.judge_sample(seed, &sample) {
            self.tally.defects.push(format!("seed {seed}: {defect}\n{}", listing(&sample)));
        }
    }

    fn judge_sample(&mut self, seed: u64, sample: &Sample) -> Verdict {
        let start = Instant::now();
        let decide_once = || decide(sample, self.defs, &mut self.workspace);
        let decision = catch_unwind(AssertUnwindSafe(decide_once)).map_err(|_| "the verifier panics")?;
        self.tally.slowest = self.tally.slowest.max(start.elapsed());
        if seed.is_multiple_of(64) {
            let again = decide(sample, self.defs, &mut vec![u64::MAX; WORKSPACE_WORDS]);
            same_decision(&decision, &again)?;
        }
        match decision {
            Ok(proven) => {
                self.tally.accepted += 1;
                let mut random = Random::seeded(!seed);
                (0..INPUTS).try_for_each(|_| self.run(sample, proven, &mut random))
            }
            Err(rejection) => {
                let reason = format!("{:?}", rejection.reason);
                let name = reason.split(['(', ' ']).next().unwrap_or_default();
                *self.tally.refusals.entry(name.to_owned()).or_default() += 1;
                Ok(())
            }
        }
    }

    /// Runs the program in the machine and twice in the interpreter, and compares.
    fn run(&mut self, sample: &Sample, proven: Proven<'_>, random: &mut Random) -> Verdict {
        let before = self.world(sample, random);
        let seed = random.number();
        let (mut after, mut services) = (before.clone(), Recorded::seeded(seed));
        let limit = proven.wcet_insns();
        let outcome = machine::run(&sample.text, 0, limit, self.defs, &mut after, &mut services);
        let outcome = outcome.map_err(|breach| format!("{breach:?}"))?;
        if outcome.frames > proven.frames() || outcome.stack > proven.stack() {
            return Err(format!("{outcome:?}; proven: {} frames, {} bytes", proven.frames(), proven.stack()));
        }
        let [first, second] = self.places.each_ref().map(|place| place.run(proven, &before, seed));
        let (first, second) = (first?, second?);
        self.tally.runs += 1;
        self.tally.insns += outcome.insns;
        if first != second {
            return Err(format!("addresses or unwritten bytes make a difference: {first:x?} {second:x?}"));
        }
        let expected = (outcome.r0, Some(outcome.insns), &after.maps);
        if expected != (first.completion.r0, first.completion.insns, &first.maps) {
            return Err(format!("the machine differs: {expected:x?} {first:x?}"));
        }
        Ok(())
    }

    fn world(&self, sample: &Sample, random: &mut Random) -> World {
        let kind = sample.kind;
        let len = match kind {
            ProgramKind::Memory { size } => size as usize,
            kind if kind.takes_packet() => packet_length(&sample.lengths, random),
            kind => kind.layout().size.into(),
        };
        let input = numbers(len, random);
        let maps = self.defs.iter().zip(&self.places[0].maps).map(|(def, map)| match def.initial {
            Some(initial) => [initial, &vec![0; map.values().len() - initial.len()]].concat(),
            None => numbers(map.values().len(), random),
        });
        World { kind, input, maps: maps.collect(), keys: self.keys.clone() }
    }
}

/// Where programs run: memory of their own, its stack filled before each run.
struct Place<'d> {
    defs: &'d [MapDef<'d>],
    space: Space,
    maps: Vec<LiveMap>,
    filler: Proven<'d>,
}

/// What a run in the interpreter left behind.
#[derive(Debug, PartialEq)]
struct Trace {
    completion: Completion,
    printed: String,
    memory: Vec<u8>,
    maps: Vec<Vec<u8>>,
}

impl<'d> Place<'d> {
    fn new(defs: &'d [MapDef<'d>], filler: &'d Sample, workspace: &mut [u64]) -> Self {
        let maps = defs.iter().map(|def| LiveMap::new(def).expect("memory for the maps")).collect();
        let space = Space::new(MAX_FRAMES).expect("memory for a stack");
        Self { defs, space, maps, filler: decide(filler, defs, workspace).expect("it is safe") }
    }

    fn run(&self, proven: Proven<'_>, world: &World, seed: u64) -> Verdict<Trace> {
        self.execute(self.filler, world, seed)?;
        for ((map, def), bytes) in self.maps.iter().zip(self.defs).zip(&world.maps) {
            map.reset(def);
            let inserted = known_keys(def).all(|key| map.update(&key, 0, |_| 0) == 0);
            assert!(inserted, "a table has room for the keys it starts with");
            map.values().iter().zip(bytes).for_each(|(cell, &byte)| cell.set(byte));
        }
        self.execute(proven, world, seed)
    }

    fn execute(&self, proven: Proven<'_>, world: &World, seed: u64) -> Verdict<Trace> {
        let (mut memory, mut services) = (world.input.clone(), Recorded::seeded(seed));
        let input = match proven.kind() {
            ProgramKind::Memory { .. } => Input::Memory(Cell::from_mut(&mut memory[..]).as_slice_of_cells()),
            kind if kind.takes_packet() => Input::Packet(&world.input),
            _ => Input::Context(&world.input),
        };
        let maps: Vec<_> = self.maps.iter().collect();
        let executable = Executable::new(proven, &maps).map_err(|error| error.to_string())?;
        let completion = executable.run(&self.space, input, &mut services);
        let completion = completion.map_err(|fault| fault.to_string())?;
        let bytes = |map: &LiveMap| map.values().iter().map(Cell::get).collect();
        let maps = self.maps.iter().map(bytes).collect();
        Ok(Trace { completion, printed: services.text, memory, maps })
    }
}

/// The keys a hash table has before each run.
fn known_keys(def: &MapDef<'_>) -> impl Iterator<Item = Vec<u8>> {
    let (size, count) = (def.key_size as usize, if def.kind == MapKind::Hash { 2u64 } else { 0 });
    (0..count).map(move |key| key.to_le_bytes()[..size].to_vec())
}

/// Lengths near those that matter to the program, small ones, and any.
fn packet_length(lengths: &[usize], random: &mut Random) -> usize {
    match random.below(4) {
        0 | 1 if !lengths.is_empty() => (random.pick(lengths) + random.below(3)).saturating_sub(1),
        0 | 1 => *random.pick(&[0, 1, 13, 14, 20, 34, 60, 64, 255, 2048]),
        2 => random.below(64),
        _ => random.below(2049),
    }
}

/// Bytes of such numbers.
fn numbers(len: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| edge(random).to_le_bytes()).collect();
    bytes.truncate(len);
    bytes
}

fn decide<'a>(
    sample: &'a Sample,
    defs: &'a [MapDef<'a>],
    workspace: &mut [u64],
) -> Result<Proven<'a>, Rejection> {
    let program = BpfProgram::new(&sample.text, 0, sample.insn_count, sample.kind, defs);
    verify_with(program.expect("a program of a few instructions"), workspace, Addresses::Secret, None)
}

/// A workspace's former contents decide nothing.
fn same_decision(one: &Result<Proven<'_>, Rejection>, two: &Result<Proven<'_>, Rejection>) -> Verdict {
    let proof = |decision: &Result<Proven<'_>, Rejection>| {
        let proof = |p: Proven<'_>| (p.insns(), p.stack(), p.frames(), p.wcet_insns(), p.states());
        decision.map(proof)
    };
    let (one, two) = (proof(one), proof(two));
    if one == two { Ok(()) } else { Err(format!("decided differently: {one:?} {two:?}")) }
}

fn listing(sample: &Sample) -> String {
    let insns = (0..sample.text.len() / 8).map(|pc| (pc, decode(&sample.text, pc)));
    let insns = insns.map(|(pc, insn)| match insn {
        Ok(insn) => format!("{pc:5}  {insn:?}\n"),
        Err(error) => format!("{pc:5}  ({error})\n"),
    });
    format!("{:?}\n{}", sample.kind, insns.collect::<String>())
}
