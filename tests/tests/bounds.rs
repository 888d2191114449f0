//! The bound on executed instructions holds, and on simple loops it is near what is executed.

use kernel_bpf::profile::{ActiveProfile, PhysicalProfile};
use tests::insn::{Slot, Source, Width, add, alu, copy, exit, jump_if, mov, store};
use tests::trusted;

const JNE: u8 = 0x50;
const JLT: u8 = 0xa0;
const JSGT: u8 = 0x60;

/// Loops of a number of trips that is known: with their names.
fn simple() -> Vec<(&'static str, Vec<Slot>)> {
    let while_below = |width, bound| jump_if(width, JLT, 1, Source::Imm(bound), -3);
    vec![
        ("up", vec![mov(0, 0), mov(1, 0), add(0, 3), add(1, 1), while_below(Width::W64, 100), exit()]),
        ("up by 7", vec![mov(0, 0), mov(1, 0), add(0, 3), add(1, 7), while_below(Width::W64, 700), exit()]),
        (
            "in 32 bits",
            vec![
                mov(0, 0),
                mov(1, 0),
                add(0, 3),
                alu(Width::W32, 0, 0, 1, Source::Imm(1)),
                while_below(Width::W32, 100),
                exit(),
            ],
        ),
        (
            "down",
            vec![
                mov(0, 0),
                mov(1, 90),
                add(0, 3),
                add(1, -1),
                jump_if(Width::W64, JSGT, 1, Source::Imm(0), -3),
                exit(),
            ],
        ),
        (
            "until equal",
            vec![
                mov(0, 0),
                mov(1, 90),
                add(0, 3),
                add(1, -1),
                jump_if(Width::W64, JNE, 1, Source::Imm(0), -3),
                exit(),
            ],
        ),
        (
            "a pointer over the stack",
            vec![
                copy(1, 10),
                add(1, -512),
                mov(0, 0),
                store(tests::insn::Size::B, 1, 0, 0),
                add(1, 1),
                jump_if(Width::W64, JNE, 1, Source::Reg(10), -3),
                exit(),
            ],
        ),
        (
            "inside another",
            vec![
                mov(0, 0),
                mov(1, 0),
                mov(2, 0),
                add(0, 1),
                add(2, 1),
                jump_if(Width::W64, JLT, 2, Source::Imm(20), -3),
                add(1, 1),
                jump_if(Width::W64, JLT, 1, Source::Imm(30), -6),
                exit(),
            ],
        ),
    ]
}

#[test]
fn the_bound_of_a_simple_loop_is_at_most_twice_what_is_executed() {
    for (name, code) in simple() {
        let (completion, bound) =
            trusted::run_verified(code.as_flattened(), &mut []).unwrap_or_else(|no| panic!("{name}: {no}"));
        let insns = completion.insns.expect("the interpreter counts");
        println!("{name:<26} {insns:>6} executed, bound {bound:>6}");
        assert!(insns <= bound, "{name}: {insns} executed, bound {bound}");
        assert!(bound <= 2 * insns, "{name}: {insns} executed, bound {bound}");
    }
}

#[test]
fn a_loop_longer_than_the_profile_allows_is_refused() {
    let trips = i32::try_from(ActiveProfile::MAX_INSN_COUNT).expect("a few millions at most");
    let code = [mov(0, 0), add(0, 1), jump_if(Width::W64, JLT, 0, Source::Imm(trips), -2), exit()];
    assert!(trusted::run_verified(code.as_flattened(), &mut []).is_err());
}
