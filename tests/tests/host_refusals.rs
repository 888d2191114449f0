//! What is wrong with an initrd is refused where it is, with a reason, and the rest of it runs.

use kernel_report::{Record, Verdict};
use tests::fake_board::HostBoot;
use tests::host::{boot_files, counting, manifest, results, returning, summary};
use tests::insn::{Size, Slot, exit, jump, mov, return_imm, store_imm};
use tests::object_file::Draft;

/// Programs that every verifier rejects, each for another reason.
fn rejected_programs() -> [(&'static str, Vec<Slot>); 4] {
    [
        ("reads_r0", vec![exit()]),
        ("endless", vec![mov(0, 0), jump(-2)]),
        ("falls_off", vec![mov(0, 0)]),
        ("below_the_stack", vec![store_imm(Size::DW, 10, -520, 0), mov(0, 0), exit()]),
    ]
}

#[test]
fn a_rejection_is_as_expected_or_a_failure() {
    for (name, code) in rejected_programs() {
        let object = Draft::default().program("syscall", name, &code).build();
        for (expect, ok) in [("expect=rejected", true), ("expect=0", false), ("priority=low", false)] {
            let line = format!("object=a.o program={name} {expect}");
            let boot = boot_files(&[("manifest", &manifest(&[&line])), ("a.o", &object)]);
            let summary = summary(&boot);
            assert_eq!((summary.loaded, summary.rejected, summary.runs), (0, 1, 0), "{name}");
            assert_eq!(summary.ok, ok, "{name} {expect}");
            let told = boot.report.records.iter().any(|record| {
                matches!(record, Record::Program { verdict: Verdict::Reject, expected, reason: Some(reason), .. }
                    if *expected == ok && !reason.is_empty())
            });
            assert!(told, "{name}: {:?}", boot.report.records);
        }
    }
}

#[test]
fn an_acceptance_where_a_rejection_was_expected_is_a_failure() {
    let manifest = manifest(&["object=a.o program=fine expect=rejected"]);
    let boot = boot_files(&[("manifest", &manifest), ("a.o", &returning("fine", 0))]);
    let summary = summary(&boot);
    assert_eq!((summary.loaded, summary.ok), (1, false));
}

#[test]
fn what_the_manifest_names_must_be_there() {
    let object = returning("here", 0);
    for line in ["object=a.o program=elsewhere", "object=b.o program=here"] {
        let manifest = manifest(&["object=a.o program=here", line]);
        let boot = boot_files(&[("manifest", &manifest), ("a.o", &object)]);
        let [("manifest", _, reason)] = boot.report.refusals()[..] else {
            panic!("one refusal expected: {:?}", boot.report.refusals());
        };
        let (object, program) = (&line[7..10], line.rsplit('=').next().unwrap_or_default());
        assert!(reason.contains(object) && reason.contains(program), "{reason}");
        let summary = summary(&boot);
        assert_eq!((summary.runs, summary.ok), (1, false));
    }
}

#[test]
fn the_second_file_of_a_name_is_refused_and_the_first_counts() {
    let boot = boot_files(&[("a.o", &returning("a", 1)), ("./a.o", &returning("a", 2))]);
    let [("a.o", _, reason)] = boot.report.refusals()[..] else {
        panic!("one refusal expected: {:?}", boot.report.refusals());
    };
    assert!(reason.contains("before"), "{reason}");
    assert_eq!(results(&boot, "a"), [1]);
    assert!(!summary(&boot).ok);
}

#[test]
fn a_damaged_file_is_refused_and_the_others_run() {
    let mut damaged = returning("gone", 1);
    damaged[0] = 0;
    let boot = boot_files(&[("bad.o", &damaged), ("good.o", &returning("good", 2))]);
    let [("bad.o", 0, reason)] = boot.report.refusals()[..] else {
        panic!("one refusal expected: {:?}", boot.report.refusals());
    };
    assert!(!reason.is_empty());
    assert_eq!(results(&boot, "good"), [2]);
    assert!(!summary(&boot).ok);
}

#[test]
fn a_bad_manifest_is_refused_and_every_program_runs_once() {
    let boot = boot_files(&[("manifest", b"skep-manifest 1\nprogram what\n"), ("a.o", &returning("a", 1))]);
    let [("manifest", offset, _)] = boot.report.refusals()[..] else {
        panic!("one refusal expected: {:?}", boot.report.refusals());
    };
    assert!((16..29).contains(&offset), "{offset}");
    assert_eq!((results(&boot, "a"), summary(&boot).ok), (vec![1], false));
}

#[test]
fn a_program_whose_map_does_not_fit_is_refused_and_the_others_of_its_object_run() {
    let (code, uses) = counting();
    let huge = Draft::default()
        .array("sums", 1 << 20, 1 << 12)
        .program_with_maps("syscall", "greedy", &code, &uses)
        .program("syscall", "frugal", &return_imm(3))
        .build();
    let boot = boot_files(&[("a.o", &huge), ("b.o", &returning("modest", 1))]);
    let reason = boot.report.rejection("greedy").unwrap();
    assert!(reason.contains("map `sums`: no memory for its 4294967296 bytes"), "{reason}");
    assert_eq!((results(&boot, "modest"), results(&boot, "frugal")), (vec![1], vec![3]));
    let [("a.o", 0, shortage)] = boot.report.refusals()[..] else {
        panic!("one refusal expected: {:?}", boot.report.refusals());
    };
    assert!(shortage.contains("the largest map is `sums` of 4294967296 bytes"), "{shortage}");
    assert!(!summary(&boot).ok);
}

#[test]
fn sixty_five_files_are_one_too_many() {
    let objects: Vec<_> = (0..65).map(|index| (format!("{index:02}.o"), returning("p", index))).collect();
    let files: Vec<_> = objects.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let full = boot_files(&files[..64]);
    assert_eq!((summary(&full).runs, summary(&full).ok), (64, true));
    let over = boot_files(&files);
    let [("initrd", _, reason)] = over.report.refusals()[..] else {
        panic!("one refusal expected: {:?}", over.report.refusals());
    };
    assert!(reason.contains("64"), "{reason}");
    assert_eq!((summary(&over).runs, summary(&over).ok), (64, false));
}

/// Names that are too long for a record, or become so when JSON escapes them.
fn long_names() -> [String; 4] {
    ["x".repeat(1000), "x".repeat(4000), "\u{1}".repeat(250), "\"".repeat(600)]
}

#[track_caller]
fn assert_told(boot: &HostBoot) {
    let summary = summary(boot);
    assert_eq!((summary.ok, summary.lost_lines), (false, 0), "{:?}", boot.report);
}

#[test]
fn a_file_whose_name_fits_no_record_is_refused_by_one_that_does() {
    for name in long_names() {
        let name = format!("{name}.o");
        assert_told(&boot_files(&[(&name, b"no object")]));
        assert_told(&boot_files(&[(&name, &returning("p", 1))]));
    }
}

#[test]
fn a_program_whose_name_fits_no_record_is_refused_by_one_that_does() {
    for name in long_names() {
        assert_told(&boot_files(&[("a.o", &returning(&name, 1))]));
    }
}

/// Three maps that fit one by one, but not together: the pool's 64 KiB are named, with what is missing.
#[test]
#[cfg(feature = "embedded-profile")]
fn maps_that_do_not_fit_the_pool_together_are_refused_by_how_much() {
    let (code, uses) = counting();
    let object = |entries: u32| {
        Draft::default().array("sums", 8, entries).program_with_maps("syscall", "sums", &code, &uses).build()
    };
    let boot = boot_files(&[("a.o", &object(4096)), ("b.o", &object(3000)), ("c.o", &object(2500))]);
    let [("c.o", 0, shortage)] = boot.report.refusals()[..] else {
        panic!("one refusal expected: {:?}", boot.report.refusals());
    };
    let expected =
        "need 76768 bytes, 11232 more than the pool's 65536; the largest map is `sums` of 32768 bytes";
    assert!(shortage.contains(expected), "{shortage}");
}
