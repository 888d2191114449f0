use super::super::flag::{EXIST, NOEXIST};
use super::*;

/// Keys and values, least recently used first.
#[derive(Default)]
struct Model(Vec<(u32, u64)>);

impl Model {
    fn use_entry(&mut self, key: u32) -> Option<u64> {
        let place = self.0.iter().position(|entry| entry.0 == key)?;
        let entry = self.0.remove(place);
        self.0.push(entry);
        Some(entry.1)
    }
}

#[test]
fn a_full_table_forgets_what_was_not_used_for_the_longest_time() {
    let (map, mut numbers) = (map(MapKind::LruHash, 4, 8, 13), Numbers(77));
    let (mut model, mut forgotten) = (Model::default(), 0);
    for _ in 0..operations() {
        let (key, new, flags) = (numbers.below(30) as u32, numbers.next(), numbers.below(4));
        let known = model.0.iter().any(|entry| entry.0 == key);
        match numbers.below(8) {
            0 => {
                assert_eq!(map.delete(&key.to_le_bytes()), if known { 0 } else { -2 });
                model.0.retain(|entry| entry.0 != key);
            }
            1..4 => {
                let found = value(&map, &key.to_le_bytes());
                assert_eq!(found, model.use_entry(key).map(|value| value.to_le_bytes().to_vec()));
            }
            _ => {
                let expected = match flags {
                    3 => -22,
                    EXIST if !known => -2,
                    NOEXIST if known => -17,
                    _ => 0,
                };
                let result = map.update(&key.to_le_bytes(), flags, |index| new.to_le_bytes()[index]);
                assert_eq!(result, expected);
                if expected == 0 {
                    if model.use_entry(key).is_some() {
                        model.0.pop();
                    } else if model.0.len() == 13 {
                        model.0.remove(0);
                        forgotten += 1;
                    }
                    model.0.push((key, new));
                }
            }
        }
    }
    assert!(forgotten > 0);
}
