//! The XDP objects of Debian's `xdp-tools` and `libxdp1` packages, untouched. Where they are not installed, the
//! tests say so and skip.

#![cfg(feature = "cloud-profile")]

use std::path::Path;

use tests::published::{Published, ipv4_frame, run};

const DIRECTORY: &str = "/usr/lib/x86_64-linux-gnu/bpf";

/// Verdicts.
const DROP: u64 = 1;
const PASS: u64 = 2;

/// How the tool marks an entry of a map (its `common_kern_user.h`): which side it is of, which protocols; its
/// counter begins at bit 6.
const SOURCE: u64 = 1;
const TARGET: u64 = 2;
const TCP: u64 = 4;
const UDP: u64 = 8;
const COUNTER_SHIFT: u32 = 6;

/// The objects by name; `None` where they are not installed.
fn objects() -> Option<Vec<(String, Vec<u8>)>> {
    if !Path::new(DIRECTORY).join("xdpfilt_alw_all.o").exists() {
        eprintln!("skipped: {DIRECTORY} has no xdpfilt_alw_all.o (apt install xdp-tools libxdp1)");
        return None;
    }
    let mut files: Vec<_> =
        std::fs::read_dir(DIRECTORY).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "o"));
    files.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    Some(files.iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect())
}

fn object(name: &str) -> Option<Published> {
    let (_, file) = objects()?.into_iter().find(|(file, _)| file == name)?;
    Some(Published::load(file).unwrap())
}

const HOST: [u8; 4] = [10, 0, 0, 1];
const PEER: [u8; 4] = [192, 0, 2, 9];

fn tcp(source: [u8; 4], target: [u8; 4], ports: [u16; 2]) -> Vec<u8> {
    let mut frame = ipv4_frame(source, target, 6, ports);
    frame[14 + 20 + 12] = 5 << 4;
    frame
}

#[test]
fn each_object_runs_or_names_what_only_linux_has() {
    let Some(objects) = objects() else { return };
    for (name, file) in objects {
        let published = Published::load(file).unwrap_or_else(|error| panic!("{name}: {error}"));
        let programs = published.programs();
        assert!(!programs.is_empty(), "{name}");
        for program in programs {
            match published.verify(program) {
                Ok(executable) => {
                    let verdict = run(&executable, &tcp(PEER, HOST, [4000, 80]));
                    assert!(verdict <= 4, "{name}: {program} returned {verdict}");
                }
                Err(reason) => {
                    assert!(name == "xdpdump_bpf.o", "{name}: {program}: {reason}");
                    assert!(reason.contains("needs tracing of functions"), "{name}: {program}: {reason}");
                }
            }
        }
    }
}

/// Packets and bytes that got this verdict, as the tool's `xdp-filter status` reads them.
fn counted(filter: &Published, verdict: u64) -> (u64, u64) {
    let value = filter.value("xdp_stats_map", &(verdict as u32).to_le_bytes()).unwrap();
    let word = |at: usize| u64::from_le_bytes(value[at..at + 8].try_into().unwrap());
    (word(0), word(8))
}

/// How often an entry matched.
fn matched(filter: &Published, map: &str, key: &[u8]) -> u64 {
    u64::from_le_bytes(filter.value(map, key).unwrap().try_into().unwrap()) >> COUNTER_SHIFT
}

fn set(filter: &Published, map: &str, key: &[u8], flags: u64) {
    assert_eq!(filter.map(map).update(key, 0, |index| flags.to_le_bytes()[index]), 0);
}

/// `xdp-filter ip -m src ADDRESS`, `xdp-filter port -p udp PORT`, `xdp-filter ether -m src ADDRESS`. Of what is
/// allowed by default, what matches is dropped; of what is denied, it is passed.
#[test]
fn xdp_filter_filters_by_address_and_by_port_and_counts() {
    for (name, miss, hit) in [("xdpfilt_alw_all", PASS, DROP), ("xdpfilt_dny_all", DROP, PASS)] {
        let Some(filter) = object(&format!("{name}.o")) else { return };
        let program = filter.verify(name).unwrap();
        assert_eq!(run(&program, &tcp(PEER, HOST, [4000, 80])), miss, "{name}: by default");
        assert_eq!(counted(&filter, miss).0, 1);

        set(&filter, "filter_ipv4", &PEER, SOURCE);
        let frame = tcp(PEER, HOST, [4000, 80]);
        assert_eq!(run(&program, &frame), hit, "{name}: by its source address");
        assert_eq!(run(&program, &tcp(HOST, PEER, [80, 4000])), miss, "{name}: not as a target");
        assert_eq!(matched(&filter, "filter_ipv4", &PEER), 1);
        assert_eq!(counted(&filter, hit), (1, frame.len() as u64));
        assert_eq!(counted(&filter, miss).0, 2);

        // A port is an index, its two bytes as they lie in the packet.
        let port = u32::from(53u16.to_be()).to_le_bytes();
        set(&filter, "filter_ports", &port, TARGET | UDP);
        assert_eq!(run(&program, &ipv4_frame(HOST, PEER, 17, [5000, 53])), hit, "{name}: by its port");
        assert_eq!(run(&program, &ipv4_frame(HOST, PEER, 17, [53, 5000])), miss, "{name}: not as a source");
        assert_eq!(run(&program, &tcp(HOST, PEER, [5000, 53])), miss, "{name}: not of TCP");
        set(&filter, "filter_ports", &port, TARGET | UDP | TCP);
        assert_eq!(run(&program, &tcp(HOST, PEER, [5000, 53])), hit, "{name}: of TCP then");
        assert_eq!(matched(&filter, "filter_ports", &port), 1);

        let mac = [2, 0, 0, 0, 0, 2];
        set(&filter, "filter_ethernet", &mac, SOURCE);
        assert_eq!(run(&program, &tcp(HOST, PEER, [1, 2])), hit, "{name}: by its Ethernet address");
        assert_eq!(matched(&filter, "filter_ethernet", &mac), 1);
    }
}

#[test]
fn the_default_socket_program_passes_without_a_socket() {
    for name in ["xsk_def_xdp_prog.o", "xsk_def_xdp_prog_5.3.o"] {
        let Some(object) = object(name) else { return };
        let program = object.verify("xsk_def_prog").unwrap();
        assert_eq!(run(&program, &tcp(PEER, HOST, [4000, 80])), PASS, "{name}");
    }
}

#[test]
fn xdpdump_sends_the_packet_as_an_event() {
    let Some(object) = object("xdpdump_xdp.o") else { return };
    let program = object.verify("xdpdump").unwrap();
    // As its tool sets `trace_cfg`: interface 1, 20 bytes of each packet.
    for (cell, byte) in object.map(".data").values().iter().zip([1, 0, 0, 0, 20, 0, 0, 0]) {
        cell.set(byte);
    }
    let frame = tcp(PEER, HOST, [4000, 80]);
    assert_eq!(run(&program, &frame), PASS);
    let mut events = Vec::new();
    object.map("xdpdump_perf_map").consume(|event| {
        events.push(event.iter().map(std::cell::Cell::get).collect::<Vec<u8>>());
    });
    assert_eq!(events.len(), 1);
    assert!(events[0].len() > 20 && events[0].ends_with(&frame[..20]), "{:?}", events[0]);
}
