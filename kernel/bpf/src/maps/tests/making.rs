use super::super::{MapError, bytes};
use super::*;
use crate::memory::{fail_after, live_blocks};

const KINDS: [(MapKind, u32, u32); 17] = [
    (MapKind::Hash, 12, 20),
    (MapKind::Array, 4, 20),
    (MapKind::PercpuHash, 12, 20),
    (MapKind::PercpuArray, 4, 20),
    (MapKind::LruHash, 12, 20),
    (MapKind::LruPercpuHash, 12, 20),
    (MapKind::LpmTrie, 8, 20),
    (MapKind::ProgArray, 4, 0),
    (MapKind::PerfEventArray, 4, 4),
    (MapKind::Ringbuf, 0, 0),
    (MapKind::Queue, 0, 20),
    (MapKind::Stack, 0, 20),
    (MapKind::ArrayOfMaps, 4, 0),
    (MapKind::HashOfMaps, 4, 0),
    (MapKind::Devmap, 4, 8),
    (MapKind::BloomFilter, 0, 20),
    (MapKind::TimeSeries, 4, 8),
];

#[test]
fn without_memory_nothing_half_made_stays_whichever_allocation_fails() {
    for (kind, key_size, value_size) in KINDS {
        let def = MapDef { kind, key_size, value_size, max_entries: 8, ..MapDef::VACANT };
        let before = live_blocks();
        let made = (0..20).find(|&count| {
            fail_after(count);
            let map = Map::<Counted>::new(&def);
            match &map {
                Ok(_) => true,
                Err(error) => {
                    assert_eq!((*error, live_blocks()), (MapError::OutOfMemory(bytes(&def)), before));
                    false
                }
            }
        });
        fail_after(usize::MAX);
        assert!(made.is_some_and(|count| count > 0), "{kind:?}");
        assert_eq!(live_blocks(), before, "{kind:?}");
    }
}

#[test]
fn types_that_need_more_of_linux_are_not_made() {
    let def = MapDef { kind: MapKind::Sockmap, ..MapDef::VACANT };
    let error = Map::<Counted>::new(&def).err().unwrap();
    assert_eq!(error, MapError::Facility(MapKind::Sockmap));
    assert!(std::format!("{error}").contains("SOCKMAP needs sockets"));
}

#[test]
fn maps_of_maps_hold_what_their_definition_says_and_take_nothing_else() {
    let initial: Vec<u8> = [0u64, 5, 0, 2].iter().flat_map(|slot| slot.to_le_bytes()).collect();
    for kind in [MapKind::ArrayOfMaps, MapKind::HashOfMaps] {
        let def = MapDef {
            kind,
            value_size: 0,
            max_entries: 6,
            initial: Some(&initial),
            inner: Some(1),
            access: MapAccess::ReadWrite,
            ..MapDef::VACANT
        };
        let map = Map::<Counted>::new(&def).unwrap();
        let held = |index: u32| map.reference(&index.to_le_bytes());
        assert_eq!((held(0), held(1), held(3), held(9)), (None, Some(4), Some(1), None));
        assert_eq!(map.references().collect::<Vec<_>>().len(), 2);
        assert_eq!((map.update(&[0; 4], 0, |_| 1), map.delete(&[1, 0, 0, 0])), (-22, -22));
        assert!(map.place(2, 7) && !map.place(9, 7) || kind == MapKind::HashOfMaps);
        assert_eq!(held(2), Some(7));
        assert!(map.values().is_empty());
        map.reset(&def);
        assert_eq!((held(1), held(2)), (Some(4), None));
    }
}
