//! Map types, as data: Linux's numbers and names, what a definition must say, and who may use them how.

use super::definition::MapError;

/// A map type, with Linux's number (`enum bpf_map_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[expect(missing_docs, reason = "Linux's names; what each is stands in the table below")]
pub enum MapKind {
    Hash = 1,
    Array = 2,
    ProgArray = 3,
    PerfEventArray = 4,
    PercpuHash = 5,
    PercpuArray = 6,
    StackTrace = 7,
    CgroupArray = 8,
    LruHash = 9,
    LruPercpuHash = 10,
    LpmTrie = 11,
    ArrayOfMaps = 12,
    HashOfMaps = 13,
    Devmap = 14,
    Sockmap = 15,
    Cpumap = 16,
    Xskmap = 17,
    Sockhash = 18,
    CgroupStorage = 19,
    ReuseportSockarray = 20,
    PercpuCgroupStorage = 21,
    Queue = 22,
    Stack = 23,
    SkStorage = 24,
    DevmapHash = 25,
    Ringbuf = 27,
    InodeStorage = 28,
    TaskStorage = 29,
    BloomFilter = 30,
    UserRingbuf = 31,
    CgrpStorage = 32,
    Arena = 33,
    /// Timestamped samples of one number, summed up over a window: ours.
    TimeSeries = 0x8001,
}

/// What a definition must say of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyRule {
    /// An index of 4 bytes.
    Index,
    /// 1 to [`super::MAX_KEY`] bytes.
    Bytes,
    /// A prefix length of 4 bytes and 1 to [`super::MAX_PREFIX`] bytes.
    Prefix,
    /// There is none.
    Nothing,
}

/// What a definition must say of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueRule {
    /// At least one byte.
    Bytes,
    /// As many as one of these.
    OneOf(&'static [u32]),
    /// There is none.
    Nothing,
    /// Any number: nothing of it is used.
    Any,
}

/// One row of the table.
pub(super) struct Row {
    pub(super) kind: MapKind,
    pub(super) name: &'static str,
    pub(super) key: KeyRule,
    pub(super) value: ValueRule,
    /// The part of Linux it needs and this kernel does not have.
    pub(super) missing: Option<&'static str>,
}

const fn row(kind: MapKind, name: &'static str, key: KeyRule, value: ValueRule) -> Row {
    Row { kind, name, key, value, missing: None }
}

const fn without(kind: MapKind, name: &'static str, key: KeyRule, missing: &'static str) -> Row {
    Row { kind, name, key, value: ValueRule::Any, missing: Some(missing) }
}

use KeyRule::{Bytes, Index, Nothing, Prefix};

/// A reference in 4 bytes, as the numbers of files are on Linux.
const REFERENCE: ValueRule = ValueRule::OneOf(&[4]);

const TABLE: &[Row] = &[
    row(MapKind::Hash, "HASH", Bytes, ValueRule::Bytes),
    row(MapKind::Array, "ARRAY", Index, ValueRule::Bytes),
    row(MapKind::ProgArray, "PROG_ARRAY", Index, REFERENCE),
    row(MapKind::PerfEventArray, "PERF_EVENT_ARRAY", Index, ValueRule::OneOf(&[0, 4])),
    row(MapKind::PercpuHash, "PERCPU_HASH", Bytes, ValueRule::Bytes),
    row(MapKind::PercpuArray, "PERCPU_ARRAY", Index, ValueRule::Bytes),
    without(MapKind::StackTrace, "STACK_TRACE", Index, "walking the kernel's stack"),
    without(MapKind::CgroupArray, "CGROUP_ARRAY", Index, "control groups"),
    row(MapKind::LruHash, "LRU_HASH", Bytes, ValueRule::Bytes),
    row(MapKind::LruPercpuHash, "LRU_PERCPU_HASH", Bytes, ValueRule::Bytes),
    row(MapKind::LpmTrie, "LPM_TRIE", Prefix, ValueRule::Bytes),
    row(MapKind::ArrayOfMaps, "ARRAY_OF_MAPS", Index, REFERENCE),
    row(MapKind::HashOfMaps, "HASH_OF_MAPS", Bytes, REFERENCE),
    row(MapKind::Devmap, "DEVMAP", Index, ValueRule::OneOf(&[4, 8])),
    without(MapKind::Sockmap, "SOCKMAP", Index, "sockets"),
    row(MapKind::Cpumap, "CPUMAP", Index, ValueRule::OneOf(&[4, 8])),
    row(MapKind::Xskmap, "XSKMAP", Index, REFERENCE),
    without(MapKind::Sockhash, "SOCKHASH", Bytes, "sockets"),
    without(MapKind::CgroupStorage, "CGROUP_STORAGE", Bytes, "control groups"),
    without(MapKind::ReuseportSockarray, "REUSEPORT_SOCKARRAY", Index, "sockets"),
    without(MapKind::PercpuCgroupStorage, "PERCPU_CGROUP_STORAGE", Bytes, "control groups"),
    row(MapKind::Queue, "QUEUE", Nothing, ValueRule::Bytes),
    row(MapKind::Stack, "STACK", Nothing, ValueRule::Bytes),
    without(MapKind::SkStorage, "SK_STORAGE", Index, "sockets"),
    row(MapKind::DevmapHash, "DEVMAP_HASH", Index, ValueRule::OneOf(&[4, 8])),
    row(MapKind::Ringbuf, "RINGBUF", Nothing, ValueRule::Nothing),
    without(MapKind::InodeStorage, "INODE_STORAGE", Index, "files"),
    without(MapKind::TaskStorage, "TASK_STORAGE", Index, "tasks"),
    row(MapKind::BloomFilter, "BLOOM_FILTER", Nothing, ValueRule::Bytes),
    without(MapKind::UserRingbuf, "USER_RINGBUF", Nothing, "user space"),
    without(MapKind::CgrpStorage, "CGRP_STORAGE", Index, "control groups"),
    without(MapKind::Arena, "ARENA", Nothing, "memory shared with user space"),
    row(MapKind::TimeSeries, "TIMESERIES", Index, ValueRule::OneOf(&[8])),
];

impl MapKind {
    /// The type with Linux's number `number`.
    ///
    /// # Errors
    /// [`MapError::Kind`].
    pub fn of_number(number: u32) -> Result<Self, MapError> {
        let found = TABLE.iter().find(|row| row.kind as u32 == number);
        found.map(|row| row.kind).ok_or(MapError::Kind(number))
    }

    /// Its name, without `BPF_MAP_TYPE_`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The part of Linux it needs and this kernel does not have.
    #[must_use]
    pub fn missing(self) -> Option<&'static str> {
        self.row().missing
    }

    pub(super) fn row(self) -> &'static Row {
        // Every kind has a row: see the test.
        TABLE.iter().find(|row| row.kind == self).unwrap_or(&TABLE[0])
    }

    /// Whether its values are maps.
    #[must_use]
    pub const fn holds_maps(self) -> bool {
        matches!(self, Self::ArrayOfMaps | Self::HashOfMaps)
    }

    /// Whether it is an array whose values programs may refer to directly.
    #[must_use]
    pub const fn is_array(self) -> bool {
        matches!(self, Self::Array | Self::PercpuArray)
    }

    /// Whether the programs' kernel is all that fills it: no helper changes it.
    #[must_use]
    pub const fn is_filled_by_owner(self) -> bool {
        matches!(
            self,
            Self::ProgArray
                | Self::ArrayOfMaps
                | Self::HashOfMaps
                | Self::Devmap
                | Self::DevmapHash
                | Self::Cpumap
                | Self::Xskmap
        )
    }

    /// Whether a program may give a map of this type to helper `id` (Linux's
    /// `check_map_func_compatibility`).
    #[must_use]
    pub const fn accepts(self, id: u32) -> bool {
        match self {
            Self::Hash | Self::LruHash | Self::Array => matches!(id, 1..=3 | 164 | 169),
            Self::PercpuHash | Self::PercpuArray | Self::LruPercpuHash => {
                matches!(id, 1..=3 | 164 | 195)
            }
            Self::LpmTrie => matches!(id, 1..=3),
            Self::ProgArray => id == 12,
            Self::PerfEventArray => matches!(id, 22 | 25 | 55 | 111 | 121),
            Self::StackTrace => id == 27,
            Self::CgroupArray => matches!(id, 33 | 48),
            Self::ArrayOfMaps | Self::HashOfMaps => id == 1,
            Self::Devmap | Self::DevmapHash | Self::Xskmap => matches!(id, 1 | 51),
            Self::Cpumap => id == 51,
            Self::Sockmap | Self::Sockhash => {
                matches!(id, 1..=3 | 52 | 53 | 60 | 70 | 71 | 72 | 82)
            }
            Self::ReuseportSockarray => id == 82,
            Self::CgroupStorage | Self::PercpuCgroupStorage => id == 81,
            Self::Queue | Self::Stack => matches!(id, 87..=89),
            Self::SkStorage => matches!(id, 107 | 108),
            Self::Ringbuf => matches!(id, 130..=134 | 198..=200),
            Self::InodeStorage => matches!(id, 145 | 146),
            Self::TaskStorage => matches!(id, 156 | 157),
            Self::BloomFilter => matches!(id, 87 | 89),
            Self::UserRingbuf => id == 209,
            Self::CgrpStorage => matches!(id, 210 | 211),
            Self::Arena => false,
            Self::TimeSeries => matches!(id, 1 | 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_up_to_33_but_struct_ops_is_a_type_with_a_row_of_its_own() {
        for number in (1..=33).filter(|&number| number != 26).chain([0x8001]) {
            let kind = MapKind::of_number(number).unwrap();
            assert_eq!((kind as u32, kind.row().kind), (number, kind));
        }
        for number in [0, 26, 34, u32::MAX] {
            assert_eq!(MapKind::of_number(number), Err(MapError::Kind(number)));
        }
    }
}
