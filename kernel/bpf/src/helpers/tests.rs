//! Helpers as engines call them.

mod engine;
mod network;

use core::cell::Cell;
use std::string::String;
use std::vec::Vec;

use super::*;
use crate::context::ProgramKind;
use crate::interpreter::{Memory, Region};
use crate::maps::{MapDef, MapKind};
use crate::memory::Counted;
use crate::object::MapAccess;
use crate::packet::{HEADROOM, TAILROOM, Window};
use crate::targets::{Find, Origin};

/// A clock that stands at 8 ms, and the lines that were printed.
#[derive(Default)]
pub(super) struct World {
    lines: Vec<String>,
}

impl Services for World {
    fn now(&self) -> u64 {
        8_000_000
    }
    fn random(&mut self) -> u32 {
        4
    }
    fn processor(&self) -> u32 {
        0
    }
    fn print(&mut self, text: fmt::Arguments<'_>) {
        self.lines.push(std::format!("{text}"));
    }
}

/// Functions of the program are closures here: what they are called with is kept, and they return 0 until they
/// return 1.
#[derive(Default)]
struct Calls {
    seen: Vec<[u64; 5]>,
    stop_after: usize,
}

impl Caller for Calls {
    fn call(&mut self, function: u64, arguments: [u64; 5], _: &mut dyn Services) -> Result<u64, Fault> {
        assert_eq!(function, 77);
        self.seen.push(arguments);
        Ok(u64::from(self.seen.len() == self.stop_after))
    }
}

/// Every program of a map may be gone on in, but that at 20.
struct Anywhere;

impl Find for Anywhere {
    fn find(&self, _: Origin, entry: usize) -> Option<TailCall> {
        (entry != 20).then_some(TailCall { entry, wcet_insns: 100, frames: 1 })
    }
}

type LiveMap = Map<Counted>;

fn map(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> LiveMap {
    let access = MapAccess::ReadWrite;
    Map::new(&MapDef { kind, key_size, value_size, max_entries, access, ..MapDef::VACANT }).unwrap()
}

/// Something a run of helpers has: a packet, maps, 256 bytes of memory, and a program type.
struct Bench {
    kind: ProgramKind,
    packet: Vec<u8>,
    maps: Vec<LiveMap>,
    bytes: [u8; 256],
    world: World,
    calls: Calls,
}

impl Bench {
    fn new(kind: ProgramKind, packet: &[u8]) -> Self {
        let (packet, maps) = (packet.to_vec(), Vec::new());
        Self { kind, packet, maps, bytes: [0; 256], world: World::default(), calls: Calls::default() }
    }

    fn with(mut self, map: LiveMap) -> Self {
        self.maps.push(map);
        self
    }

    /// Calls helper `id`. Arguments are numbers, or, from [`HERE`] on, places in the memory; the packet is kept.
    fn call(&mut self, id: u32, arguments: &[u64]) -> Called {
        let mut memory_bytes = self.bytes;
        let cells = Cell::from_mut(&mut memory_bytes[..]).as_slice_of_cells();
        let mut packet = std::vec![0; HEADROOM + self.packet.len() + TAILROOM];
        packet[HEADROOM..HEADROOM + self.packet.len()].copy_from_slice(&self.packet);
        let packet_cells = Cell::from_mut(&mut packet[..]).as_slice_of_cells();
        let mut scratch = [0; 64];
        let scratch = Cell::from_mut(&mut scratch[..]).as_slice_of_cells();
        let window = Window::new(packet_cells, self.packet.len());
        let mut memory = Memory::default();
        let region = Region::read_write(cells);
        let base = region.address();
        memory.add(region).unwrap();
        memory.add(Region::packet(&window)).unwrap();
        let maps: Vec<&LiveMap> = self.maps.iter().collect();
        self.maps.iter().for_each(|map| memory.add(Region::read_write(map.values())).unwrap());
        let job = Job {
            kind: self.kind,
            text: &[],
            entry: 0,
            limit: 0.into(),
            arguments: [0; 2],
            stack_top: 0,
            memory,
            maps: &maps,
            origin: Origin::new(&[], &[], self.kind),
            targets: Some(&Anywhere),
            window: &window,
            scratch,
            tail_calls: Cell::new(0),
            redirected: Cell::new(0),
        };
        let mut registers = [0; 5];
        for (register, &argument) in registers.iter_mut().zip(arguments) {
            let is_place = (HERE..HERE + 256).contains(&argument);
            *register = if is_place { base + argument - HERE } else { argument };
        }
        let result = call(id, registers, &job, &mut self.world, &mut self.calls);
        self.packet = window.bytes(0, window.len()).unwrap().iter().map(Cell::get).collect();
        self.bytes = core::array::from_fn(|at| cells[at].get());
        result
    }

    fn number(&mut self, id: u32, arguments: &[u64]) -> i64 {
        match self.call(id, arguments) {
            Ok(Outcome::Value(number)) => number.cast_signed(),
            other => panic!("{other:?}"),
        }
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

/// What stands for the first byte of the memory.
const HERE: u64 = 0x5eed_0000;

#[test]
fn every_helper_of_the_table_is_one_that_can_be_called() {
    let pending = [169, 170, 171, 172];
    for helper in table::TABLE.iter().filter(|helper| !pending.contains(&helper.id)) {
        let mut bench = Bench::new(ProgramKind::Xdp, &[0; 64]);
        assert_ne!(bench.call(helper.id, &[]), Err(CallError::Unknown), "{}", helper.name);
    }
    assert_eq!(Bench::new(ProgramKind::Xdp, &[]).call(35, &[]), Err(CallError::Unknown));
}

#[test]
fn queues_show_and_give_values_and_zeros_without_one() {
    let mut bench = Bench::new(ProgramKind::Syscall, &[]).with(map(MapKind::Queue, 0, 4, 2));
    bench.put(0, &[1, 2, 3, 4, 9, 9, 9, 9]);
    assert_eq!(bench.number(87, &[1, HERE, 0]), 0);
    assert_eq!((bench.number(89, &[1, HERE + 4]), &bench.bytes[4..8]), (0, &[1, 2, 3, 4][..]));
    assert_eq!(bench.number(88, &[1, HERE + 4]), 0);
    assert_eq!((bench.number(88, &[1, HERE + 4]), &bench.bytes[4..8]), (-2, &[0; 4][..]));
    assert_eq!(bench.call(88, &[2, HERE]), Err(CallError::Access(2)));
    let mut filter = Bench::new(ProgramKind::Syscall, &[]).with(map(MapKind::BloomFilter, 0, 4, 100));
    filter.put(0, &[1, 2, 3, 4]);
    assert_eq!((filter.number(89, &[1, HERE]), filter.number(87, &[1, HERE, 0])), (-2, 0));
    assert_eq!(filter.number(89, &[1, HERE]), 0);
}

#[test]
fn a_lookup_in_a_map_of_maps_gives_a_handle_and_one_of_another_processor_nothing() {
    let outer = map(MapKind::ArrayOfMaps, 4, 0, 2);
    assert!(outer.place(1, 1));
    let mut bench =
        Bench::new(ProgramKind::Syscall, &[]).with(outer).with(map(MapKind::PercpuArray, 4, 8, 1));
    assert_eq!(bench.number(1, &[1, HERE]), 0);
    bench.put(0, &[1]);
    assert_eq!(bench.number(1, &[1, HERE]), 2);
    bench.put(0, &[0]);
    let own = bench.number(195, &[2, HERE, 0]);
    assert_eq!(
        (own == bench.number(1, &[2, HERE]), own != 0, bench.number(195, &[2, HERE, 1])),
        (true, true, 0)
    );
}

#[test]
fn texts_are_compared_and_printed() {
    let mut bench = Bench::new(ProgramKind::Syscall, &[]);
    bench.put(0, b"abc\0");
    bench.put(8, b"abd\0");
    assert_eq!((bench.number(182, &[HERE, 4, HERE]), bench.number(182, &[HERE, 2, HERE + 8])), (0, 0));
    assert_eq!((bench.number(182, &[HERE, 3, HERE + 8]), bench.number(182, &[HERE + 8, 3, HERE])), (-1, 1));
    bench.put(16, b"%d of %llx\n\0");
    bench.put(32, &7u64.to_le_bytes());
    bench.put(40, &0xabcdefu64.to_le_bytes());
    assert_eq!(bench.number(177, &[HERE + 16, 12, HERE + 32, 16]), 10);
    assert_eq!(bench.world.lines, ["7 of abcdef"]);
    assert_eq!(bench.number(165, &[HERE + 64, 64, HERE + 16, HERE + 32, 16]), 13);
    assert_eq!(&bench.bytes[64..77], b"7 of abcdef\n\0");
    assert_eq!(bench.number(165, &[HERE + 128, 4, HERE + 16, HERE + 32, 16]), 13, "what it would have been");
    assert_eq!(&bench.bytes[128..133], b"7 o\0\0");
    assert_eq!(
        (bench.number(165, &[0, 0, HERE + 16, HERE + 32, 16]), bench.number(165, &[0, 0, HERE + 16, 0, 0])),
        (13, -22)
    );
    assert_eq!(bench.number(177, &[HERE + 16, 12, HERE + 32, 12]), -22);
}

#[test]
fn records_come_out_as_they_went_in_and_events_carry_the_packet() {
    let ring = map(MapKind::Ringbuf, 0, 0, 128);
    let events = map(MapKind::PerfEventArray, 4, 4, 1);
    let mut bench = Bench::new(ProgramKind::Xdp, b"packet").with(ring).with(events);
    bench.put(0, b"hello");
    assert_eq!((bench.number(130, &[1, HERE, 5, 0]), bench.number(130, &[1, HERE, 5, 4])), (0, -22));
    let record = bench.number(131, &[1, 8, 0]);
    assert!(record != 0 && bench.number(131, &[1, 100, 0]) == 0);
    assert_eq!((bench.number(134, &[1, 0]), bench.number(134, &[1, 1])), (32, 128));
    assert_eq!(bench.number(133, &[record.cast_unsigned(), 0]), 0);
    assert_eq!(bench.call(132, &[record.cast_unsigned(), 0]), Err(CallError::Access(record.cast_unsigned())));
    let processor = 0xffff_ffff;
    assert_eq!(bench.number(25, &[0, 2, 4 << 32 | processor, HERE, 5]), 0);
    assert_eq!(bench.number(25, &[0, 2, 7 << 32 | processor, HERE, 5]), -14, "the packet has 6 bytes");
    assert_eq!(
        (bench.number(25, &[0, 2, 1, HERE, 5]), bench.number(25, &[0, 2, 1 << 60, HERE, 5])),
        (-7, -22)
    );
    let mut read = Vec::new();
    for map in &bench.maps {
        map.consume(|record| read.push(record.iter().map(Cell::get).collect::<Vec<u8>>()));
    }
    assert_eq!(read, [&b"hello"[..], b"hellopack"]);
}

#[test]
fn functions_are_called_for_numbers_and_for_entries() {
    let mut bench = Bench::new(ProgramKind::Syscall, &[]);
    bench.calls.stop_after = 3;
    assert_eq!(bench.number(181, &[5, 77, HERE, 0]), 3);
    assert_eq!(bench.calls.seen.iter().map(|seen| seen[0]).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(
        (bench.number(181, &[5, 77, HERE, 1]), bench.number(181, &[(8 << 20) + 1, 77, 0, 0])),
        (-22, -7)
    );
    assert_eq!(bench.number(181, &[2, 77, 0, 0]), 2);

    let hash = map(MapKind::Hash, 2, 4, 8);
    (0..5u8).for_each(|key| assert_eq!(hash.update(&[key, 1], 0, |_| key), 0));
    assert_eq!(hash.delete(&[2, 1]), 0);
    let mut bench = Bench::new(ProgramKind::Syscall, &[]).with(hash);
    assert_eq!((bench.number(164, &[1, 77, HERE, 0]), bench.number(164, &[1, 77, 0, 9])), (4, -22));
    assert!(bench.calls.seen.iter().all(|seen| seen[0] == 1 && seen[3] == bench.calls.seen[0][3]));
}

#[test]
fn a_tail_call_goes_where_the_map_says_and_33_times() {
    let initial: Vec<u8> = [0u64, 12, 21].iter().flat_map(|slot| slot.to_le_bytes()).collect();
    let (kind, initial) = (MapKind::ProgArray, Some(&initial[..]));
    let def = MapDef { kind, value_size: 0, max_entries: 3, initial, ..MapDef::VACANT };
    let mut bench = Bench::new(ProgramKind::Xdp, &[]).with(Map::new(&def).unwrap());
    let target = TailCall { entry: 11, wcet_insns: 100, frames: 1 };
    assert_eq!(bench.call(12, &[0, 1, 1]), Ok(Outcome::TailCall(target)));
    assert_eq!(bench.number(12, &[0, 1, 2]), -2, "a program that was not proven");
    assert_eq!((bench.number(12, &[0, 1, 0]), bench.number(12, &[0, 1, 3])), (-2, -22));
}
