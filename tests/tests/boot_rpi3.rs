//! The Pi image on QEMU's raspi3b: entered at every exception level a loader may leave, with and without a device
//! tree, twice the same to the bit; and what programs return is the same as on the pc.

use std::path::PathBuf;

use kernel_report::Record;
use tests::demand::assert_as_manifest_says;
use tests::device_tree;
use tests::given::{Given, scratch};
use tests::initrd;
use tests::qemu::{Boot, Pc, Vm, pc_status, rpi3_status};

fn demo(given: &Given, test: &str) -> (PathBuf, Vec<u8>) {
    let file = scratch("boot_rpi3").join(format!("{test}.cpio"));
    let initrd = initrd::demo(given, &file);
    (file, initrd)
}

/// A device tree for QEMU to fill in.
fn dtb(test: &str) -> PathBuf {
    let file = scratch("boot_rpi3").join(format!("{test}.dtb"));
    std::fs::write(&file, device_tree::smallest()).expect("the scratch folder can be written to");
    file
}

#[track_caller]
fn assert_the_examples_ran(boot: &Boot, initrd: &[u8]) {
    boot.assert_exit(rpi3_status::OK);
    assert_as_manifest_says(&boot.report, initrd);
    assert_eq!(boot.report.writable_executable_pages(), Some(0));
    let Some(Record::Boot { board, profile, .. }) = boot.report.records.first() else {
        panic!("the first record is the boot record:\n{}", boot.text());
    };
    assert_eq!((board.as_str(), profile.as_str()), ("rpi3", "embedded"));
    assert_the_pool_was_used(boot);
}

#[track_caller]
fn assert_the_pool_was_used(boot: &Boot) {
    const POOL_BYTES: u64 = 64 * 1024;
    let memory = boot.report.records.iter().find_map(|record| match *record {
        Record::Memory { pool_high, heap_high, .. } => Some((pool_high, heap_high)),
        _ => None,
    });
    let Some((1..=POOL_BYTES, 0)) = memory else {
        panic!("maps and stacks are in the pool, and there is no heap: {memory:?}");
    };
}

#[track_caller]
fn assert_said(boot: &Boot, words: &str) {
    assert!(boot.report.text_after(words).is_some(), "no `{words}` in\n{}", boot.text());
}

#[test]
fn the_examples_run_at_el2_without_a_device_tree() {
    let test = "the_examples_run_at_el2_without_a_device_tree";
    let Some(given) = Given::or_skip(test) else { return };
    let (file, initrd) = demo(&given, test);
    let boot = Vm::rpi3(&given.rpi3).initrd(&file).boot();
    assert_the_examples_ran(&boot, &initrd);
    assert_said(&boot, "entered at EL2");
    assert_said(&boot, "no device tree)");
}

#[test]
fn the_examples_run_at_el2_with_a_device_tree() {
    let test = "the_examples_run_at_el2_with_a_device_tree";
    let Some(given) = Given::or_skip(test) else { return };
    let (file, initrd) = demo(&given, test);
    let boot = Vm::rpi3(&given.rpi3).initrd(&file).dtb(&dtb(test)).boot();
    assert_the_examples_ran(&boot, &initrd);
    assert_said(&boot, "entered at EL2");
    assert_said(&boot, &format!("initrd: {} bytes (device tree)", initrd.len()));
}

#[test]
fn the_examples_run_at_el3_where_all_four_cores_enter() {
    let test = "the_examples_run_at_el3_where_all_four_cores_enter";
    let Some(given) = Given::or_skip(test) else { return };
    let (file, initrd) = demo(&given, test);
    // QEMU loads no initrd behind an ELF.
    let loader = format!("loader,file={},addr=0x08000000,force-raw=on", file.display());
    let boot = Vm::rpi3(&given.rpi3_symbols).args(&["-device", &loader]).boot();
    assert_the_examples_ran(&boot, &initrd);
    assert_said(&boot, "entered at EL3");
}

#[test]
fn the_examples_run_at_el1_where_all_four_cores_enter() {
    let test = "the_examples_run_at_el1_where_all_four_cores_enter";
    let Some(given) = Given::or_skip(test) else { return };
    let (file, initrd) = demo(&given, test);
    let boot = Vm::rpi3_at_el1(&given.rpi3, &file, &file.with_extension("stub")).boot();
    assert_the_examples_ran(&boot, &initrd);
    assert_said(&boot, "entered at EL1");
}

#[test]
fn the_examples_run_in_real_time_too() {
    let test = "the_examples_run_in_real_time_too";
    let Some(given) = Given::or_skip(test) else { return };
    let (file, initrd) = demo(&given, test);
    let boot = Vm::rpi3_in_real_time(&given.rpi3).initrd(&file).boot();
    // A busy host can make a deadline pass, which is a record, and no failure of the manifest's.
    assert_the_examples_ran(&boot, &initrd);
}

#[test]
fn two_runs_under_icount_are_the_same_to_the_bit() {
    let test = "two_runs_under_icount_are_the_same_to_the_bit";
    let Some(given) = Given::or_skip(test) else { return };
    let (file, _) = demo(&given, test);
    let [first, second] = [(); 2].map(|()| Vm::rpi3(&given.rpi3).initrd(&file).boot());
    first.assert_exit(rpi3_status::OK);
    assert!(first.log.len() > 1000, "a report was written");
    assert_eq!(first.text(), second.text());
}

/// The image's self tests: name, the exception it causes, and what of it people are told.
const FAULTS: [(&str, &str, &str); 5] = [
    ("null", "data abort", "read: nothing mapped"),
    ("text", "data abort", "write: no permission"),
    ("nx", "instruction abort", "fetch: no permission"),
    ("stack", "stack overflow", "stack overflow"),
    ("undef", "undefined instruction", "undefined instruction"),
];

#[test]
fn every_fault_is_caught_and_reported() {
    let test = "every_fault_is_caught_and_reported";
    let Some(given) = Given::or_skip(test) else { return };
    let dtb = dtb(test);
    for (name, vector, told) in FAULTS {
        let boot = Vm::rpi3(&given.rpi3).dtb(&dtb).append(&format!("selftest={name}")).boot();
        boot.assert_exit(rpi3_status::CRASHED);
        let [Record::Exception { vector: found, program: None, .. }] = &boot.report.records[..] else {
            panic!("{name}: one exception record expected:\n{}", boot.text());
        };
        assert_eq!(found, vector, "{name}");
        assert_said(&boot, told);
        assert_said(&boot, "elr 0x");
    }
}

#[test]
fn a_fault_while_a_program_runs_names_the_program() {
    let test = "a_fault_while_a_program_runs_names_the_program";
    let Some(given) = Given::or_skip(test) else { return };
    let boot = Vm::rpi3(&given.rpi3).dtb(&dtb(test)).append("selftest=program").boot();
    boot.assert_exit(rpi3_status::CRASHED);
    let [Record::Exception { program: Some(program), .. }] = &boot.report.records[..] else {
        panic!("one exception record expected:\n{}", boot.text());
    };
    assert_eq!(program, "selftest");
}

#[test]
fn an_unknown_self_test_is_refused() {
    let test = "an_unknown_self_test_is_refused";
    let Some(given) = Given::or_skip(test) else { return };
    let boot = Vm::rpi3(&given.rpi3).dtb(&dtb(test)).append("selftest=nothing").boot();
    boot.assert_exit(rpi3_status::FAILED);
    assert_said(&boot, "no test is named nothing");
}

#[test]
fn a_panic_is_reported_with_its_place() {
    let test = "a_panic_is_reported_with_its_place";
    let Some(given) = Given::or_skip(test) else { return };
    let boot = Vm::rpi3(&given.rpi3).dtb(&dtb(test)).append("selftest=panic").boot();
    boot.assert_exit(rpi3_status::CRASHED);
    let [Record::Panic { at, reason }] = &boot.report.records[..] else {
        panic!("one panic record expected:\n{}", boot.text());
    };
    assert!(at.contains(".rs:") && reason.contains("selftest"), "{at}: {reason}");
}

#[test]
fn sleeping_ends_on_time_by_the_timer_interrupt() {
    let test = "sleeping_ends_on_time_by_the_timer_interrupt";
    let Some(given) = Given::or_skip(test) else { return };
    let boot = Vm::rpi3(&given.rpi3).dtb(&dtb(test)).append("selftest=sleep").boot();
    let said = |length_ns: u64| {
        let words = boot.report.text_after(&format!("slept {length_ns} ns, "));
        words.unwrap_or_else(|| panic!("nothing about {length_ns} ns in\n{}", boot.text()))
    };
    for length_ns in [1_000_000, 250_000_000] {
        let words = said(length_ns);
        let late = words.split_once(" ns late").and_then(|(number, _)| number.parse::<u64>().ok());
        assert!(late.is_some_and(|late_ns| late_ns < 5_000), "{words}");
        assert!(words.contains("1 alarm interrupts"), "{words}");
    }
}

#[test]
fn no_initrd_is_refused_and_said_so() {
    let test = "no_initrd_is_refused_and_said_so";
    let Some(given) = Given::or_skip(test) else { return };
    for vm in [Vm::rpi3(&given.rpi3), Vm::rpi3(&given.rpi3).dtb(&dtb(test))] {
        let boot = vm.boot();
        boot.assert_exit(rpi3_status::FAILED);
        let [("initrd", 0, reason)] = boot.report.refusals()[..] else {
            panic!("one refusal expected:\n{}", boot.text());
        };
        assert!(reason.contains("there is none"), "{reason}");
    }
}

#[test]
fn every_program_returns_the_same_on_both_boards() {
    let test = "every_program_returns_the_same_on_both_boards";
    let Some(given) = Given::or_skip(test) else { return };
    let (file, _) = demo(&given, test);
    let pc = Vm::pc(Pc::Q35, 256, &given.pc).initrd(&file).boot();
    pc.assert_exit(pc_status::OK);
    let rpi3 = Vm::rpi3(&given.rpi3).initrd(&file).boot();
    rpi3.assert_exit(rpi3_status::OK);
    let (on_pc, on_rpi3) = (pc.report.results(), rpi3.report.results());
    assert!(on_rpi3.len() >= 7 && on_rpi3.values().map(Vec::len).sum::<usize>() >= 16, "{on_rpi3:?}");
    assert!(on_pc.keys().eq(on_rpi3.keys()), "{on_pc:?} {on_rpi3:?}");
    for (program, results) in &on_pc {
        // In real time, the last runs of a periodic program may be missing.
        let common = results.len().min(on_rpi3[program].len());
        assert_eq!(results[..common], on_rpi3[program][..common], "{program:?}");
    }
    assert_eq!(pc.report.verdicts(), rpi3.report.verdicts());
}

/// Flashes of the light in `seconds` of the board's time, by QEMU's log: the firmware it plays knows no such pin, and
/// says so for each switch.
fn switches(given: &Given, test: &str, words: &[&str], initrd: Option<&std::path::Path>) -> (usize, Boot) {
    let folder = scratch("boot_rpi3");
    let log = folder.join(format!("{test}.log"));
    let log_name = log.display().to_string();
    let mut vm =
        Vm::rpi3_alone(&given.rpi3).dtb(&dtb(test)).args(&["-d", "unimp,guest_errors", "-D", &log_name]);
    for word in words {
        vm = vm.append(word);
    }
    if let Some(initrd) = initrd {
        vm = vm.initrd(initrd);
    }
    let boot = vm.limit(std::time::Duration::from_secs(4)).boot();
    let log = std::fs::read_to_string(log).expect("QEMU wrote its log");
    (log.matches("0x00038041").count(), boot)
}

#[test]
fn on_a_board_the_light_goes_on_after_the_end_and_the_report_is_complete() {
    let test = "on_a_board_the_light_goes_on_after_the_end_and_the_report_is_complete";
    let Some(given) = Given::or_skip(test) else { return };
    let (file, initrd) = demo(&given, test);
    let (count, boot) = switches(&given, test, &[], Some(&file));
    assert_eq!(boot.end, tests::qemu::End::Hang, "nobody takes the exit status:\n{}", boot.text());
    assert_as_manifest_says(&boot.report, &initrd);
    // The four waits between five beats of a 20 ms program, and blinking for ever after.
    assert!(count > 20, "{count} switches");
    let (count, boot) = switches(&given, test, &["selftest=panic"], None);
    let [Record::Panic { .. }] = &boot.report.records[..] else {
        panic!("one panic record expected:\n{}", boot.text());
    };
    assert!(count > 20, "{count} switches");
}
