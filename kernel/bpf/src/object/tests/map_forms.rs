//! Map definitions, BTF, and what goes wrong in them.

use super::*;

/// An object with one BTF-defined map `m` with these members.
fn btf_map(members: impl FnOnce(&mut BtfBuilder) -> Vec<(&'static str, u32)>) -> Vec<u8> {
    let mut btf = BtfBuilder::new();
    let members = members(&mut btf);
    let variable = btf.map("m", &members);
    btf.maps(&[variable]);
    with_btf(btf.build())
}

fn with_btf(btf: Vec<u8>) -> Vec<u8> {
    let mut object = Builder::default();
    let maps = object.data(".maps", &[0; 32]);
    object.section(".BTF", PROGBITS, 0, btf);
    object.symbol("m", GLOBAL_OBJECT, maps, 0, 32);
    object.build()
}

fn sizes(file: &[u8]) -> (u32, u32) {
    let mut file = file.to_vec();
    let object = Object::link(&mut file).unwrap();
    let map = object.maps().next().unwrap();
    (map.key_size, map.value_size)
}

fn fault(file: &[u8]) -> MapFault {
    let mut file = file.to_vec();
    let object = Object::link(&mut file).unwrap();
    let map = object.maps().next().unwrap();
    assert_eq!(map.name, "m");
    map.fault.unwrap()
}

#[test]
fn a_type_is_measured_through_names_and_qualities() {
    let file = btf_map(|btf| {
        let integer = btf.integer(4);
        let constant = btf.add(10, "", 0, integer, &[]);
        let named = btf.add(8, "u32", 0, constant, &[]);
        let row = btf.array(named, 3);
        let rows = btf.array(row, 5);
        let volatile = btf.add(9, "", 0, rows, &[]);
        let structure = btf.add(4, "pair", 0, 16, &[]);
        let tag = btf.add(18, "tag", 0, structure, &[]);
        std::vec![("key", btf.pointer(volatile)), ("value", btf.pointer(tag))]
    });
    assert_eq!(sizes(&file), (60, 16));
}

#[test]
fn a_pointer_is_eight_bytes_and_enumerations_have_their_size() {
    let file = btf_map(|btf| {
        let integer = btf.integer(4);
        let pointer = btf.pointer(integer);
        let pointers = btf.array(pointer, 3);
        let enumeration = btf.add(19, "e", 1, 8, &[0, 0, 0]);
        std::vec![("key", btf.pointer(pointers)), ("value", btf.pointer(enumeration))]
    });
    assert_eq!(sizes(&file), (24, 8));
}

#[test]
fn where_a_map_is_pinned_does_not_matter() {
    let file = btf_map(|btf| {
        std::vec![("pinning", btf.number(1)), ("numa_node", btf.number(0)), ("key_size", btf.number(4))]
    });
    assert_eq!(sizes(&file), (4, 0));
}

#[test]
fn attributes_nobody_understands_are_refused() {
    let name = |name: &str| ShortName::new(name);
    assert_eq!(
        fault(&btf_map(|btf| std::vec![("map_color", btf.number(1))])),
        MapFault::Unknown(name("map_color"))
    );
    assert_eq!(fault(&btf_map(|btf| std::vec![("values", btf.number(1))])), MapFault::Values);
    assert_eq!(fault(&btf_map(|btf| std::vec![("type", btf.integer(4))])), MapFault::Attribute(name("type")));
    assert_eq!(fault(&btf_map(|btf| std::vec![("key", btf.pointer(0))])), MapFault::Attribute(name("key")));
    let both = btf_map(|btf| {
        let integer = btf.integer(4);
        std::vec![("key_size", btf.number(8)), ("key", btf.pointer(integer))]
    });
    assert_eq!(fault(&both), MapFault::Conflict(name("key")));
    let many = btf_map(|btf| std::vec![("pinning", btf.number(1)); 33]);
    assert_eq!(fault(&many), MapFault::TooManyAttributes);
}

#[test]
fn a_type_without_end_has_no_size() {
    // Types 1 and 2 are each other's typedef; 3 points to 1.
    let cycle = btf_map(|btf| {
        let first = btf.add(8, "a", 0, 2, &[]);
        btf.add(8, "b", 0, first, &[]);
        std::vec![("value", btf.pointer(first))]
    });
    assert_eq!(fault(&cycle), MapFault::Attribute(ShortName::new("value")));
    let huge = btf_map(|btf| {
        let integer = btf.integer(4);
        let row = btf.array(integer, 0x1000_0000);
        let rows = btf.array(row, 16);
        std::vec![("value", btf.pointer(rows))]
    });
    assert_eq!(fault(&huge), MapFault::Attribute(ShortName::new("value")));
}

#[test]
fn a_map_without_its_type_is_refused() {
    let mut object = Builder::default();
    let maps = object.data(".maps", &[0; 32]);
    object.symbol("m", GLOBAL_OBJECT, maps, 0, 32);
    assert!(message(&object.build()).contains("compile with -g"));

    let mut btf = BtfBuilder::new();
    let other = btf.map("n", &[]);
    btf.maps(&[other]);
    assert_eq!(fault(&with_btf(btf.build())), MapFault::NoStructure);
}

#[test]
fn btf_is_read_only_where_maps_need_it() {
    let mut btf = BtfBuilder::new();
    btf.add(31, "unheard of", 0, 0, &[]);
    assert_eq!(refusal(&with_btf(btf.build())).cause, ObjectCause::Btf(BtfFault::Kind(31)));
    let mut object = Builder::default();
    object.section(".BTF", PROGBITS, 0, btf.build());
    assert!(Object::link(&mut object.build()).is_ok());
}

#[test]
fn damaged_btf_is_refused() {
    let mut btf = BtfBuilder::new();
    btf.integer(4);
    let good = btf.build();
    let cause = |at: usize, value: u32| {
        let mut bad = good.clone();
        bad[at..at + 4].copy_from_slice(&value.to_le_bytes());
        refusal(&with_btf(bad)).cause
    };
    for (at, value) in [(0, 0), (4, u32::MAX), (4, 1000), (8, u32::MAX), (12, 1000), (16, 1000), (20, 1000)] {
        assert_eq!(cause(at, value), ObjectCause::Btf(BtfFault::Header), "{at} {value}");
    }
    // An enumeration of 65,535 members in 16 bytes.
    assert_eq!(cause(28, 6 << 24 | 0xffff), ObjectCause::Btf(BtfFault::Truncated));
    assert_eq!(refusal(&with_btf(std::vec![0x9f])).cause, ObjectCause::Btf(BtfFault::Header));
}

#[test]
fn types_are_found_among_many() {
    let mut btf = BtfBuilder::new();
    for bytes in 1..=2000 {
        btf.integer(bytes);
    }
    let (key, value) = (btf.pointer(513), btf.pointer(1999));
    let variable = btf.map("m", &[("key", key), ("value", value)]);
    btf.maps(&[variable]);
    assert_eq!(sizes(&with_btf(btf.build())), (513, 1999));

    for _ in 0..65_536 {
        btf.pointer(1);
    }
    assert_eq!(refusal(&with_btf(btf.build())).cause, ObjectCause::Btf(BtfFault::TooManyTypes));
}

/// An object with maps in the old form, `size` bytes each by their symbols.
fn legacy(bytes: &[u8], size: u64, values: &[u64]) -> Vec<u8> {
    let mut object = Builder::default();
    let maps = object.data("maps", bytes);
    for value in values {
        object.symbol("m", GLOBAL_OBJECT, maps, *value, size);
    }
    object.build()
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[test]
fn old_definitions_may_be_longer_than_their_numbers() {
    let one = numbers(&[1, 4, 8, 16, 2, 0, 0]);
    let two = [one.clone(), numbers(&[2, 4, 9, 1, 0, 0, 0])].concat();
    for size in [28, 0] {
        let mut file = legacy(&two, size, &[0, 28]);
        let object = Object::link(&mut file).unwrap();
        let maps: Vec<_> = object.maps().collect();
        assert_eq!((maps[0].kind, maps[0].max_entries, maps[0].flags), (1, 16, 2));
        assert_eq!((maps[1].kind, maps[1].key_size, maps[1].value_size), (2, 4, 9));
    }
    let pinned = numbers(&[1, 4, 8, 16, 2, 0, 1]);
    assert_eq!(fault(&legacy(&pinned, 28, &[0])), MapFault::Trailing);
    assert_eq!(fault(&legacy(&one[..16], 16, &[0])), MapFault::Short(16));
    assert_eq!(fault(&legacy(&one, 28, &[4])), MapFault::Short(28));
    assert_eq!(refusal(&legacy(&one, 28, &[28])).cause, ObjectCause::Truncated(Part::Maps));
    assert_eq!(refusal(&legacy(&one, 28, &[u64::MAX])).cause, ObjectCause::Truncated(Part::Maps));
}

#[test]
fn an_object_has_at_most_64_maps() {
    let of = |count: u64| {
        let values: Vec<u64> = (0..count).map(|index| index * 20).collect();
        legacy(&std::vec![0; 20 * count as usize], 20, &values)
    };
    assert_eq!(Object::link(&mut of(64)).unwrap().map_count(), 64);
    assert_eq!(refusal(&of(65)).cause, ObjectCause::TooMany { part: Part::Maps, found: 65, limit: 64 });
}

#[test]
fn a_reference_is_to_the_start_of_a_map() {
    let mut object = Builder::default();
    let xdp = object.code("xdp", &[20 << 32 | WIDE, 0, EXIT]);
    let maps = object.data("maps", &[0; 40]);
    object.symbol("m", GLOBAL_OBJECT, maps, 0, 20);
    object.symbol("n", GLOBAL_OBJECT, maps, 20, 20);
    let section = object.symbol("", LOCAL_SECTION, maps, 0, 0);
    let mut wrong = object.clone();
    object.relocate(xdp, 0, R_WIDE, section);
    assert_eq!(imm(linked(&object.build())[0]), 1);
    let middle = wrong.symbol("middle", GLOBAL_OBJECT, maps, 4, 20);
    wrong.relocate(xdp, 0, R_WIDE, middle);
    // `middle` defines a map at 4 itself; its reference has an addend of 20 more.
    assert!(message(&wrong.build()).contains("`middle`: no map starts there"));
}

#[test]
fn a_data_section_fits_32_bits() {
    let mut object = Builder::default();
    object.zeros(".bss", 1 << 32);
    assert_eq!(refusal(&object.build()).cause, ObjectCause::DataSize(1 << 32));
}

#[test]
fn old_definitions_say_what_lies_in_maps_of_maps() {
    // Linux's samples: the sixth number is the inner map's index. iproute2: id, pinning, inner id, place.
    let samples = [numbers(&[1, 4, 8, 16, 0, 0, 0]), numbers(&[12, 4, 4, 2, 0, 0, 1])].concat();
    let mut file = legacy(&samples, 28, &[0, 28]);
    let maps: Vec<_> = Object::link(&mut file).unwrap().maps().collect();
    assert_eq!((maps[0].inner, maps[1].inner, maps[1].place), (None, Some(0), None));
    let iproute2 = [numbers(&[12, 4, 4, 2, 0, 0, 2, 7, 0]), numbers(&[2, 4, 8, 1, 0, 7, 0, 0, 1])].concat();
    let mut file = legacy(&iproute2, 36, &[0, 36]);
    let maps: Vec<_> = Object::link(&mut file).unwrap().maps().collect();
    assert_eq!((maps[0].inner, maps[0].pinned, maps[0].fault), (Some(1), true, None));
    assert_eq!((maps[1].place, maps[1].pinned), (Some((0, 1)), false));
    let none = numbers(&[12, 4, 4, 2, 0, 0, 2, 7, 0]);
    assert_eq!(fault(&legacy(&none, 36, &[0])), MapFault::NoInner(7));
}

#[test]
fn a_map_that_makes_no_sense_leaves_the_others() {
    let two = [numbers(&[1, 4, 8, 16, 0]), numbers(&[2, 4, 8])].concat();
    let mut file = legacy(&two, 0, &[0, 20]);
    let maps: Vec<_> = Object::link(&mut file).unwrap().maps().collect();
    assert!(maps.iter().any(|map| map.fault.is_some()));
    let mut good = legacy(&[numbers(&[1, 4, 8, 16, 0]), numbers(&[2, 4, 8])].concat(), 20, &[0, 20]);
    let maps: Vec<_> = Object::link(&mut good).unwrap().maps().collect();
    assert_eq!((maps[0].fault, maps[1].fault), (None, Some(MapFault::Short(20))));
}

#[test]
fn core_records_of_nothing_are_harmless() {
    let mut object = Builder::default();
    object.section(".BTF.ext", PROGBITS, 0, btf_ext(&[16], &[16, 1, 1, 0, 0, 0, 0]));
    assert!(Object::link(&mut object.build()).is_ok());
}

#[test]
fn damaged_lines_are_only_missing() {
    let file = rich().build();
    let place = file.windows(4).rposition(|window| window == [0x9f, 0xeb, 1, 0]).unwrap();
    for at in 0..64 {
        for byte in [0, 1, 0x7f, 0xff] {
            let mut file = file.clone();
            file[place + at] = byte;
            // One byte alone never makes CO-RE records: their part is empty and stays so, or leaves the section.
            let object = Object::link(&mut file).unwrap();
            visit(&object);
        }
    }
}
