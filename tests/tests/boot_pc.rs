//! The pc image on QEMU's machines: it runs the examples on each, with little memory and much; it catches its
//! own faults; it ends by itself, with and without a device for its exit status.

use std::path::{Path, PathBuf};
use std::process::Command;

use kernel_report::Record;
use tests::demand::assert_as_manifest_says;
use tests::given::{Given, scratch};
use tests::initrd;
use tests::qemu::{Boot, Pc, Vm, pc_status};
use tests::report::Report;

/// The examples, packed for the test of this name.
fn demo(given: &Given, test: &str) -> (PathBuf, Vec<u8>) {
    let file = scratch("boot_pc").join(format!("{test}.cpio"));
    let initrd = initrd::demo(given, &file);
    (file, initrd)
}

#[track_caller]
fn assert_the_examples_ran(boot: &Boot, initrd: &[u8]) {
    boot.assert_exit(pc_status::OK);
    assert_as_manifest_says(&boot.report, initrd);
    assert_eq!(boot.report.writable_executable_pages(), Some(0));
    let Some(Record::Boot { board, profile, .. }) = boot.report.records.first() else {
        panic!("the first record is the boot record:\n{}", boot.text());
    };
    assert_eq!((board.as_str(), profile.as_str()), ("pc", "cloud"));
}

#[test]
fn the_examples_run_on_every_machine_and_with_any_memory() {
    let test = "the_examples_run_on_every_machine_and_with_any_memory";
    let Some(given) = Given::or_skip(test) else { return };
    let (file, initrd) = demo(&given, test);
    for (machine, memory_mib) in
        [(Pc::Q35, 64), (Pc::I440fx, 256), (Pc::Microvm, 1024), (Pc::Q35, 4096), (Pc::Microvm, 64)]
    {
        let boot = Vm::pc(machine, memory_mib, &given.pc).initrd(&file).boot();
        assert_the_examples_ran(&boot, &initrd);
        assert_most_memory_is_free(&boot.report, memory_mib);
    }
}

/// What the kernel keeps of a machine's memory is its image, the code window, tables and stacks: 5 MiB, and a 64th
/// for tables.
#[track_caller]
fn assert_most_memory_is_free(report: &Report, memory_mib: u32) {
    let free = report.text_after("memory: ").and_then(|rest| rest.split_once(" KiB free"));
    let free_kib: u32 = free.and_then(|(number, _)| number.parse().ok()).expect("the free memory is told");
    let memory_kib = memory_mib * 1024;
    assert!(free_kib < memory_kib, "{free_kib} KiB free of {memory_kib}");
    assert!(free_kib > memory_kib - memory_kib / 64 - 5120, "{free_kib} KiB free of {memory_kib}");
}

#[test]
fn four_processors_are_no_different_from_one() {
    let test = "four_processors_are_no_different_from_one";
    let Some(given) = Given::or_skip(test) else { return };
    let (file, initrd) = demo(&given, test);
    for machine in Pc::ALL {
        let boot = Vm::pc(machine, 128, &given.pc).args(&["-smp", "4"]).initrd(&file).boot();
        assert_the_examples_ran(&boot, &initrd);
    }
}

#[test]
fn the_heap_is_all_of_the_memory() {
    let Some(given) = Given::or_skip("the_heap_is_all_of_the_memory") else { return };
    for (machine, memory_mib) in [(Pc::Microvm, 64), (Pc::Q35, 512)] {
        let boot = Vm::pc(machine, memory_mib, &given.pc).append("selftest=heap").boot();
        boot.assert_exit(pc_status::OK);
        let gave = boot.report.text_after("the heap gave ").and_then(|rest| rest.split_once(" MiB and"));
        let gave: u32 = gave.and_then(|(number, _)| number.parse().ok()).expect("what it gave is told");
        // A block takes a little more than its MiB, and the kernel itself has some.
        assert!(gave > memory_mib - memory_mib / 32 - 8, "{gave} MiB of {memory_mib}");
    }
}

/// The image's self tests: name, vector of the exception it causes, and what of it people are told.
const FAULTS: [(&str, &str, &str); 8] = [
    ("null", "page fault", "read, nothing mapped there at 0x0"),
    ("text", "page fault", "write, forbidden there at"),
    ("rodata", "page fault", "write, forbidden there at"),
    ("nx", "page fault", "execution, forbidden there at"),
    ("stack", "double fault", "stack overflow"),
    ("div", "divide error", "(vector 0)"),
    ("ud", "invalid opcode", "(vector 6)"),
    ("gp", "general protection fault", "(vector 13)"),
];

#[test]
fn every_fault_is_caught_and_reported() {
    let Some(given) = Given::or_skip("every_fault_is_caught_and_reported") else { return };
    for (name, vector, told) in FAULTS {
        let boot = Vm::pc(Pc::Microvm, 64, &given.pc).append(&format!("selftest={name}")).boot();
        boot.assert_exit(pc_status::CRASHED);
        let [Record::Exception { vector: found, pc, program: None, .. }] = &boot.report.records[..] else {
            panic!("{name}: one exception record expected:\n{}", boot.text());
        };
        assert_eq!(found, vector, "{name}");
        assert_ne!(*pc, 0, "{name}");
        assert!(boot.report.text_after(told).is_some(), "{name}: no `{told}` in\n{}", boot.text());
        assert!(boot.report.text_after("rip=").is_some(), "{name}: no registers in\n{}", boot.text());
    }
}

#[test]
fn a_fault_while_a_program_runs_names_the_program() {
    let Some(given) = Given::or_skip("a_fault_while_a_program_runs_names_the_program") else { return };
    let boot = Vm::pc(Pc::Microvm, 64, &given.pc).append("selftest=program").boot();
    boot.assert_exit(pc_status::CRASHED);
    let [Record::Exception { program: Some(program), .. }] = &boot.report.records[..] else {
        panic!("one exception record expected:\n{}", boot.text());
    };
    assert_eq!(program, "selftest");
}

#[test]
fn machine_code_cannot_be_written_and_the_heap_cannot_be_executed() {
    let test = "machine_code_cannot_be_written_and_the_heap_cannot_be_executed";
    let Some(given) = Given::or_skip(test) else { return };
    for (name, what) in
        [("code-write", "write, forbidden there"), ("heap-call", "execution, forbidden there")]
    {
        let boot = Vm::pc(Pc::Microvm, 64, &given.pc).append(&format!("selftest={name}")).boot();
        boot.assert_exit(pc_status::CRASHED);
        assert!(boot.text().contains(what), "{name}: {}", boot.text());
        assert!(!boot.text().contains("NOT caught"), "{name}: {}", boot.text());
    }
}

#[test]
fn a_fault_in_machine_code_ends_the_program_and_not_the_image() {
    let Some(given) = Given::or_skip("a_fault_in_machine_code_ends_the_program_and_not_the_image") else {
        return;
    };
    let boot = Vm::pc(Pc::Microvm, 64, &given.pc).append("selftest=code-fault").boot();
    boot.assert_exit(pc_status::OK);
    assert!(boot.text().contains("engine jit: Err(Fault { error: InvalidAccess"), "{}", boot.text());
}

#[test]
fn every_example_runs_as_machine_code() {
    let test = "every_example_runs_as_machine_code";
    let Some(given) = Given::or_skip(test) else { return };
    let (file, _) = demo(&given, test);
    let boot = Vm::pc(Pc::Microvm, 64, &given.pc).initrd(&file).boot();
    let engines = boot.report.records.iter().filter_map(|record| match record {
        Record::Program { name, engine: Some(engine), jited_bytes, .. } => Some((name, engine, *jited_bytes)),
        _ => None,
    });
    let engines: Vec<_> = engines.collect();
    assert!(engines.len() > 4, "{engines:?}");
    for (name, engine, bytes) in engines {
        assert!(engine == "jit" && bytes.is_some_and(|bytes| bytes > 8), "{name}: {engine}, {bytes:?} bytes");
    }
}

#[test]
fn a_panic_is_reported_with_its_place() {
    let Some(given) = Given::or_skip("a_panic_is_reported_with_its_place") else { return };
    let boot = Vm::pc(Pc::Microvm, 64, &given.pc).append("selftest=panic").boot();
    boot.assert_exit(pc_status::CRASHED);
    let [Record::Panic { at, reason }] = &boot.report.records[..] else {
        panic!("one panic record expected:\n{}", boot.text());
    };
    assert!(at.contains(".rs:") && reason == "selftest=panic", "{at}: {reason}");
}

#[test]
fn the_tool_tells_ok_failed_and_crashed_apart_by_its_exit_status() {
    let test = "the_tool_tells_ok_failed_and_crashed_apart_by_its_exit_status";
    let Some(given) = Given::or_skip(test) else { return };
    let (file, _) = demo(&given, test);
    let noise = file.with_file_name("noise.cpio");
    std::fs::write(&noise, [0x55; 1000]).expect("the scratch folder can be written to");
    assert_eq!(skep_boot(&given, &file, &[]), Some(0));
    assert_eq!(skep_boot(&given, &noise, &[]), Some(1));
    for name in ["null", "stack", "panic"] {
        assert_eq!(skep_boot(&given, &file, &["--append", &format!("selftest={name}")]), Some(3), "{name}");
    }
}

fn skep_boot(given: &Given, initrd: &Path, more: &[&str]) -> Option<i32> {
    let mut tool = Command::new(&given.tool);
    tool.args(["--no-install", "boot", "pc", "--machine", "microvm", "--initrd"]).arg(initrd).args(more);
    tool.output().expect("the tool can be started").status.code()
}

#[test]
fn no_initrd_is_refused_and_said_so() {
    let Some(given) = Given::or_skip("no_initrd_is_refused_and_said_so") else { return };
    for machine in Pc::ALL {
        let boot = Vm::pc(machine, 64, &given.pc).boot();
        boot.assert_exit(pc_status::FAILED);
        let [(file, 0, reason)] = boot.report.refusals()[..] else {
            panic!("one refusal expected:\n{}", boot.text());
        };
        assert!(file == "initrd" && reason.contains("there is none"), "{file}: {reason}");
        assert_eq!(boot.report.summary().map(|summary| (summary.ok, summary.loaded)), Some((false, 0)));
    }
}

#[test]
fn the_image_powers_every_machine_off() {
    let test = "the_image_powers_every_machine_off";
    let Some(given) = Given::or_skip(test) else { return };
    let (file, initrd) = demo(&given, test);
    for machine in Pc::ALL {
        let plain = Vm::pc_without_exit_status(machine, 64, &given.pc).initrd(&file);
        // Told of a device for the exit status that the machine does not have.
        let misled =
            Vm::pc_without_exit_status(machine, 64, &given.pc).initrd(&file).append("exit=isa-debug");
        for vm in [plain, misled] {
            let boot = vm.boot();
            boot.assert_exit(0);
            assert_as_manifest_says(&boot.report, &initrd);
        }
    }
}

#[test]
fn an_unknown_self_test_is_refused() {
    let Some(given) = Given::or_skip("an_unknown_self_test_is_refused") else { return };
    let boot = Vm::pc(Pc::Microvm, 64, &given.pc).append("selftest=nothing").boot();
    boot.assert_exit(pc_status::FAILED);
    assert!(boot.report.text_after("no test is named nothing").is_some(), "{}", boot.text());
}
