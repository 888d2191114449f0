//! Damage to the archive: cut, flipped, overwritten, with wrong lengths, or not an archive at all.

use super::{Base, Damage, hostile};
use crate::archive::{self, FIELD_COUNT, FILE_SIZE, File, HEADER_BYTES, NAME_SIZE};
use crate::random::Random;

/// Cut at a length of every class: nothing, inside the magic, a header, a name, its padding, a file, between
/// members, inside the trailer, anywhere.
pub(super) fn cut(base: &Base, random: &mut Random) -> Damage {
    let place = random.pick(&base.places).clone();
    let (name, data) = (place.name_bytes.clone(), place.data.clone());
    let length = match random.below(12) {
        0 => 0,
        1 => 1,
        2 => place.header + 1 + random.below(5),
        3 => place.header + 6 + random.below(HEADER_BYTES - 6),
        4 => name.start + random.below(name.len()),
        5 => name.end,
        6 => data.start,
        7 => data.start + random.below(data.len().max(1)),
        8 => data.end - 1,
        9 => data.end,
        10 => base.needed - 1 - random.below(HEADER_BYTES),
        _ => random.below(base.archive.len()),
    };
    let bytes = base.archive[..length].to_vec();
    let what = format!("cut to {length} of {} bytes, in {}", base.archive.len(), place.name);
    if length < base.needed { Damage::refused(what, bytes) } else { Damage::any(what, bytes) }
}

pub(super) fn one_bit(base: &Base, random: &mut Random) -> Damage {
    flipped(base, random, 1)
}

pub(super) fn several_bits(base: &Base, random: &mut Random) -> Damage {
    let count = 2 + random.below(63);
    flipped(base, random, count)
}

fn flipped(base: &Base, random: &mut Random, count: usize) -> Damage {
    let mut bytes = base.archive.clone();
    let mut at = 0;
    for _ in 0..count {
        at = random.below(bytes.len() * 8);
        bytes[at / 8] ^= 1 << (at % 8);
    }
    Damage::any(format!("{count} bits flipped, the last in byte {}", at / 8), bytes)
}

/// A stretch of zeros, ones, or noise.
pub(super) fn stretch(base: &Base, random: &mut Random) -> Damage {
    let length = 1 + random.below(256);
    let at = random.below(base.archive.len() - length);
    let (name, bytes) = match random.below(3) {
        0 => ("zeros", vec![0; length]),
        1 => ("ones", vec![0xff; length]),
        _ => ("noise", random.bytes(length)),
    };
    Damage::any(format!("{length} bytes of {name} at {at}"), base.with(at, &bytes))
}

/// A hostile number in a member's header, or something that is no number.
pub(super) fn header_field(base: &Base, random: &mut Random) -> Damage {
    let place = random.pick(&base.places).clone();
    let any = random.below(FIELD_COUNT);
    let field = *random.pick(&[FILE_SIZE, FILE_SIZE, NAME_SIZE, NAME_SIZE, any]);
    let old = match field {
        FILE_SIZE => place.data.len(),
        NAME_SIZE => place.name_bytes.len() + 1,
        _ => 0,
    };
    let value = hostile(old as u64, base.archive.len() as u64, random) as u32;
    let digits = match random.below(6) {
        0 => String::from("0000000g"),
        1 => String::from("+0000001"),
        _ => format!("{value:08x}"),
    };
    let what = format!("header field {field} of {} is `{digits}`", place.name);
    Damage::any(what, base.with(place.field(field), digits.as_bytes()))
}

/// Members in another order, twice, left out, renamed, emptied.
pub(super) fn members(base: &Base, random: &mut Random) -> Damage {
    let mut files = base.files.clone();
    let (one, other) = (random.below(files.len()), random.below(files.len()));
    let (name, other_name) = (files[one].name.clone(), files[other].name.clone());
    let packed = |files: &[File]| archive::write(files);
    match random.below(7) {
        0 => {
            files.swap(one, other);
            Damage::any(format!("{name} and {other_name} change places"), packed(&files))
        }
        1 => {
            files.insert(other, files[one].clone());
            Damage::refused(format!("{name} is there twice"), packed(&files))
        }
        2 => {
            files.remove(one);
            Damage::any(format!("{name} is left out"), packed(&files))
        }
        3 => {
            files[one].bytes.clear();
            Damage::refused(format!("{name} is empty"), packed(&files))
        }
        4 => {
            files[one].name = random_name(random);
            let shown: String = files[one].name.chars().take(20).collect();
            let length = files[one].name.len();
            Damage::any(format!("{name} is named {shown:?}…, {length} bytes"), packed(&files))
        }
        5 if one != other => {
            let bytes = std::mem::take(&mut files[one].bytes);
            files[one].bytes = std::mem::replace(&mut files[other].bytes, bytes);
            Damage::any(format!("{name} and {other_name} change contents"), packed(&files))
        }
        _ => {
            let crowd = (0..70).map(|index| File::new(&format!("{index}.txt"), b"one of many"));
            files.splice(one..one, crowd);
            Damage::refused(format!("70 more files before {name}"), packed(&files))
        }
    }
}

fn random_name(random: &mut Random) -> String {
    match random.below(6) {
        0 => "x".repeat(4094),
        1 => "x".repeat(4000) + ".o",
        2 => "\u{1}".repeat(250) + ".o",
        3 => "./".repeat(100) + "manifest",
        4 => "\u{1b}[2J\r\n@{\"ev\":\"summary\"}.o".into(),
        _ => "../../etc/passwd.o".into(),
    }
}

/// Something else altogether.
pub(super) fn another_format(base: &Base, random: &mut Random) -> Damage {
    let length = 1 + random.below(4096);
    let (what, bytes) = match random.below(8) {
        0 => ("noise", random.bytes(length)),
        1 => ("zeros", vec![0; length]),
        2 => ("ones", vec![0xff; length]),
        3 => ("gzip's magic", [&[0x1f, 0x8b, 8, 0], &random.bytes(length)[..]].concat()),
        4 => ("the older cpio's magic", [b"070707", &base.archive[6..]].concat()),
        5 => ("one of the objects by itself", base.object(random).1.to_vec()),
        6 => ("a header of nothing but digits", vec![b'0'; length]),
        _ => (
            "the archive behind other bytes",
            [&[1 + random.number() as u8 % 0x2f; 3][..], &base.archive].concat(),
        ),
    };
    Damage::refused(what, bytes)
}
