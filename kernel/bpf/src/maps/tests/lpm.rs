use super::super::flag::{EXIST, NOEXIST};
use super::*;

fn key(bits: u32, prefix: [u8; 4]) -> [u8; 8] {
    let mut key = [0; 8];
    key[..4].copy_from_slice(&bits.to_le_bytes());
    key[4..].copy_from_slice(&prefix);
    key
}

const fn masked(bits: u32, prefix: u32) -> u32 {
    if bits == 0 { 0 } else { prefix & u32::MAX << (32 - bits) }
}

#[test]
fn the_longest_prefix_is_found() {
    let (map, mut numbers) = (map(MapKind::LpmTrie, 8, 4, 24), Numbers(99));
    // Length and prefix with the value: a plain list.
    let mut model = Vec::<(u32, u32, u32)>::new();
    for _ in 0..operations() {
        let bits = [0, 1, 7, 8, 9, 15, 16, 24, 31, 32][numbers.below(10) as usize];
        // Few different bits, so that prefixes share much.
        let prefix = 0x0a00_0000 | (numbers.next() as u32 & 0x8181_8383);
        let (new, flags) = (numbers.next() as u32, numbers.below(4));
        let exact = masked(bits, prefix);
        let known = model.iter().position(|&(length, kept, _)| (length, kept) == (bits, exact));
        let bytes = key(bits, prefix.to_be_bytes());
        match numbers.below(4) {
            0 => {
                assert_eq!(map.delete(&bytes), if known.is_some() { 0 } else { -2 });
                known.map(|place| model.remove(place));
            }
            1 => {
                let covers = |entry: &&(u32, u32, u32)| entry.0 <= bits && masked(entry.0, prefix) == entry.1;
                let longest = model.iter().filter(covers).max_by_key(|entry| entry.0);
                assert_eq!(value(&map, &bytes), longest.map(|entry| entry.2.to_le_bytes().to_vec()));
            }
            _ => {
                let expected = match (flags, known) {
                    (3, _) => -22,
                    (EXIST, None) => -2,
                    (NOEXIST, Some(_)) => -17,
                    (_, None) if model.len() == 24 => -28,
                    _ => 0,
                };
                assert_eq!(map.update(&bytes, flags, |index| new.to_le_bytes()[index]), expected);
                if expected == 0 {
                    match known {
                        Some(place) => model[place].2 = new,
                        None => model.push((bits, exact, new)),
                    }
                }
            }
        }
    }
    for &(bits, prefix, expected) in &model {
        assert_eq!(value(&map, &key(bits, prefix.to_be_bytes())), Some(expected.to_le_bytes().to_vec()));
    }
}

#[test]
fn a_key_longer_than_a_prefix_is_refused() {
    let map = map(MapKind::LpmTrie, 8, 4, 2);
    assert_eq!(map.update(&key(33, [0; 4]), 0, |_| 0), -22);
    assert_eq!((map.delete(&key(33, [0; 4])), map.lookup(&key(33, [0; 4]))), (-22, None));
    assert_eq!((map.update(&[0; 7], 0, |_| 0), map.lookup(&[0; 9])), (-22, None));
}
