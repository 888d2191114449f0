//! What the verifier says of every instruction is true.
//!
//! Random and mutated programs, half of them mostly loops. Each that is accepted runs in [`tests::flat`]; before
//! every instruction the machine must be in one of the states that the verifier told of
//! ([`tests::membership`]). Both with addresses open and with addresses secret.
//!
//! `SKEP_SOUNDNESS_PROGRAMS` says how many programs, `SKEP_SOUNDNESS_SEED` the seed of the first.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use kernel_bpf::context::ProgramKind;
use kernel_bpf::insn::decode;
use kernel_bpf::maps::{MapDef, MapKind};
use kernel_bpf::profile::ActiveProfile;
use kernel_bpf::verifier::{Addresses, Observer, verify_with};
use kernel_bpf::{BpfProgram, Rejection, Verified};
use tests::flat;
use tests::generator::{self, Sample};
use tests::machine::{Keys, World};
use tests::membership::{TooLong, Watch};
use tests::mutation::programs::mutate;
use tests::random::{Random, edge};

/// How many programs a plain `cargo test` tries.
const PROGRAMS: u64 = 2_000;
const INPUTS: usize = 4;
const WORKSPACE_WORDS: usize = 1 << 17;

type Proven<'a> = Verified<'a, ActiveProfile>;

#[test]
fn every_machine_is_in_a_state_that_the_verifier_told_of() {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let programs = number("SKEP_SOUNDNESS_PROGRAMS").unwrap_or(PROGRAMS);
    let first = number("SKEP_SOUNDNESS_SEED").unwrap_or(0);
    let defs = generator::maps();
    let judges = std::thread::available_parallelism().map_or(1, usize::from);
    let tally = std::thread::scope(|scope| {
        let judge = |number: usize| {
            let mut judge = Judge::new(&defs);
            (first..first + programs).skip(number).step_by(judges).for_each(|seed| judge.judge(seed));
            judge.tally
        };
        let others: Vec<_> = (1..judges).map(|number| scope.spawn(move || judge(number))).collect();
        let others = others.into_iter().map(|judge| judge.join().expect("a judge has ended"));
        others.fold(judge(0), Tally::and)
    });
    let share = 100.0 * tally.accepted as f64 / tally.programs as f64;
    println!(
        "{} programs, {} accepted ({share:.1} %), {} not decided so soon, {} with too many states to keep; {} runs, {} instructions, \
         {} defects",
        tally.programs,
        tally.accepted,
        tally.too_long,
        tally.too_large,
        tally.runs,
        tally.insns,
        tally.defects.len()
    );
    println!("{:?}", tally.refusals);
    assert!(tally.defects.is_empty(), "{}", tally.defects.join("\n"));
    assert!(share >= 30.0, "too few programs are accepted to say much");
}

#[derive(Default)]
struct Tally {
    programs: u64,
    accepted: u64,
    too_long: u64,
    too_large: u64,
    runs: u64,
    insns: u64,
    refusals: BTreeMap<String, u64>,
    defects: Vec<String>,
}

impl Tally {
    fn and(mut self, mut other: Self) -> Self {
        self.programs += other.programs;
        self.accepted += other.accepted;
        self.too_long += other.too_long;
        self.too_large += other.too_large;
        self.runs += other.runs;
        self.insns += other.insns;
        self.defects.append(&mut other.defects);
        for (reason, count) in other.refusals {
            *self.refusals.entry(reason).or_default() += count;
        }
        self
    }
}

/// The program of a seed.
fn sample(seed: u64) -> Sample {
    let mut random = Random::seeded(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
    let base = if random.below(3) == 0 { generator::program(seed) } else { generator::loops::program(seed) };
    if random.below(3) == 0 { mutate(&base, &mut random) } else { base }
}

struct Judge<'d> {
    defs: &'d [MapDef<'d>],
    workspace: Vec<u64>,
    tally: Tally,
}

impl<'d> Judge<'d> {
    fn new(defs: &'d [MapDef<'d>]) -> Self {
        Self { defs, workspace: vec![0; WORKSPACE_WORDS], tally: Tally::default() }
    }

    fn judge(&mut self, seed: u64) {
        let sample = sample(seed);
        for addresses in [Addresses::Open, Addresses::Secret] {
            self.tally.programs += 1;
            if let Err(defect) = self.judge_sample(seed, &sample, addresses) {
                let defect = format!("seed {seed}, {addresses:?}: {defect}\n{}", listing(&sample));
                self.tally.defects.push(defect);
            }
        }
    }

    fn judge_sample(&mut self, seed: u64, sample: &Sample, addresses: Addresses) -> Result<(), String> {
        let mut watch = Watch::default();
        let decision = catch_unwind(AssertUnwindSafe(|| {
            decide(sample, self.defs, &mut self.workspace, addresses, &mut watch)
        }));
        let proven = match decision {
            Ok(Ok(proven)) => proven,
            Ok(Err(rejection)) => {
                let reason = format!("{:?}", rejection.reason);
                let name = reason.split(['(', ' ']).next().unwrap_or_default();
                *self.tally.refusals.entry(name.to_owned()).or_default() += 1;
                return Ok(());
            }
            Err(payload) if payload.is::<TooLong>() => {
                self.tally.too_long += 1;
                return Ok(());
            }
            Err(_) => return Err("the verifier panics".into()),
        };
        self.tally.accepted += 1;
        let Some(mut claims) = watch.finish(&sample.text, addresses) else {
            self.tally.too_large += 1;
            return Ok(());
        };
        let mut random = Random::seeded(!seed);
        for _ in 0..INPUTS {
            let world = self.world(sample, &mut random);
            let limit = proven.wcet_insns();
            let machine = flat::run(&sample.text, self.defs, world, random.number(), limit, &mut claims)?;
            if machine.stack > proven.stack() {
                return Err(format!("{} bytes of stack, proven {}", machine.stack, proven.stack()));
            }
            self.tally.runs += 1;
            self.tally.insns += machine.insns;
        }
        Ok(())
    }

    fn world(&self, sample: &Sample, random: &mut Random) -> World {
        let kind = sample.kind;
        let len = match kind {
            ProgramKind::Memory { size } => size as usize,
            kind if kind.takes_packet() => match random.below(3) {
                0 if !sample.lengths.is_empty() => *random.pick(&sample.lengths),
                1 => random.below(64),
                _ => random.below(600),
            },
            kind => kind.layout().size.into(),
        };
        let input = numbers(len, random);
        let maps = self.defs.iter().map(|def| {
            let bytes = def.value_size.next_multiple_of(8) as usize * def.max_entries as usize;
            match def.initial {
                Some(initial) if def.access == kernel_bpf::object::MapAccess::ReadOnly => {
                    [initial, &vec![0; bytes - initial.len()]].concat()
                }
                _ => numbers(bytes, random),
            }
        });
        World { kind, input, maps: maps.collect(), keys: self.keys() }
    }

    /// Tables have two keys.
    fn keys(&self) -> Vec<Keys> {
        let keys = self.defs.iter().map(|def| {
            let mut keys = Keys::of(def);
            if def.kind == MapKind::Hash {
                for key in 0..2u64 {
                    keys.insert(&key.to_le_bytes()[..def.key_size as usize]);
                }
            }
            keys
        });
        keys.collect()
    }
}

fn numbers(len: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| edge(random).to_le_bytes()).collect();
    bytes.truncate(len);
    bytes
}

fn decide<'a>(
    sample: &'a Sample,
    defs: &'a [MapDef<'a>],
    workspace: &mut [u64],
    addresses: Addresses,
    observer: &mut dyn Observer,
) -> Result<Proven<'a>, Rejection> {
    let program = BpfProgram::new(&sample.text, 0, sample.insn_count, sample.kind, defs);
    let program = program.expect("a program of a few instructions");
    verify_with(program, workspace, addresses, Some(observer))
}

fn listing(sample: &Sample) -> String {
    let insns = (0..sample.text.len() / 8).map(|pc| (pc, decode(&sample.text, pc)));
    let insns = insns.map(|(pc, insn)| match insn {
        Ok(insn) => format!("{pc:5}  {insn:?}\n"),
        Err(error) => format!("{pc:5}  ({error})\n"),
    });
    format!("{:?}\n{}", sample.kind, insns.collect::<String>())
}
