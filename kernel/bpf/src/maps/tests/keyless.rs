//! Queues, stacks, rings, filters, series.

use std::collections::VecDeque;

use super::super::Fate;
use super::super::flag::EXIST;
use super::*;

#[test]
fn queues_and_stacks_agree_with_a_plain_list() {
    for kind in [MapKind::Queue, MapKind::Stack] {
        let (map, mut numbers) = (map(kind, 0, 6, 7), Numbers(5));
        let mut model = VecDeque::<Vec<u8>>::new();
        for _ in 0..operations() {
            let new = numbers.next().to_le_bytes()[..6].to_vec();
            let flags = numbers.below(4);
            let next = if kind == MapKind::Queue { model.front() } else { model.back() }.cloned();
            let (mut shown, expected) = (None, if next.is_some() { 0 } else { -2 });
            match numbers.below(5) {
                0 => {
                    assert_eq!(map.peek(|cells| shown = Some(bytes(cells))), expected);
                    assert_eq!(shown, next);
                }
                1 | 2 => {
                    assert_eq!(map.pop(|cells| shown = Some(bytes(cells))), expected);
                    assert_eq!(shown, next);
                    if kind == MapKind::Queue {
                        model.pop_front()
                    } else {
                        model.pop_back()
                    };
                }
                _ => {
                    let full = model.len() == 7;
                    let expected = match flags {
                        1 | 3 => -22,
                        0 if full => -7,
                        _ => 0,
                    };
                    assert_eq!(map.push(flags, fill(&new)), expected);
                    if expected == 0 {
                        if full && flags == EXIST {
                            model.pop_front();
                        }
                        model.push_back(new);
                    }
                }
            }
        }
    }
}

#[test]
fn a_ring_gives_back_what_was_submitted_in_the_order_of_reservation() {
    let (map, mut numbers) = (map(MapKind::Ringbuf, 0, 0, 256), Numbers(11));
    let mut model = VecDeque::<(Option<usize>, Vec<u8>, Option<Fate>)>::new();
    let mut lost = 0;
    for _ in 0..operations() {
        match numbers.below(4) {
            0 | 1 => {
                let size = numbers.below(80);
                let Some(start) = map.reserve(size) else {
                    lost += 1;
                    continue;
                };
                let new: Vec<u8> = (0..size).map(|_| numbers.next() as u8).collect();
                fill(&new)(&map.values()[start..start + size as usize]);
                model.push_back((Some(start), new, None));
            }
            2 => {
                let open = model.iter().filter(|record| record.0.is_some()).count() as u64;
                if open > 0 {
                    let which = numbers.below(open) as usize;
                    let record = model.iter_mut().filter(|record| record.0.is_some()).nth(which).unwrap();
                    let fate = if numbers.below(3) == 0 { Fate::Discard } else { Fate::Submit };
                    let start = record.0.take().unwrap();
                    assert!(map.finish(start, fate));
                    assert!(!map.finish(start, fate), "once");
                    record.2 = Some(fate);
                }
            }
            _ => {
                let mut read = Vec::new();
                map.consume(|record| read.push(bytes(record)));
                let mut expected = Vec::new();
                while let Some((None, _, Some(_))) = model.front() {
                    let (_, bytes, fate) = model.pop_front().unwrap();
                    expected.extend((fate == Some(Fate::Submit)).then_some(bytes));
                }
                assert_eq!(read, expected);
                if model.is_empty() {
                    assert_eq!(map.query(0), 0);
                }
            }
        }
    }
    assert!(lost > 0 && map.query(1) == 256 && map.query(3) >= map.query(2));
    assert!(map.reserve(256).is_none() && map.reserve(u64::MAX).is_none());
    assert!(!map.finish(3, Fate::Submit) && !map.finish(10_000, Fate::Submit));
}

#[test]
fn a_filter_forgets_nothing_and_is_rarely_wrong() {
    let (map, mut numbers) = (map(MapKind::BloomFilter, 0, 8, 1000), Numbers(3));
    let known: Vec<_> = (0..1000).map(|_| numbers.next().to_le_bytes()).collect();
    assert!(known.iter().all(|value| map.push(0, fill(value)) == 0));
    assert!(known.iter().all(|value| map.test(fill(value)) == 0));
    let wrong = (0..10_000).filter(|_| map.test(fill(&numbers.next().to_le_bytes())) == 0).count();
    assert!(wrong < 500, "{wrong} of 10,000");
    assert_eq!((map.push(EXIST, |_| {}), map.pop(|_| {})), (-22, -95));
}

#[test]
fn a_series_sums_up_the_samples_of_its_window() {
    let access = MapAccess::ReadWrite;
    let (kind, key_size, value_size, max_entries, extra) = (MapKind::TimeSeries, 4, 8, 16, 1);
    let def = MapDef { kind, key_size, value_size, max_entries, extra, access, ..MapDef::VACANT };
    let (map, mut numbers) = (Map::<Counted>::new(&def).unwrap(), Numbers(21));
    let (mut model, mut now) = (VecDeque::<(u64, i64)>::new(), 5_000_000);
    let figure = |which: u32, now| {
        let start = map.lookup_at(&which.to_le_bytes(), now)?;
        Some(i64::from_le_bytes(bytes(&map.values()[start..start + 8]).try_into().unwrap()))
    };
    assert_eq!((figure(0, now), figure(4, now)), (None, Some(0)));
    for _ in 0..operations() {
        now += numbers.below(200_000);
        if numbers.below(3) > 0 {
            let sample = numbers.next().cast_signed();
            assert_eq!(map.update_at(&[0; 4], 0, now, fill(&sample.to_le_bytes())), 0);
            model.push_back((now, sample));
            if model.len() > 16 {
                model.pop_front();
            }
        }
        let recent: Vec<_> =
            model.iter().filter(|(time, _)| time + 1_000_000 >= now).map(|(_, sample)| *sample).collect();
        assert_eq!(figure(0, now), recent.last().copied());
        assert_eq!(
            (figure(1, now), figure(2, now)),
            (recent.iter().min().copied(), recent.iter().max().copied())
        );
        let sum: i128 = recent.iter().map(|&sample| i128::from(sample)).sum();
        assert_eq!(figure(3, now), (!recent.is_empty()).then(|| (sum / recent.len() as i128) as i64));
        assert_eq!((figure(4, now), figure(5, now)), (Some(recent.len() as i64), None));
    }
    assert_eq!(map.update_at(&[1, 0, 0, 0], 0, now, |_| {}), -22);
}
