//! The programs in `tests/programs/tutorial`, on both boards: what they return, print and send is the same, and
//! where a checksum is in it, it is the right one.

use std::collections::BTreeMap;

use kernel_report::Record;
use tests::demand::assert_as_manifest_says;
use tests::given::{Given, scratch};
use tests::initrd;
use tests::qemu::{Boot, Pc, Vm, pc_status, rpi3_status};

/// What a program said and sent, in order. A periodic one runs as often as there is time for.
fn told(boot: &Boot) -> BTreeMap<String, Vec<String>> {
    let mut told = BTreeMap::<_, Vec<_>>::new();
    for text in &boot.report.texts {
        let Some((_, words)) = text.split_once("] ") else { continue };
        if let Some((program, words)) = words.split_once(": ") {
            told.entry(program.to_owned()).or_default().push(words.to_owned());
        }
    }
    let programs = boot.report.results().into_keys().map(|(_, name)| name).collect::<Vec<_>>();
    told.retain(|name, _| programs.contains(name));
    for record in &boot.report.records {
        match record {
            Record::Run { name, r0, .. } if name != "time_series" => {
                told.entry(name.clone()).or_default().push(format!("returned {r0}"));
            }
            Record::Output { map, name, bytes, data, .. } => {
                told.entry(name.clone()).or_default().push(format!("{map}: {bytes} bytes {data}"));
            }
            _ => {}
        }
    }
    told
}

#[test]
fn the_tutorial_programs_do_the_same_on_both_boards() {
    let Some(given) = Given::or_skip("the_tutorial_programs_do_the_same_on_both_boards") else { return };
    let file = scratch("tutorial").join("tutorial.cpio");
    let initrd = initrd::pack(&given, &file, &[&initrd::examples().join("tutorial")]);
    let pc = Vm::pc(Pc::Q35, 256, &given.pc).initrd(&file).boot();
    pc.assert_exit(pc_status::OK);
    let rpi3 = Vm::rpi3(&given.rpi3).initrd(&file).boot();
    rpi3.assert_exit(rpi3_status::OK);
    for boot in [&pc, &rpi3] {
        assert_as_manifest_says(&boot.report, &initrd);
    }
    let (on_pc, on_rpi3) = (told(&pc), told(&rpi3));
    assert!(on_pc.len() >= 33, "{:?}", on_pc.keys());
    assert_eq!(on_pc, on_rpi3);
    // Computed from the packets, outside of this program.
    for (program, words) in [
        ("icmp_echo", "echo reply 1, checksum d5b5"),
        ("tc_nat", "checksums 5dab and 2946"),
        ("port_rewrite", "to port 5353, checksum 5ff2"),
        ("ttl_route", "ttl 63, checksum aa0b"),
        ("ring_events", "events: 8 bytes 0a0000010fa13d00"),
        ("ring_reserve", "ring: 16 bytes 04000000000000003d00000011000000"),
        ("tail_calls", "TCP"),
        ("loop_callback", "100 turns, 4950, 328350"),
        ("token_bucket", "over the limit"),
        ("lru_conntrack", "packet 3 of its connection"),
    ] {
        assert!(on_pc[program].iter().any(|told| told == words), "{program}: {:?}", on_pc[program]);
    }
    let sample = &on_pc["packet_samples"].iter().find(|told| told.starts_with("samples: ")).unwrap();
    assert!(sample.starts_with("samples: 38 bytes adde3d00020000000001020000000002080045"), "{sample}");
}
