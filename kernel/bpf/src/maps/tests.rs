//! Each type against a plain model, and what a map does when memory runs out.
//!
//! Sequences of random operations; `SKEP_OPERATIONS` says how many a type (20,000 without it).

mod hash;
mod keyless;
mod lpm;
mod lru;
mod making;

use core::cell::Cell;
use std::vec::Vec;

use super::{Map, MapDef, MapKind};
use crate::memory::Counted;
use crate::object::MapAccess;

/// How many operations a type.
fn operations() -> usize {
    std::env::var("SKEP_OPERATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000)
}

/// A map that programs read and write.
fn map(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> Map<Counted> {
    let access = MapAccess::ReadWrite;
    Map::new(&MapDef { kind, key_size, value_size, max_entries, access, ..MapDef::VACANT }).unwrap()
}

fn value(map: &Map<Counted>, key: &[u8]) -> Option<Vec<u8>> {
    let start = map.lookup(key)?;
    Some(map.values()[start..start + map.value_size()].iter().map(Cell::get).collect())
}

fn bytes(cells: &[Cell<u8>]) -> Vec<u8> {
    cells.iter().map(Cell::get).collect()
}

fn fill(bytes: &[u8]) -> impl Fn(&[Cell<u8>]) + '_ {
    move |cells| cells.iter().zip(bytes).for_each(|(cell, &byte)| cell.set(byte))
}

/// Numbers that look random (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
