use std::collections::HashMap;

use super::super::flag::{EXIST, NOEXIST};
use super::*;

#[test]
fn a_table_agrees_with_a_plain_model() {
    for key_size in [3u32, 4, 8, 13] {
        let (map, mut numbers) = (map(MapKind::Hash, key_size, 5, 16), Numbers(0x1234_5678_9abc_def1));
        let mut model = HashMap::<Vec<u8>, [u8; 5]>::new();
        for _ in 0..operations() / 4 {
            let random = numbers.next();
            let mut key = std::vec![7; key_size as usize];
            (key[0], key[key_size as usize - 1]) = ((random % 6) as u8, (random >> 8) as u8 % 4);
            let new: [u8; 5] = random.to_le_bytes()[..5].try_into().unwrap();
            let (known, full, flags) = (model.contains_key(&key), model.len() == 16, random >> 40 & 3);
            match random >> 20 & 3 {
                0 => {
                    let expected = if model.remove(&key).is_some() { 0 } else { -2 };
                    assert_eq!(map.delete(&key), expected);
                }
                1 => assert_eq!(value(&map, &key), model.get(&key).map(|value| value.to_vec())),
                _ => {
                    let expected = match flags {
                        3 => -22,
                        EXIST if !known => -2,
                        NOEXIST if known => -17,
                        _ if !known && full => -7,
                        _ => 0,
                    };
                    assert_eq!(map.update(&key, flags, |index| new[index]), expected);
                    if expected == 0 {
                        model.insert(key, new);
                    }
                }
            }
        }
        assert!(model.iter().all(|(key, expected)| value(&map, key).as_deref() == Some(&expected[..])));
        let mut key = [0; 16];
        let entries: HashMap<Vec<u8>, Vec<u8>> = (0..map.slots())
            .filter_map(|slot| {
                let (len, start) = map.entry(slot, &mut key)?;
                Some((key[..len].to_vec(), bytes(&map.values()[start..start + 5])))
            })
            .collect();
        assert_eq!(entries, model.into_iter().map(|(key, value)| (key, value.to_vec())).collect());
    }
}

#[test]
fn a_full_table_takes_no_new_key_until_one_is_deleted() {
    let map = map(MapKind::Hash, 4, 8, 3);
    let key = |number: u32| number.to_le_bytes();
    assert!((0..3).all(|number| map.update(&key(number), 0, |_| number as u8) == 0));
    assert_eq!(map.update(&key(3), 0, |_| 3), -7);
    assert_eq!(map.update(&key(2), 0, |_| 9), 0);
    assert_eq!(map.delete(&key(0)), 0);
    assert_eq!(map.update(&key(3), 0, |_| 3), 0);
    assert_eq!((map.lookup(&key(0)), value(&map, &key(3))), (None, Some([3; 8].into())));
}

#[test]
fn a_reset_table_is_empty_and_takes_as_many_as_a_new_one() {
    let map = map(MapKind::Hash, 4, 8, 3);
    assert_eq!(map.update(&[1; 4], 0, |_| 1), 0);
    map.reset(&MapDef { kind: MapKind::Hash, ..MapDef::VACANT });
    assert_eq!(map.lookup(&[1; 4]), None);
    assert!((0..3u32).all(|number| map.update(&number.to_le_bytes(), 0, |_| 0) == 0));
}

#[test]
fn keys_of_another_size_are_refused() {
    let map = map(MapKind::Hash, 4, 8, 3);
    assert_eq!((map.lookup(&[0; 3]), map.update(&[0; 5], 0, |_| 0), map.delete(&[])), (None, -22, -22));
}
