//! The verifier decides as Linux does: cases compiled from Linux's own tests, each with Linux's verdict.
//!
//! The cases are not part of this repository. Without them beside it (`../shared/verifier-cases`: `cases.tsv` with
//! object, section, function and `accept` or `reject`; the objects in `objects/`), the test says that it skips.

use std::collections::BTreeMap;
use std::path::Path;

use kernel_bpf::context::ProgramKind;
use kernel_bpf::maps::{self, MapDef};
use kernel_bpf::object::Object;
use kernel_bpf::profile::{ActiveProfile, PhysicalProfile};
use kernel_bpf::{BpfProgram, verify};
use tests::given::{say, workspace};

/// Fewest cases decided as Linux does, of 302.
const FEWEST: usize = 290;

/// Every case decided in another way, with the reason why that is right. All are accepted where Linux refuses, and
/// none reads or writes outside of an object.
const DIFFERENCES: [(&str, &str); 4] = [
    (
        "invalid_fp_arithmetic",
        "Linux knows no subtraction from a stack pointer. Subtracting 8 is adding -8; both are followed here.",
    ),
    (
        "shift_with_oversized_count_operand",
        "For Linux a register shifted by its width or more is any number. RFC 9669 masks the count, the engines do, \
         and so does the verifier: the index is known and in bounds.",
    ),
    (
        "packet_access_test17_pruning_alignment",
        "Refused by Linux under BPF_F_STRICT_ALIGNMENT only, for machines whose loads must be aligned. Packets are \
         accessed byte by byte in the interpreter, and x86-64 needs no alignment.",
    ),
    (
        "test23_x_pkt_ptr_4",
        "Linux keeps offsets into packets below 65536 and forgets a comparison with the packet's end beyond that. \
         Offsets are 64 bits here, so the comparison proves what it says.",
    ),
];

#[test]
fn cases_are_decided_as_linux_does() {
    let folder = workspace().join("../shared/verifier-cases");
    let Ok(table) = std::fs::read_to_string(folder.join("cases.tsv")) else {
        say(format_args!("skipped: there is no {}", folder.display()));
        return;
    };
    let (mut same, mut different, mut all) = (0, Vec::new(), 0);
    let mut decisions = BTreeMap::new();
    for line in table.lines().skip(1) {
        let [object, _, function, expected] = line.split('\t').collect::<Vec<_>>()[..] else { continue };
        all += 1;
        let decided = decisions
            .entry(object.to_owned())
            .or_insert_with(|| decide(&folder.join("objects").join(object)));
        let found = decided.get(function).map(|accepts| if *accepts { "accept" } else { "reject" });
        match found {
            Some(found) if found == expected => same += 1,
            found => different.push(format!("{function}: {found:?}, Linux: {expected}")),
        }
    }
    println!("{same} of {all} cases decided as Linux does");
    let argued = |case: &String| DIFFERENCES.iter().any(|(name, _)| case.starts_with(&format!("{name}: ")));
    let unargued: Vec<_> = different.iter().filter(|case| !argued(case)).collect();
    assert!(unargued.is_empty(), "not argued: {unargued:#?}");
    assert_eq!(different.len(), DIFFERENCES.len(), "argued, but decided as Linux does: {different:#?}");
    assert!(same >= FEWEST.min(all), "{same} of {all}");
}

/// Whether each program of an object is accepted.
fn decide(path: &Path) -> BTreeMap<String, bool> {
    let mut bytes = std::fs::read(path).expect("the table names objects that are there");
    let mut words = vec![0; ActiveProfile::verifier_words(bytes.len())];
    let Ok(object) = Object::link(&mut bytes) else { return BTreeMap::new() };
    let mut defs = vec![MapDef::VACANT; object.map_count()];
    maps::define(&object, &mut defs);
    let accepts = |spec: &kernel_bpf::object::ProgramSpec<'_>| {
        let kind = ProgramKind::of_section(spec.section)?;
        let program =
            BpfProgram::<ActiveProfile>::new(object.text(), spec.first_insn, spec.insn_count, kind, &defs)
                .ok()?;
        verify(program, &mut words).ok()
    };
    let mut accepts = accepts;
    object.programs().map(|spec| (spec.name.to_owned(), accepts(&spec).is_some())).collect()
}
