//! A thousand damaged initrds: on the host, on the pc and on the Pi, none makes the image panic, fault or hang,
//! and each that matters is answered by a record that says what is wrong.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;
use std::{fs, iter};

use kernel_core::Outcome;
use tests::archive::{self, File};
use tests::fake_board;
use tests::given::{Given, say, scratch};
use tests::initrd;
use tests::insn::{
    Size, Slot, Source, Width, add, call, call_local, copy, exit, jump_if, load, load_imm, mov, store_imm,
};
use tests::mutation::{Answer, Base, Mutant, judge};
use tests::object_file::Draft;
use tests::qemu::{Boot, End, Pc, Vm, pc_status, rpi3_status};
use tests::report::Report;

const MUTANTS: u64 = 1000;
/// Machines at a time.
const AT_A_TIME: usize = 2;

/// Every program's result is expected, one is to be rejected, and the run is short.
const MANIFEST: &str = "skep-manifest 1\nrun_for=10000000\n\
    program object=counters.o program=count_first priority=high expect=110\n\
    program object=counters.o program=count_both expect=57\n\
    program object=heartbeat.o program=heartbeat trigger=every:5000000 deadline=4000000 expect=0\n\
    program object=packet_counter.o program=packet_counter trigger=xdp packets=packets.pcap expect=2\n\
    program object=reject_null.o program=reject_null expect=rejected\n";

/// Some of the examples, as clang compiles them.
fn compiled_base(given: &Given) -> Base {
    const NAMES: [&str; 5] =
        ["counters.o", "heartbeat.o", "packet_counter.o", "packets.pcap", "reject_null.o"];
    let demo = initrd::demo(given, &folder().join("demo.cpio"));
    let take = |name: &&str| File::new(name, archive::file(&demo, name).expect("the demo has it"));
    let mut files: Vec<_> = NAMES.iter().map(take).collect();
    files.push(File::new("manifest", MANIFEST));
    Base::new(archive::write(&files))
}

/// The same kind of initrd without a compiler: a map, a call, a packet, and a program to be rejected.
fn written_base() -> Base {
    let counting = counting();
    let object = Draft::default()
        .array("sums", 8, 4)
        .program_with_maps("syscall", "sum", &counting, &[(3, "sums")])
        .program("timer/5ms", "tick", &[load(Size::DW, 0, 1, 16), exit()])
        .program("xdp", "pass", &[mov(0, 2), exit()])
        .build();
    let endless = Draft::default().program("syscall", "endless", &[mov(0, 0), tests::insn::jump(-2)]).build();
    let manifest = "skep-manifest 1\nrun_for=10000000\n\
        program object=a.o program=sum expect=7\n\
        program object=a.o program=tick expect=5000000\n\
        program object=a.o program=pass trigger=xdp packets=two.pcap expect=2\n\
        program object=b.o program=endless expect=rejected\n";
    let mut capture = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1].map(u32::to_le_bytes).concat();
    for length in [60, 64] {
        capture.extend([0, 0, length, length].map(u32::to_le_bytes).concat());
        capture.extend(vec![0xaa; length as usize]);
    }
    Base::new(archive::write(&[
        File::new("a.o", object),
        File::new("b.o", endless),
        File::new("two.pcap", capture),
        File::new("manifest", manifest),
    ]))
}

/// Looks a value up, stores 7 in it by a function of its own, and returns it.
fn counting() -> Vec<Slot> {
    let [low, high] = load_imm(1, 0);
    let caller = [
        store_imm(Size::W, 10, -4, 3),
        copy(2, 10),
        add(2, -4),
        low,
        high,
        call(1),
        jump_if(Width::W64, 0x50, 0, Source::Imm(0), 1),
        exit(),
        copy(6, 0),
        copy(1, 0),
        call_local(2),
        load(Size::DW, 0, 6, 0),
        exit(),
    ];
    let function = [store_imm(Size::DW, 1, 0, 7), mov(0, 0), exit()];
    [&caller[..], &function].concat()
}

fn folder() -> PathBuf {
    scratch("mutations")
}

/// Keeps a mutant that failed, and tells how to see it again.
fn failed(board: &str, mutant: &Mutant, why: &str, log: &str) -> String {
    let file = folder().join(format!("{board}-{}.cpio", mutant.seed));
    fs::write(&file, &mutant.bytes).expect("the scratch folder can be written to");
    let tail: Vec<_> = log.lines().rev().take(12).collect();
    let mut text =
        format!("seed {} on {board} ({}): {why}\n  initrd: {}", mutant.seed, mutant.what, file.display());
    for line in tail.iter().rev() {
        write!(text, "\n  | {line}").expect("a string takes everything");
    }
    text
}

/// What came of many mutants.
#[derive(Default)]
struct Outcomes {
    answers: BTreeMap<Answer, usize>,
    failures: Vec<String>,
}

impl Outcomes {
    fn add(&mut self, judged: Result<Answer, String>) {
        match judged {
            Ok(answer) => *self.answers.entry(answer).or_default() += 1,
            Err(failure) => self.failures.push(failure),
        }
    }

    #[track_caller]
    fn assert_answered(&self, place: &str, begin: Instant) {
        let Self { answers, failures } = self;
        assert!(failures.is_empty(), "{} mutants failed:\n{}", failures.len(), failures.join("\n"));
        assert_eq!(answers.values().sum::<usize>() as u64, MUTANTS);
        let refused = answers.get(&Answer::Refused).copied().unwrap_or_default() as u64;
        assert!(refused > MUTANTS / 3, "the damage does little: {answers:?}");
        let seconds = begin.elapsed().as_secs_f64();
        say(format_args!("{MUTANTS} damaged initrds on {place} in {seconds:.1} s: {answers:?}"));
    }
}

fn host(base: &Base) -> Outcomes {
    let right = fake_board::boot(base.archive().to_vec());
    assert_eq!(right.outcome, Outcome::Ok, "the base is right: {}", String::from_utf8_lossy(&right.log));
    let mut outcomes = Outcomes::default();
    for mutant in (0..MUTANTS).map(|seed| base.mutant(seed)) {
        let boot = catch_unwind(AssertUnwindSafe(|| fake_board::boot(mutant.bytes.clone())));
        let (judged, log) = match boot {
            Ok(boot) => (judge(mutant.demand, &boot.report, &right.report), boot.log),
            Err(_) => (Err("the supervisor panicked; see above".into()), Vec::new()),
        };
        let log = String::from_utf8_lossy(&log);
        outcomes.add(judged.map_err(|why| failed("host", &mutant, &why, &log)));
    }
    outcomes
}

#[test]
fn a_thousand_damaged_initrds_on_the_host() {
    let given = Given::or_skip("the half of the mutants on the host that is compiled by clang");
    for base in iter::once(written_base()).chain(given.as_ref().map(compiled_base)) {
        let begin = Instant::now();
        host(&base).assert_answered("the host", begin);
    }
}

/// How a board is booted, and how it ends.
struct Board {
    name: &'static str,
    ok: i32,
    failed: i32,
    boot: fn(&Given, Option<&Path>) -> Boot,
}

const PC: Board = Board {
    name: "pc",
    ok: pc_status::OK,
    failed: pc_status::FAILED,
    boot: |given, initrd| with_initrd(Vm::pc(Pc::Microvm, 64, &given.pc), initrd).boot(),
};

const RPI3: Board = Board {
    name: "rpi3",
    ok: rpi3_status::OK,
    failed: rpi3_status::FAILED,
    boot: |given, initrd| with_initrd(Vm::rpi3(&given.rpi3), initrd).boot(),
};

fn with_initrd(vm: Vm, initrd: Option<&Path>) -> Vm {
    initrd.into_iter().fold(vm, Vm::initrd)
}

impl Board {
    /// Boots bytes as an initrd. QEMU takes no empty file for one, and none is the same to the image.
    fn boot(&self, given: &Given, bytes: &[u8], file: &Path) -> Boot {
        fs::write(file, bytes).expect("the scratch folder can be written to");
        (self.boot)(given, Some(file).filter(|_| !bytes.is_empty()))
    }

    fn judge(&self, boot: &Boot, mutant: &Mutant, base: &Report) -> Result<Answer, String> {
        let answer =
            judge(mutant.demand, &boot.report, base).map_err(|why| format!("{why}; {:?}", boot.end))?;
        let status =
            if boot.report.summary().is_some_and(|summary| summary.ok) { self.ok } else { self.failed };
        if boot.end == End::Exit(status) { Ok(answer) } else { Err(format!("it ended by {:?}", boot.end)) }
    }

    /// Boots every mutant, some at a time, and returns what came of them.
    fn boot_mutants(&self, given: &Given, base: &Base) -> Outcomes {
        let right = self.boot(given, base.archive(), &folder().join(format!("{}-base.cpio", self.name)));
        right.assert_exit(self.ok);
        let (next, outcomes) = (AtomicU64::new(0), Mutex::new(Outcomes::default()));
        let work = |worker: usize| {
            let file = folder().join(format!("{}-worker-{worker}.cpio", self.name));
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= MUTANTS {
                    return;
                }
                let mutant = base.mutant(seed);
                let boot = self.boot(given, &mutant.bytes, &file);
                let judged = self.judge(&boot, &mutant, &right.report);
                let judged = judged.map_err(|why| failed(self.name, &mutant, &why, &boot.text()));
                outcomes.lock().expect("no worker panics").add(judged);
            }
        };
        thread::scope(|scope| (0..AT_A_TIME).for_each(|worker| drop(scope.spawn(move || work(worker)))));
        outcomes.into_inner().expect("no worker panics")
    }

    fn assert_mutants_are_answered(&self, test: &str) {
        let Some(given) = Given::or_skip(test) else { return };
        let begin = Instant::now();
        self.boot_mutants(&given, &compiled_base(&given)).assert_answered(self.name, begin);
    }
}

#[test]
fn a_thousand_damaged_initrds_on_the_pc() {
    PC.assert_mutants_are_answered("a_thousand_damaged_initrds_on_the_pc");
}

#[test]
fn a_thousand_damaged_initrds_on_the_pi() {
    RPI3.assert_mutants_are_answered("a_thousand_damaged_initrds_on_the_pi");
}

#[test]
fn a_mutant_is_made_from_its_seed_alone() {
    let base = written_base();
    for seed in 0..64 {
        let [first, second] = [base.mutant(seed), base.mutant(seed)];
        assert_eq!((first.what, &first.bytes), (second.what, &second.bytes));
    }
    let mutants: Vec<_> = (0..MUTANTS).map(|seed| base.mutant(seed).bytes).collect();
    let changed = mutants.iter().filter(|bytes| **bytes != base.archive()).count();
    assert!(changed > 950, "only {changed} mutants differ from their base");
}
