use super::*;

/// The ones' complement sum of bytes, in the order they lie in memory (RFC 1071).
fn sum(bytes: &[u8]) -> u16 {
    let words =
        bytes.chunks(2).map(|word| u32::from(u16::from_le_bytes([word[0], *word.get(1).unwrap_or(&0)])));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

/// An IPv4 header with a good checksum at its bytes 10 and 11.
fn header() -> [u8; 20] {
    let mut header = *b"\x45\x00\x00\x32\x12\x34\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\xc0\xa8\x07\x09";
    let checksum = !sum(&header);
    header[10..12].copy_from_slice(&checksum.to_le_bytes());
    header
}

#[test]
fn a_replaced_checksum_is_that_of_the_new_bytes() {
    for (at, new) in
        [(8, &b"\x3f\x11"[..]), (12, b"\x0a\x01\x02\x03"), (16, b"\xff\xff\xff\xff"), (2, b"\0\0")]
    {
        let mut packet = [&[0; 14][..], &header()].concat();
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
        let (old, size) = (number(&packet[14 + at..14 + at + new.len()]), new.len() as u64);
        packet[14 + at..14 + at + new.len()].copy_from_slice(new);
        let mut bench = Bench::new(ProgramKind::SchedCls, &packet);
        assert_eq!(bench.number(10, &[0, 24, old, number(new), size]), 0);
        assert_eq!(sum(&bench.packet[14..]), 0xffff, "at {at}");
    }
    let mut bench = Bench::new(ProgramKind::SchedCls, &[0; 64]);
    assert_eq!((bench.number(10, &[0, 25, 0, 0, 2]), bench.number(10, &[0, 64, 0, 0, 2])), (-14, -14));
    assert_eq!((bench.number(10, &[0, 24, 0, 0, 3]), bench.number(10, &[0, 24, 0, 0, 0x12])), (-22, -22));
    assert_eq!(bench.number(10, &[0, 24, 1, 0, 0]), -22, "a difference has nothing to replace");
}

#[test]
fn a_udp_checksum_of_zero_stays_none() {
    let mut bench = Bench::new(ProgramKind::SchedCls, &[0; 64]);
    assert_eq!((bench.number(11, &[0, 40, 1, 2, 0x22]), bench.packet[40]), (0, 0));
    assert_eq!(bench.number(11, &[0, 40, 1, 2, 0x62]), 0);
    assert_ne!(bench.packet[40..42], [0, 0]);
}

#[test]
fn a_difference_of_checksums_is_what_changed() {
    let mut bench = Bench::new(ProgramKind::Xdp, &[]);
    let (old, new) = (header(), {
        let mut new = header();
        new[16..20].copy_from_slice(&[8, 8, 4, 4]);
        new
    });
    bench.put(0, &old);
    bench.put(32, &new);
    let difference = bench.number(28, &[HERE, 20, HERE + 32, 20, 0]) as u64;
    let all = u32::from(sum(&old)) + difference as u32;
    assert_eq!(((all & 0xffff) + (all >> 16)) as u16, sum(&new));
    assert_eq!(bench.number(28, &[0, 0, HERE + 32, 20, 0]) as u16, sum(&new));
    assert_eq!((bench.number(28, &[HERE, 3, 0, 0, 0]), bench.number(28, &[0, 0, 0, 0, 7])), (-22, 7));
}

#[test]
fn packets_are_read_written_and_moved() {
    let mut bench = Bench::new(ProgramKind::Xdp, &(0..64).collect::<Vec<u8>>());
    assert_eq!((bench.number(188, &[0]), bench.number(189, &[0, 60, HERE, 4])), (64, 0));
    assert_eq!(bench.bytes[..4], [60, 61, 62, 63]);
    assert_eq!((bench.number(189, &[0, 61, HERE, 4]), bench.number(189, &[0, 0x10000, HERE, 4])), (-22, -14));
    assert_eq!((bench.number(190, &[0, 0, HERE, 4]), bench.packet[0]), (0, 60));
    assert_eq!((bench.number(44, &[0, (-8i64).cast_unsigned()]), bench.packet.len()), (0, 72));
    assert_eq!((bench.number(65, &[0, 4]), bench.packet.len(), bench.number(65, &[0, 1000])), (0, 76, -22));
    assert_eq!(
        (bench.number(54, &[0, (-4i64).cast_unsigned()]), bench.number(54, &[0, (-3i64).cast_unsigned()])),
        (0, -13)
    );

    let mut bench = Bench::new(ProgramKind::SchedCls, &(0..64).collect::<Vec<u8>>());
    assert_eq!((bench.number(26, &[0, 2, HERE, 2]), bench.bytes[..2].to_vec()), (0, [2, 3].to_vec()));
    assert_eq!((bench.number(26, &[0, 63, HERE, 2]), bench.bytes[..2].to_vec()), (-14, [0, 0].to_vec()));
    assert_eq!((bench.number(68, &[0, 1, HERE, 1, 1]), bench.bytes[0]), (0, 15));
    assert_eq!((bench.number(68, &[0, 1, HERE, 1, 0]), bench.bytes[0]), (0, 1));
    bench.put(0, b"xy");
    assert_eq!((bench.number(9, &[0, 62, HERE, 2, 1]), &bench.packet[62..]), (0, &b"xy"[..]));
    assert_eq!((bench.number(9, &[0, 63, HERE, 2, 0]), bench.number(9, &[0, 0, HERE, 2, 4])), (-14, -22));
    assert_eq!((bench.number(39, &[0, 64]), bench.number(34, &[0]) != 0), (0, true));
}

#[test]
fn redirections_answer_as_on_a_host_with_one_interface() {
    let mut bench = Bench::new(ProgramKind::Xdp, &[0; 64]);
    assert_eq!((bench.number(23, &[7, 0]), bench.number(23, &[7, 1])), (4, 0));
    let mut bench = Bench::new(ProgramKind::SchedCls, &[0; 64]);
    assert_eq!((bench.number(23, &[7, 1]), bench.number(23, &[7, 2])), (7, 2));
    let devices = map(MapKind::Devmap, 4, 8, 4);
    assert_eq!(devices.update(&2u32.to_le_bytes(), 0, |index| u8::from(index == 0)), 0);
    let mut bench = Bench::new(ProgramKind::Xdp, &[]).with(devices).with(map(MapKind::Xskmap, 4, 4, 4));
    assert_eq!((bench.number(51, &[1, 2, 0]), bench.number(51, &[1, 1, 2])), (4, 2));
    assert_eq!((bench.number(51, &[1, 9, 1]), bench.number(51, &[1, 2, 32])), (1, 0));
    assert_eq!((bench.number(51, &[1, 1, 8]), bench.number(51, &[2, 0, 8])), (4, 0), "to all devices");
    assert_eq!(bench.number(51, &[2, 0, 2]), 2, "no socket is bound");
}

#[test]
fn there_are_no_routes() {
    let mut bench = Bench::new(ProgramKind::Xdp, &[]);
    assert_eq!(bench.number(69, &[0, HERE, 64, 0]), -97);
    bench.put(0, &[2]);
    assert_eq!(bench.number(69, &[0, HERE, 64, 0]), -19);
    bench.put(8, &[1]);
    assert_eq!((bench.number(69, &[0, HERE, 64, 0]), bench.number(69, &[0, HERE, 63, 0])), (5, -22));
    assert_eq!(bench.number(69, &[0, HERE, 64, 0x40]), -22);
}
