//! Callbacks and tail calls in the interpreter.

use super::*;
use crate::executable::Engine;
use crate::interpreter::{FRAME_BYTES, Interpreter};

/// Instructions, as RFC 9669 lays them out.
fn insn(opcode: u8, dst: u8, src: u8, offset: i16, imm: i32) -> [u8; 8] {
    let mut bytes = [opcode, src << 4 | dst, 0, 0, 0, 0, 0, 0];
    bytes[2..4].copy_from_slice(&offset.to_le_bytes());
    bytes[4..].copy_from_slice(&imm.to_le_bytes());
    bytes
}

fn run(text: &[u8], map: &LiveMap, limit: u64) -> Result<crate::Completion, Fault> {
    let mut stack = std::vec![0; 4 * FRAME_BYTES];
    let stack = Cell::from_mut(&mut stack[..]).as_slice_of_cells();
    let mut memory = Memory::default();
    let region = Region::read_write(stack);
    let stack_top = region.address() + stack.len() as u64;
    memory.add(region).unwrap();
    let (window, maps) = (Window::none(), [map]);
    let job = Job {
        kind: ProgramKind::Syscall,
        text,
        entry: 0,
        limit: limit.into(),
        arguments: [5, 0],
        stack_top,
        memory,
        maps: &maps,
        origin: Origin::new(text, &[], ProgramKind::Syscall),
        targets: Some(&Anywhere),
        window: &window,
        scratch: &[],
        tail_calls: Cell::new(0),
        redirected: Cell::new(0),
    };
    Interpreter::execute(&job, None, &mut World::default())
}

#[test]
fn bpf_loop_runs_its_function_in_a_frame_of_its_own() {
    let text = [
        insn(0xb7, 6, 0, 0, 100), // r6 = 100: the caller's is kept
        insn(0x7a, 10, 0, -8, 0), // *(u64 *)(r10 - 8) = 0: the sum
        insn(0xb7, 1, 0, 0, 10),  // r1 = 10 times
        insn(0x18, 2, 4, 0, 9),   // r2 = the function, 9 behind the second slot
        insn(0, 0, 0, 0, 0),
        insn(0xbf, 3, 10, 0, 0),  // r3 = r10
        insn(0x07, 3, 0, 0, -8),  // r3 -= 8
        insn(0xb7, 4, 0, 0, 0),   // r4 = 0
        insn(0x85, 0, 0, 0, 181), // r0 = loop
        insn(0x79, 1, 10, -8, 0), // r1 = the sum
        insn(0x0f, 0, 1, 0, 0),   // r0 += r1
        insn(0x0f, 0, 6, 0, 0),   // r0 += r6
        insn(0x95, 0, 0, 0, 0),   // exit
        // The function: adds its number to the sum, and uses r6 and its own stack.
        insn(0xb7, 6, 0, 0, 7),
        insn(0x7b, 10, 1, -8, 0), // *(u64 *)(r10 - 8) = r1
        insn(0x79, 3, 2, 0, 0),   // r3 = *(u64 *)(r2 + 0)
        insn(0x0f, 3, 1, 0, 0),
        insn(0x7b, 2, 3, 0, 0),
        insn(0xb7, 0, 0, 0, 0),
        insn(0x95, 0, 0, 0, 0),
    ]
    .concat();
    let nothing = map(MapKind::Array, 4, 8, 1);
    // The distance counts from the instruction behind the first slot: 4 + 9 = 13.
    let done = run(&text, &nothing, 1000).unwrap();
    assert_eq!((done.r0, done.insns), (10 + 45 + 100, Some(12 + 10 * 7)));
    assert_eq!(run(&text, &nothing, 40).unwrap_err().error, crate::error::BpfError::Timeout);
}

#[test]
fn a_program_that_calls_itself_goes_on_after_33_times() {
    let text = [
        insn(0x18, 2, 1, 0, 0), // r2 = map 0
        insn(0, 0, 0, 0, 0),
        insn(0xb7, 3, 0, 0, 0), // r3 = 0
        insn(0x07, 1, 0, 0, 0), // r1 is the context still
        insn(0xbf, 6, 1, 0, 0),
        insn(0x85, 0, 0, 0, 12), // tail call
        insn(0xbf, 0, 6, 0, 0),  // r0 = the context
        insn(0x95, 0, 0, 0, 0),
    ]
    .concat();
    let initial = 1u64.to_le_bytes();
    let (kind, initial) = (MapKind::ProgArray, Some(&initial[..]));
    let programs = Map::new(&MapDef { kind, value_size: 0, initial, ..MapDef::VACANT }).unwrap();
    let done = run(&text, &programs, 5).unwrap();
    assert_eq!((done.r0, done.insns), (5, Some(34 * 5 + 2)));
}
