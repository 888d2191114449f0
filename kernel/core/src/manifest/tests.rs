use std::format;
use std::string::String;
use std::vec::Vec;

use super::*;

const SAMPLE: &str = "skep-manifest 1\nrun_for=7\nsequence=12\n\
    program object=a.o program=one\n\
    program object=b.o program=two trigger=every:10 priority=critical deadline=5 criticality=high \
    expect=18446744073709551615 on_restart=keep safe_value=9\n\
    program object=b.o program=three trigger=xdp expect=rejected packets=web.pcap\n";

fn refusal(text: &str) -> (usize, Reason) {
    let error = Manifest::parse(text.as_bytes()).unwrap_err();
    (error.offset, error.reason)
}

/// The refusal of a manifest with this one `program` line, its offset counted within the line.
fn line_refusal(line: &str) -> (usize, Reason) {
    let (offset, reason) = refusal(&format!("{MAGIC}\n{line}\n"));
    (offset - MAGIC.len() - 1, reason)
}

#[test]
fn what_is_written_is_read_back() {
    let read = Manifest::parse(SAMPLE.as_bytes()).unwrap();
    let mut written = format!("{}\n", Header { run_for_ns: read.run_for_ns(), sequence: read.sequence() });
    for entry in read.entries() {
        written += &format!("{entry}\n");
    }
    let again = Manifest::parse(written.as_bytes()).unwrap();
    assert_eq!((again.run_for_ns(), again.sequence()), (7, 12));
    assert!(again.entries().eq(read.entries()));
    assert_eq!(again.entries().count(), 3);
}

#[test]
fn every_key_reaches_its_field() {
    let read = Manifest::parse(SAMPLE.as_bytes()).unwrap();
    let two = Entry {
        trigger: Trigger::Every { period_ns: 10 },
        priority: Priority::Critical,
        deadline_ns: Some(5),
        criticality: Criticality::High,
        expect: Expect::R0(u64::MAX),
        on_restart: OnRestart::Keep,
        safe_value: Some(9),
        ..Entry::new("b.o", "two")
    };
    let three = Entry {
        trigger: Trigger::Xdp,
        expect: Expect::Rejected,
        packets: Some("web.pcap"),
        ..Entry::new("b.o", "three")
    };
    assert_eq!(read.entries().collect::<Vec<_>>(), [Entry::new("a.o", "one"), two, three]);
    assert_eq!(read.find("b.o", "two"), Some(two));
    assert_eq!(read.find("a.o", "two"), None);
}

#[test]
fn run_for_has_a_default_and_no_program_is_needed() {
    let read = Manifest::parse(b"skep-manifest 1\n").unwrap();
    assert_eq!((read.run_for_ns(), read.entries().count()), (DEFAULT_RUN_FOR_NS, 0));
    assert_eq!(read.sequence(), 0);
}

#[test]
fn a_sequence_number_is_decimal_and_stands_before_the_programs() {
    let sequence =
        |text: &str| Manifest::parse(format!("{MAGIC}\n{text}").as_bytes()).map(|read| read.sequence());
    assert_eq!(sequence("sequence=18446744073709551615\n"), Ok(u64::MAX));
    assert_eq!(refusal("skep-manifest 1\nsequence=-1\n"), (25, Reason::BadNumber));
    assert_eq!(refusal("skep-manifest 1\nsequence=18446744073709551616\n").1, Reason::BadNumber);
    assert_eq!(sequence("program object=a program=b\nsequence=1\n").unwrap_err().reason, Reason::UnknownLine);
    assert_eq!(sequence("sequence=1\nsequence=2\n").unwrap_err().reason, Reason::UnknownLine);
    assert_eq!(sequence("sequence=1\nrun_for=2\n").unwrap_err().reason, Reason::UnknownLine);
}

#[test]
fn no_prefix_is_read_as_the_whole() {
    let whole = Manifest::parse(SAMPLE.as_bytes()).unwrap();
    for len in 0..SAMPLE.len() {
        if let Ok(part) = Manifest::parse(&SAMPLE.as_bytes()[..len]) {
            assert!(part.entries().count() < whole.entries().count(), "at {len}");
        }
    }
}

#[test]
fn a_corrupted_byte_is_refused_within_the_file_or_read_as_something_else() {
    let whole = Manifest::parse(SAMPLE.as_bytes()).unwrap();
    let mut bytes = SAMPLE.as_bytes().to_vec();
    for at in 0..bytes.len() {
        for value in 0..=u8::MAX {
            let kept = core::mem::replace(&mut bytes[at], value);
            match Manifest::parse(&bytes) {
                Ok(read) => {
                    let same =
                        (read.run_for_ns(), read.sequence()) == (7, 12) && read.entries().eq(whole.entries());
                    assert_eq!(same, value == kept, "byte {at} = {value}");
                }
                Err(error) => assert!(error.offset <= bytes.len() && value != kept),
            }
            bytes[at] = kept;
        }
    }
}

#[test]
fn refusals_name_the_byte() {
    assert_eq!(refusal("skep-manifest 2\n"), (0, Reason::NotAManifest));
    assert_eq!(refusal("skep-manifest 1\nrun_for=0\n"), (24, Reason::ZeroTime));
    assert_eq!(refusal("skep-manifest 1\nprogram"), (23, Reason::Cut));
    assert_eq!(line_refusal("run_for=1\nrun_for=2"), (10, Reason::UnknownLine));
    assert_eq!(line_refusal("program object=a program=b color=red"), (27, Reason::UnknownKey));
    assert_eq!(line_refusal("program object=a  program=b"), (17, Reason::UnknownKey));
    assert_eq!(line_refusal("program object=a program=b object=a"), (27, Reason::DuplicateKey));
    assert_eq!(line_refusal("program object=a"), (0, Reason::MissingKey("program")));
    assert_eq!(line_refusal("program object= program=b"), (15, Reason::BadName));
    assert_eq!(line_refusal("program object=a program=b expect=+1"), (34, Reason::BadNumber));
    assert_eq!(line_refusal("program object=a program=b expect="), (34, Reason::BadNumber));
    assert_eq!(
        line_refusal("program object=a program=b deadline=18446744073709551616"),
        (36, Reason::BadNumber)
    );
    assert_eq!(line_refusal("program object=a program=b packets=p"), (35, Reason::PacketsWithoutXdp));
    assert_eq!(
        line_refusal("program object=a program=b\nprogram program=b object=a"),
        (27, Reason::DuplicateProgram)
    );
    assert_eq!(line_refusal("program object=a program=b\r"), (25, Reason::BadName));
}

#[test]
fn bad_utf8_and_overlong_forms_are_refused_where_they_stand() {
    for bad in [&b"skep-manifest 1\n\xff\n"[..], b"skep-manifest 1\n\xc0\xaf\n", b"skep-manifest 1\n\xe2\x82"]
    {
        let error = Manifest::parse(bad).unwrap_err();
        assert_eq!((error.offset, error.reason), (16, Reason::NotUtf8));
    }
}

#[test]
fn names_and_the_number_of_programs_are_bounded() {
    let longest = "x".repeat(MAX_NAME_BYTES);
    let full: String =
        (0..MAX_PROGRAMS).map(|index| format!("program object={longest} program=p{index}\n")).collect();
    let text = format!("{MAGIC}\n{full}");
    assert_eq!(Manifest::parse(text.as_bytes()).unwrap().entries().count(), MAX_PROGRAMS);
    assert_eq!(
        refusal(&format!("{text}program object=a program=b\n")),
        (text.len(), Reason::TooManyPrograms)
    );
    assert_eq!(line_refusal(&format!("program object={longest}x program=b")), (15, Reason::BadName));
}
