//! Calls (RFC 9669 sections 2.1, 4.3.1 and 4.3.2).

use super::Vector;
use crate::insn::{
    Size, Slot, Source, Width, add, alu, call, call_local, copy, exit, jump_if, load, mov, return_imm,
    store_imm,
};

/// Linux's number of `get_smp_processor_id`, which tests answer with 0.
const PROCESSOR_ID: i32 = 8;

pub(super) fn vectors() -> Vec<Vector> {
    vec![
        Vector::new("a function returns in r0", &[call_local(1), exit(), mov(0, 7), exit()], 7),
        Vector::new("arguments are passed in r1 and r2", &arguments(), 42),
        Vector::new("r6 to r9 survive a call", &kept_registers(), 10),
        Vector::new("a function has a frame of its own", &own_frame(), 7),
        Vector::new("the frame pointer is restored", &frame_pointer(), 1),
        Vector::new("a function writes to its caller's frame", &callers_frame(), 9),
        Vector::new("a function lies before its caller", &backwards(), 7),
        Vector::new("eight frames", &recursion(), 6),
        Vector::new("a helper returns in r0", &[mov(0, 7), call(PROCESSOR_ID), add(0, 42), exit()], 42),
        Vector::new("r6 to r9 survive a helper", &[mov(6, 7), call(PROCESSOR_ID), copy(0, 6), exit()], 7),
    ]
}

const fn plus(dst: u8, src: u8) -> Slot {
    alu(Width::W64, 0x00, 0, dst, Source::Reg(src))
}

fn arguments() -> Vec<Slot> {
    vec![mov(1, 40), mov(2, 2), call_local(1), exit(), copy(0, 1), plus(0, 2), exit()]
}

fn kept_registers() -> Vec<Slot> {
    let [before, inside] = [[1, 2, 3, 4], [100; 4]].map(|values: [i32; 4]| {
        (6..).zip(values).map(|(register, value)| mov(register, value)).collect::<Vec<_>>()
    });
    let sum = [call_local(5), copy(0, 6), plus(0, 7), plus(0, 8), plus(0, 9), exit()];
    [before, sum.to_vec(), inside, return_imm(0).to_vec()].concat()
}

fn own_frame() -> Vec<Slot> {
    let caller = [store_imm(Size::DW, 10, -8, 7), call_local(2), load(Size::DW, 0, 10, -8), exit()];
    let callee = [store_imm(Size::DW, 10, -8, 9), mov(0, 0), exit()];
    [&caller[..], &callee].concat()
}

fn frame_pointer() -> Vec<Slot> {
    let difference = alu(Width::W64, 0x10, 0, 0, Source::Reg(6));
    let caller = [copy(6, 10), call_local(4), copy(0, 10), difference, add(0, 1), exit()];
    [&caller[..], &return_imm(0)].concat()
}

fn callers_frame() -> Vec<Slot> {
    let caller = [
        store_imm(Size::DW, 10, -8, 7),
        copy(1, 10),
        add(1, -8),
        call_local(2),
        load(Size::DW, 0, 10, -8),
        exit(),
    ];
    let callee = [store_imm(Size::DW, 1, 0, 9), mov(0, 0), exit()];
    [&caller[..], &callee].concat()
}

/// Execution starts at the first slot, so the caller jumps over the function first.
fn backwards() -> Vec<Slot> {
    vec![crate::insn::jump(2), mov(0, 7), exit(), call_local(-3), exit()]
}

/// `f(n) = n == 0 ? 0 : f(n - 1) + 1`, which nests 7 times for 6, below the program's own frame.
fn recursion() -> Vec<Slot> {
    vec![
        mov(1, 6),
        call_local(1),
        exit(),
        mov(0, 0),
        jump_if(Width::W64, 0x10, 1, Source::Imm(0), 3),
        add(1, -1),
        call_local(-4),
        add(0, 1),
        exit(),
    ]
}
