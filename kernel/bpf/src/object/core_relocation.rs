//! CO-RE: "compile once, run everywhere". clang records where an instruction depends on the layout of a type
//! (`__attribute__((preserve_access_index))`, as all of vmlinux.h has), and the loader adjusts it to the types of
//! the running kernel. Linux's Documentation/bpf/llvm_reloc.rst, section "CO-RE relocations".
//!
//! The types this kernel shares with programs are contexts, which it has as Linux's uapi does, and what lies in
//! packets, which the wire defines: of these the program's own layout is the truth, by name and size. It has no
//! other type of Linux's: questions whether one exists are answered with no, and what needs one is refused where
//! a program comes to it.

use super::btf::{Parts, Types};
use super::bytes::{self, Span, u32_at};
use super::elf::{Elf, Layout, Section};
use super::error::{ObjectCause, ShortName};
use super::lines::{Header, groups};
use super::relocation::UNRESOLVED;
use super::text::WIDE_LOAD;

/// Bytes of a record: instruction, type, access path, kind. Newer ones may be longer.
const RECORD_BYTES: usize = 16;
/// Most records that are read.
const MAX_RECORDS: usize = 16_384;
/// Most groups of records; there is one a section.
const MAX_GROUPS: usize = 1024;
/// Adjusted between two readings of the types.
const AT_ONCE: usize = 512;

/// Kinds of relocation (`enum bpf_core_relo_kind`).
const FIELD_EXISTS: u32 = 2;
const LOCAL_TYPE: u32 = 6;
const TYPE_EXISTS: u32 = 8;
const VALUE_EXISTS: u32 = 10;
const TYPE_MATCHES: u32 = 12;

/// `call` and 64-bit and 32-bit moves with an immediate (RFC 9669, 4.3 and 4.1).
const CALL_OPCODE: u8 = 0x85;
const MOVES: [u8; 2] = [0xb7, 0xb4];

/// Contexts, what packets consist of, and what helpers take, with their sizes in bytes.
const SHARED: &[(&str, u32)] = &[
    ("xdp_md", 24),
    ("__sk_buff", 192),
    ("skep_event", 64),
    ("xdp_action", 4),
    ("ethhdr", 14),
    ("vlan_hdr", 4),
    ("vlan_ethhdr", 18),
    ("arphdr", 8),
    ("iphdr", 20),
    ("ipv6hdr", 40),
    ("in_addr", 4),
    ("in6_addr", 16),
    ("ipv6_opt_hdr", 2),
    ("frag_hdr", 8),
    ("icmphdr", 8),
    ("icmp6hdr", 8),
    ("igmphdr", 8),
    ("udphdr", 8),
    ("tcphdr", 20),
    ("sctphdr", 12),
    ("gre_base_hdr", 4),
    ("vxlanhdr", 8),
    ("bpf_fib_lookup", 64),
    ("bpf_spin_lock", 4),
    ("bpf_timer", 16),
    ("bpf_devmap_val", 8),
];

/// What an adjustment makes of an instruction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// It is right as it is.
    Keep,
    /// No: the immediate becomes 0.
    No,
    /// What it needs does not exist: an instruction the verifier refuses.
    Refused,
}

/// Adjusts all code.
pub(super) fn link(file: &mut [u8], layout: Layout) {
    let mut patches = [(0, Answer::Keep); AT_ONCE];
    for first in (0..MAX_RECORDS).step_by(AT_ONCE) {
        let found = collect(Elf::new(file, layout), first, &mut patches);
        patches[..found].iter().for_each(|&(at, answer)| apply(file, at, answer));
        if found < AT_ONCE {
            return;
        }
    }
}

/// The answers to the records from the `first`, with the instructions' places in the file; how many there are.
fn collect(elf: Elf<'_>, first: usize, patches: &mut [(usize, Answer); AT_ONCE]) -> usize {
    let mut found = 0;
    let Some(types) = records(elf).next().and_then(|_| Types::read(elf).ok()) else { return 0 };
    for (patch, record) in patches.iter_mut().zip(records(elf).skip(first)) {
        *patch = (record.at, record.answer(&types));
        found += 1;
    }
    found
}

fn apply(file: &mut [u8], at: usize, answer: Answer) {
    let source = file[at + 1] >> 4;
    let is_wide = file[at] == WIDE_LOAD;
    // A wide load that was linked already names a map: its number is not the layout's.
    if is_wide && source != 0 {
        return;
    }
    let (first, source) = match answer {
        Answer::Keep => return,
        Answer::No if is_wide || MOVES.contains(&file[at]) => (0, 0),
        Answer::No | Answer::Refused if is_wide => (UNRESOLVED, 1),
        Answer::No | Answer::Refused => {
            file[at..at + 4].copy_from_slice(&[CALL_OPCODE, 0, 0, 0]);
            (UNRESOLVED, 0)
        }
    };
    file[at + 1] = file[at + 1] & 0xf | source << 4;
    file[at + 4..at + 8].copy_from_slice(&first.to_le_bytes());
    if is_wide {
        file[at + 12..at + 16].fill(0);
    }
}

/// Why the instruction at offset `at` of a linked file was made one that is refused, if it was.
pub(super) fn fault_at(elf: Elf<'_>, at: usize) -> Option<ObjectCause> {
    let record = records(elf).take(MAX_RECORDS).find(|record| record.at == at)?;
    let types = Types::read(elf).ok()?;
    let refused = record.answer(&types) == Answer::Refused;
    refused.then(|| ObjectCause::CoRe(ShortName::of(record.type_name(&types))))
}

/// One record.
struct Record {
    /// Where the instruction lies in the file.
    at: usize,
    type_id: u32,
    kind: u32,
}

impl Record {
    fn type_name<'a>(&self, types: &Types<'a>) -> Option<&'a str> {
        let name = types.string(types.peel(self.type_id)?.name)?;
        // `struct task_struct___old` is a flavour of `struct task_struct`.
        Some(name.split_once("___").map_or(name, |(name, _)| name))
    }

    fn answer(&self, types: &Types<'_>) -> Answer {
        let size = types.size(self.type_id);
        let name = self.type_name(types).filter(|name| !name.is_empty());
        let is_shared = |name| SHARED.iter().any(|&(own, bytes)| own == name && size == Some(bytes));
        match self.kind {
            LOCAL_TYPE => Answer::Keep,
            _ if name.is_some_and(is_shared) => Answer::Keep,
            FIELD_EXISTS | TYPE_EXISTS | VALUE_EXISTS | TYPE_MATCHES => Answer::No,
            _ => Answer::Refused,
        }
    }
}

/// All records of instructions that exist.
fn records<'a>(elf: Elf<'a>) -> impl Iterator<Item = Record> + use<'a> {
    let parts = Header::of(elf).and_then(|header| header.core).zip(Parts::read(elf).ok());
    let by_group = parts.into_iter().flat_map(move |(core, parts)| {
        groups(elf, core).take(MAX_GROUPS).filter(|group| group.record_size >= RECORD_BYTES).filter_map(
            move |group| {
                let name = bytes::text(elf.contents(parts.strings), group.section_name as usize)?;
                let is_it = |section: &Section| section.is_code() && elf.section_is(section, name.as_bytes());
                let code = elf.sections().find(is_it)?.contents()?;
                Some((code, group))
            },
        )
    });
    by_group.flat_map(|(code, group)| {
        group.records.chunks_exact(group.record_size).filter_map(move |bytes| Record::read(bytes, code))
    })
}

impl Record {
    fn read(bytes: &[u8], code: Span) -> Option<Self> {
        let offset = u32_at(bytes, 0)?;
        let slot = code.part(offset.into(), 8).filter(|_| offset.is_multiple_of(8))?;
        Some(Self { at: slot.start, type_id: u32_at(bytes, 4)?, kind: u32_at(bytes, 12)? })
    }
}
