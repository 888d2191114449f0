//! The supervisor on the host, on a board without hardware: what a manifest says is what happens.

use kernel_bpf::profile::{ActiveProfile, PhysicalProfile};
use kernel_report::Record;
use tests::archive;
use tests::demand::assert_as_manifest_says;
use tests::fake_board::{FakeBoard, HostBoot, Serial, boot};
use tests::given::{Given, scratch};
use tests::host::{boot_files, counting, manifest, manifest_for, packed, results, returning, summary};
use tests::initrd;
use tests::insn::{Size, Slot, Source, Width, alu, exit, load, return_imm};
use tests::object_file::Draft;

#[test]
fn without_a_manifest_every_program_runs_once() {
    let two = Draft::default()
        .program("syscall", "one", &return_imm(1))
        .program("syscall", "two", &return_imm(2))
        .build();
    let boot =
        boot_files(&[("two.o", &two), ("notes.txt", b"not a program"), ("three.o", &returning("three", 3))]);
    assert_eq!(boot.report.order(), ["one", "two", "three"]);
    let summary = summary(&boot);
    assert_eq!((summary.loaded, summary.rejected, summary.runs, summary.ok), (3, 0, 3, true));
    assert_eq!([1, 2, 3], ["one", "two", "three"].map(|name| results(&boot, name)[0]));
}

#[test]
fn the_report_begins_with_the_boot_record() {
    let boot = boot_files(&[("a.o", &returning("a", 0))]);
    let Record::Boot { board, profile, .. } = &boot.report.records[0] else {
        panic!("{:?}", boot.report.records[0]);
    };
    assert_eq!((board.as_str(), profile.as_str()), ("host", ActiveProfile::NAME));
}

#[test]
fn a_result_other_than_expected_is_a_failure() {
    let object = returning("seven", 7);
    for (expect, ok) in [("7", true), ("8", false), ("18446744073709551615", false)] {
        let line = format!("object=a.o program=seven expect={expect}");
        let boot = boot_files(&[("manifest", &manifest(&[&line])), ("a.o", &object)]);
        assert_eq!(summary(&boot).ok, ok, "{expect}");
        let expected = boot.report.records.iter().find_map(|record| match record {
            Record::Run { expected, r0: 7, .. } => Some(*expected),
            _ => None,
        });
        assert_eq!(expected, Some(ok), "{expect}");
    }
}

#[test]
fn programs_of_one_name_in_two_objects_are_two_programs() {
    let manifest = manifest(&["object=a.o program=same expect=1", "object=b.o program=same expect=2"]);
    let initrd =
        packed(&[("a.o", &returning("same", 1)), ("b.o", &returning("same", 2)), ("manifest", &manifest)]);
    assert_as_manifest_says(&boot(initrd.clone()).report, &initrd);
}

/// Returns the 64 bits at `offset` of its event: 8 is how often it ran before, 16 its period.
fn of_the_event(offset: i16) -> Vec<Slot> {
    vec![load(Size::DW, 0, 1, offset), exit()]
}

#[test]
fn a_periodic_program_runs_once_a_period_in_step() {
    let object = Draft::default()
        .program("timer/20ms", "by_section", &of_the_event(8))
        .program("syscall", "by_manifest", &of_the_event(8))
        .program("timer/7ms", "period", &of_the_event(16))
        .build();
    let manifest = manifest(&["object=a.o program=by_manifest trigger=every:30000000"]);
    let boot = boot_files(&[("manifest", &manifest), ("a.o", &object)]);
    assert!(summary(&boot).ok);
    assert_eq!(results(&boot, "by_section"), [0, 1, 2, 3, 4]);
    assert_eq!(results(&boot, "by_manifest"), [0, 1, 2, 3]);
    assert_eq!(results(&boot, "period"), [7_000_000; 15]);
    for (name, period_ns) in [("by_section", 20_000_000), ("by_manifest", 30_000_000), ("period", 7_000_000)]
    {
        assert_releases(&boot, name, period_ns);
    }
}

/// Releases are a period apart to the nanosecond, and no run starts before its release.
#[track_caller]
fn assert_releases(boot: &HostBoot, program: &str, period_ns: u64) {
    let runs = boot.report.records.iter().filter_map(|record| match record {
        Record::Run { name, release_ns, start_ns, end_ns, .. } if name == program => {
            Some((*release_ns, *start_ns, *end_ns))
        }
        _ => None,
    });
    let runs: Vec<_> = runs.collect();
    let steps: Vec<_> = runs.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert_eq!(steps, vec![period_ns; steps.len()], "{program}");
    for (release, start, end) in runs {
        assert!(release <= start && start <= end, "{program}: {release} {start} {end}");
    }
}

#[test]
fn a_manifests_period_overrides_the_sections() {
    let object = Draft::default().program("timer/20ms", "tick", &of_the_event(16)).build();
    for (trigger, expected) in [("every:50000000", vec![50_000_000; 2]), ("once", vec![20_000_000])] {
        let line = format!("object=a.o program=tick trigger={trigger}");
        let boot = boot_files(&[("manifest", &manifest(&[&line])), ("a.o", &object)]);
        assert_eq!(results(&boot, "tick"), expected, "{trigger}");
    }
}

/// Five programs, each with a priority and a deadline that pulls the other way.
const CONTENDERS: [&str; 5] = [
    "object=a.o program=a priority=low deadline=50000000",
    "object=a.o program=b priority=critical",
    "object=a.o program=c priority=normal deadline=40000000",
    "object=a.o program=d priority=high deadline=60000000",
    "object=a.o program=e priority=critical",
];

#[test]
fn the_profiles_policy_orders_the_runs() {
    let draft = ["a", "b", "c", "d", "e"]
        .iter()
        .fold(Draft::default(), |draft, name| draft.program("syscall", name, &return_imm(0)));
    let boot = boot_files(&[("a.o", &draft.build()), ("manifest", &manifest(&CONTENDERS))]);
    let expected = match ActiveProfile::NAME {
        // The highest priority, and in order within one.
        "cloud" => ["b", "e", "d", "c", "a"],
        // The earliest deadline, and by priority without one.
        _ => ["c", "a", "d", "b", "e"],
    };
    assert_eq!(boot.report.order(), expected);
    assert!(summary(&boot).ok);
}

#[test]
fn a_missed_deadline_is_known_to_the_profile_that_has_deadlines() {
    // The fake clock passes 1 µs whenever somebody looks, and each run is looked at twice.
    let manifest = manifest(&["object=a.o program=late deadline=1 trigger=every:50000000"]);
    let boot = boot_files(&[("a.o", &returning("late", 0)), ("manifest", &manifest)]);
    let misses = boot.report.records.iter().filter(|record| matches!(record, Record::Miss { .. })).count();
    let expected = if ActiveProfile::NAME == "cloud" { 0 } else { 2 };
    assert_eq!((misses, results(&boot, "late").len()), (expected, 2));
}

#[test]
fn a_map_keeps_its_values_and_belongs_to_its_object() {
    let (code, uses) = counting();
    let object = Draft::default()
        .array("sums", 8, 1)
        .program_with_maps("timer/25ms", "tick", &code, &uses)
        .program_with_maps("syscall", "once", &code, &uses)
        .build();
    let other =
        Draft::default().array("sums", 8, 1).program_with_maps("syscall", "other", &code, &uses).build();
    let boot = boot_files(&[("a.o", &object), ("b.o", &other)]);
    assert!(summary(&boot).ok, "{:?}", boot.report);
    assert_eq!(results(&boot, "tick"), [5, 15, 20, 25]);
    assert_eq!((results(&boot, "once"), results(&boot, "other")), (vec![10], vec![5]));
}

/// A capture of two packets.
fn capture() -> Vec<u8> {
    let number = |value: u32| value.to_le_bytes();
    let mut file = [number(0xa1b2_c3d4), [2, 0, 4, 0], [0; 4], [0; 4], number(65_535), number(1)].concat();
    for length in [60, 64] {
        file.extend([[0; 4], [0; 4], number(length), number(length)].concat());
        file.extend(vec![0xaa; length as usize]);
    }
    file
}

/// Returns the packet's length.
fn length_of_packet() -> Vec<Slot> {
    let minus = alu(Width::W64, 0x10, 0, 0, Source::Reg(2));
    vec![load(Size::W, 2, 1, 0), load(Size::W, 0, 1, 4), minus, exit()]
}

#[test]
fn a_packet_program_runs_once_for_each_packet_of_its_capture() {
    let object = Draft::default().program("xdp", "length", &length_of_packet()).build();
    let line = manifest(&["object=a.o program=length trigger=xdp packets=two.pcap"]);
    let boot_with =
        |capture: &[u8]| boot_files(&[("a.o", &object), ("manifest", &line), ("two.pcap", capture)]);
    assert_eq!(results(&boot_with(&capture()), "length"), [60, 64]);
    let cut = boot_with(&capture()[..capture().len() - 1]);
    assert_eq!((results(&cut, "length"), summary(&cut).ok), (vec![60], false));
    assert!(matches!(cut.report.refusals()[..], [("two.pcap", ..)]));
}

#[test]
fn a_packet_program_without_its_capture_is_refused_and_without_any_gets_a_sample() {
    let object = Draft::default().program("xdp", "length", &length_of_packet()).build();
    let named = manifest(&["object=a.o program=length trigger=xdp packets=gone.pcap"]);
    let boot = boot_files(&[("a.o", &object), ("manifest", &named)]);
    assert!(matches!(boot.report.refusals()[..], [("gone.pcap", ..)]), "{:?}", boot.report.refusals());
    assert_eq!((results(&boot, "length"), summary(&boot).ok), (vec![], false));
    let plain = boot_files(&[("a.o", &object)]);
    assert_eq!((results(&plain, "length").len(), summary(&plain).ok), (1, true));
}

#[test]
fn a_full_serial_ring_loses_lines_and_counts_them_but_no_run() {
    let (code, uses) = counting();
    let object =
        Draft::default().array("sums", 8, 1).program_with_maps("timer/10ms", "tick", &code, &uses).build();
    let boot = FakeBoard::with_serial(Serial::IsFull).boot(packed(&[("a.o", &object)]));
    let summary = summary(&boot);
    assert_eq!((summary.runs, summary.lost_lines, summary.ok), (10, 10, true));
    assert_eq!((boot.report.order().len(), boot.lost_lines), (0, 10));
}

#[test]
fn a_period_shorter_than_a_run_does_not_outlive_the_time_for_running() {
    const RUN_FOR_NS: u64 = 10_000_000;
    let manifest = manifest_for(RUN_FOR_NS, &["object=a.o program=p trigger=every:1"]);
    let boot = boot_files(&[("a.o", &returning("p", 1)), ("manifest", &manifest)]);
    let mut starts = boot.report.records.iter().filter_map(|record| match record {
        Record::Run { start_ns, .. } => Some(*start_ns),
        _ => None,
    });
    let first = starts.next().expect("it runs");
    assert!(starts.all(|start| start < first + RUN_FOR_NS + 1_000_000));
}

#[test]
fn jobs_that_pile_up_are_told_of_by_records() {
    let names = ["a", "b", "c", "d"];
    let add = |draft: Draft, name: &&str| draft.program("syscall", name, &return_imm(0));
    let object = names.iter().fold(Draft::default(), add).build();
    let lines = names.map(|name| format!("object=a.o program={name} trigger=every:2000"));
    let manifest = manifest_for(1_000_000, &lines.each_ref().map(String::as_str));
    let boot = boot_files(&[("a.o", &object), ("manifest", &manifest)]);
    // Whatever is done about it, a failure without a reason is none of it.
    assert!(summary(&boot).runs >= 4);
}

#[test]
fn the_examples_go_as_their_manifest_says_on_the_host_too() {
    let test = "the_examples_go_as_their_manifest_says_on_the_host_too";
    let Some(given) = Given::or_skip(test) else { return };
    let packed = initrd::demo(&given, &scratch("host_supervisor").join("demo.cpio"));
    // `cpio -o -H newc` knows no alignment but 4, and makes initrds too.
    let repacked = archive::write(&archive::files(&packed));
    let misaligned = |archive: &[u8]| {
        archive::places(archive)
            .iter()
            .filter(|place| place.name.ends_with(".o") && place.data.start % 8 != 0)
            .count()
    };
    assert_eq!(misaligned(&packed), 0);
    assert_ne!(misaligned(&repacked), 0);
    for initrd in [packed, repacked] {
        assert_as_manifest_says(&boot(initrd.clone()).report, &initrd);
    }
}

#[test]
fn the_same_initrd_gives_the_same_report_to_the_bit() {
    let initrd = packed(&[("a.o", &returning("a", 1)), ("bad.o", b"no object")]);
    let [first, second] = [boot(initrd.clone()), boot(initrd)];
    assert_eq!(String::from_utf8_lossy(&first.log), String::from_utf8_lossy(&second.log));
}
