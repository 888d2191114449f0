//! Random programs: what the verifier accepts does the same as machine code as in the interpreter.
//!
//! `SKEP_JIT_PROGRAMS` says how many programs, `SKEP_JIT_SEED` the seed of the first.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use kernel_bpf::context::ProgramKind;
use kernel_bpf::helpers::Services;
use kernel_bpf::insn::decode;
use kernel_bpf::interpreter::MAX_FRAMES;
use kernel_bpf::jit::{NoCode, Passes};
use kernel_bpf::maps::{Map, MapDef, MapKind};
use kernel_bpf::profile::{ActiveProfile, PhysicalProfile};
use kernel_bpf::{BpfProgram, Executable, Input, RunSpace, Verified, verify};
use tests::compiled::compiled;
use tests::generator::adversarial::{self, Left};
use tests::generator::{self, Sample};
use tests::random::Random;

type LiveMap = Map<<ActiveProfile as PhysicalProfile>::MemoryStrategy>;

/// How many programs a plain `cargo test` tries.
const PROGRAMS: u64 = if cfg!(debug_assertions) { 20_000 } else { 50_000 };
const INPUTS: usize = 4;

/// A world that does the same in every run.
#[derive(Default)]
struct Recorded {
    seed: u64,
    calls: Cell<u64>,
    text: String,
}

impl Recorded {
    fn number(&self) -> u64 {
        self.calls.set(self.calls.get() + 1);
        Random::seeded(self.seed ^ self.calls.get()).number()
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

/// What a run leaves behind.
#[derive(Debug, PartialEq)]
struct Trace {
    r0: u64,
    printed: String,
    memory: Vec<u8>,
    packet: Vec<u8>,
    maps: Vec<Vec<u8>>,
}

struct Judge<'d> {
    defs: &'d [MapDef<'d>],
    maps: &'d [&'d LiveMap],
    space: RunSpace<ActiveProfile>,
    workspace: Vec<u64>,
    /// Memory for plain functions: at one address, which they may tell.
    memory: Vec<Cell<u8>>,
    /// Fills the stack: programs may read what nobody wrote.
    filler: Verified<'d, ActiveProfile>,
    accepted: u64,
    /// Programs without machine code, by the reason.
    interpreted: BTreeMap<String, u64>,
    defects: Vec<String>,
}

impl<'d> Judge<'d> {
    fn new(defs: &'d [MapDef<'d>], maps: &'d [&'d LiveMap], filler: &'d Sample) -> Self {
        let mut workspace = vec![0; 1 << 17];
        let program = BpfProgram::new(&filler.text, 0, filler.insn_count, filler.kind, defs);
        let filler = verify(program.expect("a program"), &mut workspace).expect("it is safe");
        let space = RunSpace::new(MAX_FRAMES).expect("memory for a stack");
        Self {
            defs,
            maps,
            space,
            workspace,
            memory: vec![Cell::new(0); 256],
            filler,
            accepted: 0,
            interpreted: BTreeMap::new(),
            defects: Vec::new(),
        }
    }

    fn judge(&mut self, seed: u64) {
        let sample = generator::program(seed);
        let program = BpfProgram::new(&sample.text, 0, sample.insn_count, sample.kind, self.defs);
        let Ok(proven) = verify(program.expect("a program"), &mut self.workspace) else { return };
        self.accepted += 1;
        let mut random = Random::seeded(!seed);
        // Mostly everything; now and then some passes are left out.
        let passes = match random.below(4) {
            0 => Passes::NAMES.iter().fold(Passes::ALL, |passes, (_, pass)| match random.below(3) {
                0 => passes.without(*pass),
                _ => passes,
            }),
            _ => Passes::ALL,
        };
        let bind = || Executable::new(proven, self.maps).expect("the maps are those of the proof");
        let machine_code = match compiled(bind(), passes) {
            Ok(executable) => executable,
            // A check that fails is a defect of the compiler; the others say what it does not do.
            Err(reason @ NoCode::Check(_)) => {
                return self.defects.push(format!("seed {seed}: {reason}\n{}", listing(&sample)));
            }
            Err(reason) => return *self.interpreted.entry(reason.to_string()).or_default() += 1,
        };
        let interpreted = bind();
        let mut wrong = Vec::new();
        for _ in 0..INPUTS {
            let (world, seed) = (World::of(&sample, self.defs, &mut random), random.number());
            let one = self.run(&interpreted, &world, seed);
            let two = self.run(&machine_code, &world, seed);
            if one != two {
                wrong.push(differences(&one, &two));
                break;
            }
        }
        self.defects.extend(
            wrong.iter().map(|defect| format!("seed {seed} {passes:x?}: {defect}\n{}", listing(&sample))),
        );
    }

    fn run(
        &self,
        executable: &Executable<'_, ActiveProfile>,
        world: &World,
        seed: u64,
    ) -> Result<Trace, String> {
        let filler = Executable::new(self.filler, self.maps).expect("the maps are those of the proof");
        let filled = filler.run(&self.space, Input::Context(&[]), &mut Recorded::default());
        filled.map_err(|fault| fault.to_string())?;
        self.space.packet().iter().for_each(|cell| cell.set(0));
        for ((map, def), bytes) in self.maps.iter().zip(self.defs).zip(&world.maps) {
            map.reset(def);
            if def.kind == MapKind::Hash {
                for key in 0..2u64 {
                    map.update(&key.to_le_bytes()[..def.key_size as usize], 0, |_| 0);
                }
            }
            map.values().iter().zip(bytes).for_each(|(cell, &byte)| cell.set(byte));
        }
        let mut services = Recorded { seed, ..Recorded::default() };
        self.memory.iter().zip(&world.input).for_each(|(cell, &byte)| cell.set(byte));
        let kind = executable.verified().kind();
        let input = match kind {
            ProgramKind::Memory { size } => Input::Memory(&self.memory[..size as usize]),
            kind if kind.takes_packet() => Input::Packet(&world.input),
            _ => Input::Context(&world.input),
        };
        let completion =
            executable.run(&self.space, input, &mut services).map_err(|fault| fault.to_string())?;
        let bytes = |cells: &[Cell<u8>]| cells.iter().map(Cell::get).collect::<Vec<_>>();
        let maps = self.maps.iter().map(|map| bytes(map.values())).collect();
        let packet = bytes(self.space.packet());
        let memory = bytes(&self.memory);
        Ok(Trace { r0: completion.r0, printed: services.text, memory, packet, maps })
    }
}

/// Where two runs part, in few words.
fn differences(one: &Result<Trace, String>, two: &Result<Trace, String>) -> String {
    let (Ok(one), Ok(two)) = (one, two) else {
        return format!("interpreter {one:x?}\nmachine code {two:x?}");
    };
    let mut text = format!("r0 0x{:x} and 0x{:x}; {:?} and {:?}", one.r0, two.r0, one.printed, two.printed);
    let buffers = [(&one.memory, &two.memory), (&one.packet, &two.packet)];
    let buffers = buffers.into_iter().chain(one.maps.iter().zip(&two.maps));
    for (number, (one, two)) in buffers.enumerate() {
        if let Some(at) = one.iter().zip(two).position(|(one, two)| one != two) {
            text += &format!("; buffer {number} at {at}: {:x?} and {:x?}", &one[at..], &two[at..]);
        }
    }
    text
}

/// What a run finds.
struct World {
    input: Vec<u8>,
    maps: Vec<Vec<u8>>,
}

impl World {
    fn of(sample: &Sample, defs: &[MapDef<'_>], random: &mut Random) -> Self {
        let len = match sample.kind {
            ProgramKind::Memory { size } => size as usize,
            kind if kind.takes_packet() => match random.below(2) {
                0 if !sample.lengths.is_empty() => *random.pick(&sample.lengths) + random.below(3),
                _ => random.below(200),
            },
            kind => kind.layout().size.into(),
        };
        let maps = defs.iter().map(|def| match def.initial {
            Some(initial) => initial.to_vec(),
            None => numbers(def.value_size as usize * def.max_entries as usize, random),
        });
        let maps = maps.collect();
        Self { input: numbers(len.min(2048), random), maps }
    }
}

/// Bytes of numbers at boundaries, small ones, and any.
fn numbers(len: usize, random: &mut Random) -> Vec<u8> {
    const EDGES: [u64; 6] = [0, 1, 0x7fff_ffff, 0xffff_ffff, 1 << 63, u64::MAX];
    let mut number = || match random.below(3) {
        0 => *random.pick(&EDGES),
        1 => random.number() & 0x3f,
        _ => random.number(),
    };
    let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| number().to_le_bytes()).collect();
    bytes.truncate(len);
    bytes
}

fn listing(sample: &Sample) -> String {
    let insns = (0..sample.text.len() / 8).map(|pc| format!("{pc:5}  {:?}\n", decode(&sample.text, pc)));
    format!("{:?}\n{}", sample.kind, insns.collect::<String>())
}

#[test]
fn what_is_accepted_does_the_same_as_machine_code() {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let programs = number("SKEP_JIT_PROGRAMS").unwrap_or(PROGRAMS);
    let first = number("SKEP_JIT_SEED").unwrap_or(0);
    let defs = generator::maps();
    let filler = adversarial::fill_stack(Left::Addresses);
    let judges = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let (accepted, interpreted, defects) = std::thread::scope(|scope| {
        let judge = |number: u64| {
            let maps: Vec<_> =
                defs.iter().map(|def| LiveMap::new(def).expect("memory for the maps")).collect();
            let maps: Vec<_> = maps.iter().collect();
            let mut judge = Judge::new(&defs, &maps, &filler);
            (first..first + programs)
                .skip(number as usize)
                .step_by(judges as usize)
                .for_each(|seed| judge.judge(seed));
            (judge.accepted, judge.interpreted, judge.defects)
        };
        let others: Vec<_> = (0..judges).map(|number| scope.spawn(move || judge(number))).collect();
        let mut all = (0, BTreeMap::<String, u64>::new(), Vec::new());
        for judge in others {
            let (accepted, interpreted, defects) = judge.join().expect("a judge has ended");
            all.0 += accepted;
            interpreted.into_iter().for_each(|(reason, count)| *all.1.entry(reason).or_default() += count);
            all.2.extend(defects);
        }
        all
    });
    println!(
        "{programs} programs, {accepted} accepted, {} defects, interpreted: {interpreted:?}",
        defects.len()
    );
    assert!(
        defects.is_empty(),
        "{}",
        defects.iter().min_by_key(|defect| defect.len()).map_or("", String::as_str)
    );
    assert!(accepted * 5 >= programs, "too few programs are accepted to say much: {accepted}");
    let without_code: u64 = interpreted.values().sum();
    assert!(without_code * 20 < accepted, "too few programs are compiled to say much: {interpreted:?}");
}
