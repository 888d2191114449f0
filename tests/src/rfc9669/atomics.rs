//! Atomic operations (RFC 9669 section 5.3).

use super::Vector;
use crate::insn::{Size, Slot, atomic, copy, exit, load, load_imm, store};

/// What is in memory before, and the operand. Every result below differs from both.
const BEFORE: u64 = 0x8000_0001_ffff_fff0;
const OPERAND: u64 = 0x0000_0012_0000_0011;
/// The low half of `BEFORE`, which is what a 4-byte operation finds.
const BEFORE_LOW: u64 = 0xffff_fff0;

const FETCH: i32 = 0x01;
const XCHG: i32 = 0xe1;
const CMPXCHG: i32 = 0xf1;

/// Operation, and all 8 bytes of memory after it was done on 8 and on 4 of them.
const OPERATIONS: &[(&str, i32, u64, u64)] = &[
    ("add", 0x00, 0x8000_0014_0000_0001, 0x8000_0001_0000_0001),
    ("or", 0x40, 0x8000_0013_ffff_fff1, 0x8000_0001_ffff_fff1),
    ("and", 0x50, 0x0000_0000_0000_0010, 0x8000_0001_0000_0010),
    ("xor", 0xa0, 0x8000_0013_ffff_ffe1, 0x8000_0001_ffff_ffe1),
];

/// After an exchange.
const EXCHANGED: [u64; 2] = [OPERAND, 0x8000_0001_0000_0011];

pub(super) fn vectors() -> Vec<Vector> {
    let mut vectors = Vec::new();
    for &(name, operation, wide, narrow) in OPERATIONS {
        for (size, memory, old) in [(Size::DW, wide, BEFORE), (Size::W, narrow, BEFORE_LOW)] {
            let name = |form: &str| format!("atomic {name} ({size:?}) {form}");
            let fetch = operation | FETCH;
            vectors.extend([
                Vector::new(name("changes memory"), &after(size, operation, 0, READ_MEMORY), memory),
                Vector::new(name("keeps its operand"), &after(size, operation, 0, READ_OPERAND), OPERAND),
                Vector::new(name("with fetch changes memory"), &after(size, fetch, 0, READ_MEMORY), memory),
                Vector::new(
                    name("with fetch returns the old value"),
                    &after(size, fetch, 0, READ_OPERAND),
                    old,
                ),
            ]);
        }
    }
    for (size, memory, old) in [(Size::DW, EXCHANGED[0], BEFORE), (Size::W, EXCHANGED[1], BEFORE_LOW)] {
        vectors.extend(exchanges(size, memory, old));
    }
    vectors
}

fn exchanges(size: Size, memory: u64, old: u64) -> [Vector; 6] {
    let name = |form: &str| format!("{form} ({size:?})");
    let other = 1;
    [
        Vector::new(name("xchg changes memory"), &after(size, XCHG, 0, READ_MEMORY), memory),
        Vector::new(name("xchg returns the old value"), &after(size, XCHG, 0, READ_OPERAND), old),
        Vector::new(name("cmpxchg of an equal value"), &after(size, CMPXCHG, old, READ_MEMORY), memory),
        Vector::new(name("cmpxchg returns the equal value"), &after(size, CMPXCHG, old, READ_R0), old),
        Vector::new(name("cmpxchg of another value"), &after(size, CMPXCHG, other, READ_MEMORY), BEFORE),
        Vector::new(name("cmpxchg returns the other value"), &after(size, CMPXCHG, other, READ_R0), old),
    ]
}

const READ_MEMORY: Slot = load(Size::DW, 0, 10, -8);
const READ_OPERAND: Slot = copy(0, 1);
const READ_R0: Slot = copy(0, 0);

/// Does the operation on `BEFORE` with `OPERAND` and r0, and reads something then.
fn after(size: Size, operation: i32, r0: u64, read: Slot) -> Vec<Slot> {
    let [before, operand, r0] = [load_imm(2, BEFORE), load_imm(1, OPERAND), load_imm(0, r0)];
    let operation = [store(Size::DW, 10, -8, 2), atomic(size, operation, 10, -8, 1), read, exit()];
    [&before[..], &operand, &r0, &operation].concat()
}
