//! Programs that do what none may do.

use kernel_bpf::context::ProgramKind;
use kernel_bpf::insn::{AluOp, AtomicOp, Condition, Extend, Fetch, Immediate, Insn, Operand, Size, Width};
use kernel_bpf::maps::{MapDef, MapKind};
use kernel_bpf::object::MapAccess;
use kernel_bpf::profile::ActiveProfile;
use kernel_bpf::verifier::{Addresses, Reason, verify_with};
use kernel_bpf::{BpfProgram, Rejection};

use super::{Defect, Finding, defect};
use crate::assembler::{Assembler, add, alu64, copy, helper, load, map, r, set, store, store_imm, wide};

/// Maps by index: an array of numbers, larger values, what is only read, a ring.
const COUNTS: u32 = 0;
const LARGE: u32 = 1;
const FROZEN: u32 = 2;
const RING: u32 = 3;

fn maps() -> [MapDef<'static>; 4] {
    let array = MapDef { value_size: 8, max_entries: 1, access: MapAccess::ReadWrite, ..MapDef::VACANT };
    [
        array,
        MapDef { value_size: 300, ..array },
        MapDef { access: MapAccess::ReadOnly, initial: Some(&[7; 8]), ..array },
        MapDef { kind: MapKind::Ringbuf, key_size: 0, value_size: 0, max_entries: 4096, ..array },
    ]
}

pub(super) const DEFECTS: &[Defect] = &[
    defect(
        "CVE-2017-16995",
        "a 32-bit move of -1 was taken for -1: the way on from comparing them was not looked at",
        || {
            refused(|code| {
                let bad = code.label();
                code.push(Insn::Alu { width: Width::W32, op: AluOp::Mov, dst: r(2), src: Operand::Imm(-1) });
                code.branch(Width::W64, Condition::Ne, r(2), Operand::Imm(-1), bad);
                end(code);
                code.place(bad);
                code.push(load(Size::DW, 0, 10, 8));
            })
        },
    ),
    defect("CVE-2017-17854", "sums of offsets into an object could overflow", || {
        refused(|code| {
            code.push(copy(1, 10));
            for by in [1 << 29, -(1 << 29)] {
                code.push(add(1, by)).push(add(1, by)).push(add(1, by));
            }
            code.push(store_imm(Size::DW, 1, -8, 0));
        })
    }),
    defect("CVE-2017-17855", "a path with a number was given up for one with a pointer in its place", || {
        refused(|code| {
            let (other, end) = (code.label(), code.label());
            unknown(code, 6);
            code.branch(Width::W64, Condition::Gt, r(6), Operand::Imm(5), other);
            code.push(copy(7, 10)).jump(end).place(other).push(wide(7, 0x1234_5678_0000)).place(end);
            code.push(store_imm(Size::DW, 7, -8, 0));
        })
    }),
    defect("CVE-2017-17862", "code that is never reached was not verified, but compiled", || {
        unreachable(|code| {
            let end = code.label();
            code.jump(end).push(load(Size::DW, 0, 10, 8)).place(end);
        })
    }),
    defect("CVE-2021-34866", "a helper took any kind of map", || {
        refused(|code| {
            code.push(store_imm(Size::DW, 10, -8, 0)).push(map(1, COUNTS)).push(copy(2, 10)).push(add(2, -8));
            code.push(set(3, 8)).push(set(4, 0)).push(helper(130));
        })
    }),
    defect("CVE-2021-4001", "values of a map that is only read could be written", || {
        refused(|code| {
            code.push(value_of(1, FROZEN)).push(store_imm(Size::DW, 1, 0, 1));
        })?;
        refused(|code| {
            code.push(store_imm(Size::DW, 10, -8, 0)).push(map(1, FROZEN)).push(copy(2, 10)).push(add(2, -8));
            code.push(copy(3, 2)).push(set(4, 0)).push(helper(2));
        })
    }),
    defect("CVE-2021-4204", "memory of any size was taken for memory that a ring had handed out", || {
        refused(|code| {
            code.push(value_of(1, COUNTS)).push(set(2, 0)).push(helper(132));
        })?;
        // And what was handed out is as long as was asked for.
        refused(|code| {
            let end = code.label();
            code.push(map(1, RING)).push(set(2, 8)).push(set(3, 0)).push(helper(131));
            code.branch(Width::W64, Condition::Eq, r(0), Operand::Imm(0), end);
            code.push(copy(1, 0))
                .push(store_imm(Size::DW, 1, 8, 0))
                .push(set(2, 0))
                .push(helper(132))
                .place(end);
        })
    }),
    defect("CVE-2021-33200", "what limits an offset was computed from the wrong number of two", || {
        refused(|code| {
            unknown(code, 6);
            code.push(alu64(AluOp::And, 6, Operand::Imm(0xff))).push(copy(7, 6)).push(add(7, -0x80));
            code.push(copy(1, 10)).push(alu64(AluOp::Sub, 1, Operand::Reg(r(7)))).push(store_imm(
                Size::B,
                1,
                -1,
                0,
            ));
        })
    }),
    defect("CVE-2021-45402 (leak)", "half of a pointer was a number that could be shown", || {
        leaks(ProgramKind::Syscall, |code| {
            code.push(Insn::Alu { width: Width::W32, op: AluOp::Mov, dst: r(0), src: Operand::Reg(r(10)) });
            code.push(Insn::Exit);
        })
    }),
    defect("CVE-2022-0264", "an atomic operation fetched a spilled pointer as a number", || {
        leaks(ProgramKind::Syscall, |code| {
            code.push(store(Size::DW, 10, -8, 10)).push(set(1, 0)).push(fetch_add(1));
            code.push(copy(0, 1)).push(Insn::Exit);
        })?;
        refused_as(Addresses::Open, |code| {
            code.push(store(Size::DW, 10, -8, 10)).push(set(1, 0)).push(fetch_add(1));
            code.push(load(Size::DW, 0, 1, -8));
        })
    }),
    defect("CVE-2022-23222", "arithmetic on a pointer that may be null", || {
        refused(|code| {
            let end = code.label();
            lookup(code, COUNTS);
            code.push(add(0, 4)).branch(Width::W64, Condition::Eq, r(0), Operand::Imm(0), end);
            code.push(store_imm(Size::W, 0, 0, 0)).place(end);
        })
    }),
    defect(
        "CVE-2023-2163",
        "a register that decided between two paths was not looked at when one was given up",
        || {
            refused(|code| {
                let (one, two, three) = (code.label(), code.label(), code.label());
                code.push(set(6, 1024)).push(set(7, 0));
                unknown(code, 8);
                code.push(set(9, 0));
                code.branch(Width::W64, Condition::Eq, r(8), Operand::Imm(0), one);
                code.push(set(6, 0)).push(set(9, 1)).place(one);
                code.branch(Width::W64, Condition::Gt, r(8), Operand::Imm(5), two)
                    .push(copy(7, 6))
                    .place(two);
                code.branch(Width::W64, Condition::Ne, r(9), Operand::Imm(0), three)
                    .push(copy(7, 6))
                    .place(three);
                code.push(copy(1, 10)).push(alu64(AluOp::Add, 1, Operand::Reg(r(7)))).push(store_imm(
                    Size::DW,
                    1,
                    -8,
                    0,
                ));
            })
        },
    ),
    defect("CVE-2023-52676", "the check of a variable stack offset overflowed in 32 bits", || {
        refused(|code| {
            let end = code.label();
            unknown(code, 6);
            code.branch(Width::W64, Condition::SGt, r(6), Operand::Imm(0x7fff_fff0), end);
            code.branch(Width::W64, Condition::SLt, r(6), Operand::Imm(0x7fff_ffe0), end);
            code.push(alu64(AluOp::Add, 6, Operand::Reg(r(10))))
                .push(store_imm(Size::B, 6, 0x7f, 0))
                .place(end);
        })
    }),
    defect("NCC-JJX", "a 32-bit sum was replayed on a linked register as one of 64 bits", || {
        refused(|code| {
            let end = code.label();
            unknown(code, 6);
            code.push(Insn::Alu { width: Width::W32, op: AluOp::Mov, dst: r(6), src: Operand::Reg(r(6)) });
            code.push(copy(7, 6));
            code.push(Insn::Alu { width: Width::W32, op: AluOp::Add, dst: r(7), src: Operand::Imm(1) });
            code.branch(Width::W64, Condition::Gt, r(7), Operand::Imm(8), end);
            code.push(copy(1, 10)).push(alu64(AluOp::Sub, 1, Operand::Reg(r(6)))).push(store_imm(
                Size::B,
                1,
                -1,
                0,
            ));
            code.place(end);
        })
    }),
    defect("CVE-2026-43009", "that an atomic fetch writes its source register was forgotten", || {
        refused(|code| {
            unknown(code, 6);
            code.push(store(Size::DW, 10, -8, 6)).push(set(1, 0)).push(fetch_add(1));
            code.push(alu64(AluOp::Add, 1, Operand::Reg(r(10)))).push(store_imm(Size::DW, 1, -16, 0));
        })
    }),
    defect("PREVAIL dfd26a57", "r1 to r5 kept what they held over a call of a function", || {
        refused(|code| {
            let function = code.label();
            code.push(set(1, 0)).call(function).push(copy(0, 1)).push(Insn::Exit).place(function);
        })
    }),
    defect("PREVAIL dfd26a57 (maps)", "a value of one of two maps was taken for the larger", || {
        refused(|code| {
            let (other, end) = (code.label(), code.label());
            unknown(code, 6);
            code.branch(Width::W64, Condition::Gt, r(6), Operand::Imm(5), other);
            code.push(value_of(7, COUNTS)).jump(end).place(other).push(value_of(7, LARGE)).place(end);
            code.push(load(Size::DW, 0, 7, 104));
        })
    }),
    defect("PREVAIL 5650251f", "a comparison of 32 bits narrowed all 64", || {
        refused(|code| {
            let end = code.label();
            unknown(code, 6);
            code.branch(Width::W32, Condition::Gt, r(6), Operand::Imm(7), end);
            code.push(alu64(AluOp::Add, 6, Operand::Reg(r(10))))
                .push(store_imm(Size::B, 6, -8, 0))
                .place(end);
        })
    }),
    defect("PREVAIL 098eac90 (program)", "a byte loaded with its sign was taken for one without", || {
        refused(|code| {
            let end = code.label();
            code.push(value_of(6, COUNTS));
            code.push(Insn::Load { dst: r(6), base: r(6), offset: 0, size: Size::B, extend: Extend::Sign });
            code.branch(Width::W64, Condition::SGt, r(6), Operand::Imm(7), end);
            code.push(value_of(7, COUNTS)).push(alu64(AluOp::Add, 7, Operand::Reg(r(6))));
            code.push(store_imm(Size::B, 7, 0, 0)).place(end);
        })
    }),
    defect("PREVAIL abdbccae", "what was known of a register outlived what it held", || {
        refused(|code| {
            let end = code.label();
            lookup(code, COUNTS);
            code.push(copy(6, 0)).branch(Width::W64, Condition::Eq, r(6), Operand::Imm(0), end);
            lookup(code, COUNTS);
            code.push(copy(6, 0)).push(store_imm(Size::DW, 6, 0, 0)).place(end);
        })
    }),
    defect("ubpf #762", "a few instructions kept the verifier busy for ever", || {
        unreachable(|code| {
            let here = code.here();
            code.jump(here);
        })?;
        refused(|code| {
            let here = code.here();
            code.push(add(1, 0)).branch(Width::W64, Condition::Eq, r(10), Operand::Reg(r(10)), here);
        })
    }),
    defect("Linux 7d3baf0afa3a", "a jump to the second half of a wide load", || {
        refused(|code| {
            code.push(Insn::Jump { offset: 1 }).push(wide(1, 0));
        })
    }),
    defect("ubpf #581", "a jump into another function", || {
        refused(|code| {
            let (function, inside) = (code.label(), code.label());
            code.call(function).jump(inside).place(function).push(set(0, 0)).place(inside);
        })
    }),
    defect(
        "Skep 2026-11 (names)",
        "a guess named a pointer as an earlier guess had named another",
        names_of_pointers,
    ),
    defect(
        "Skep 2026-11 (packets)",
        "where a packet moved, a tied pointer left words behind that read as values",
        || {
            leaks(ProgramKind::Xdp, |code| {
                let end = code.label();
                code.push(copy(9, 1)).push(load(Size::W, 6, 9, 0)).push(load(Size::W, 7, 9, 4)).push(load(
                    Size::W,
                    8,
                    9,
                    12,
                ));
                code.push(alu64(AluOp::And, 8, Operand::Imm(7))).push(alu64(
                    AluOp::Add,
                    6,
                    Operand::Reg(r(8)),
                ));
                code.push(store(Size::DW, 10, -8, 6)).push(copy(1, 9)).push(set(2, 0)).push(helper(44));
                code.branch(Width::W64, Condition::Eq, r(8), Operand::Imm(0), end).push(set(7, 0)).place(end);
                code.push(load(Size::DW, 0, 10, -8)).push(Insn::Exit);
            })
        },
    ),
];

/// The first trip of the inner loop has another pointer in r2 than in r6, later ones the same.
fn names_of_pointers() -> Finding {
    refused_for(ProgramKind::Xdp, Addresses::Open, |code| {
        let (end, outer, inner, next, far) =
            (code.label(), code.label(), code.label(), code.label(), code.label());
        code.push(copy(9, 1)).push(load(Size::W, 6, 9, 0)).push(load(Size::W, 7, 9, 4)).push(load(
            Size::W,
            8,
            9,
            12,
        ));
        code.push(alu64(AluOp::And, 8, Operand::Imm(15))).push(set(5, 0)).place(outer);
        code.push(copy(2, 6)).push(alu64(AluOp::Add, 2, Operand::Reg(r(8)))).push(copy(6, 2)).push(add(5, 1));
        code.branch(Width::W64, Condition::Lt, r(5), Operand::Imm(3), outer);
        code.push(copy(2, 6)).push(alu64(AluOp::Add, 2, Operand::Reg(r(8)))).push(set(5, 0)).place(inner);
        code.push(copy(3, 6)).push(add(3, 8)).branch(
            Width::W64,
            Condition::Gt,
            r(3),
            Operand::Reg(r(7)),
            far,
        );
        code.push(load(Size::DW, 0, 2, 0)).place(far);
        code.push(copy(2, 6)).push(add(5, 1)).place(next);
        code.branch(Width::W64, Condition::Lt, r(5), Operand::Imm(3), inner).place(end);
    })
}

/// A number that is not known.
fn unknown(code: &mut Assembler, register: u8) {
    code.push(value_of(register, COUNTS)).push(load(Size::DW, register, register, 0));
}

const fn value_of(register: u8, map: u32) -> Insn {
    match kernel_bpf::insn::Reg::new(register) {
        Some(dst) => Insn::LoadImm { dst, value: Immediate::MapValue { map, offset: 0 } },
        None => Insn::Exit,
    }
}

fn fetch_add(src: u8) -> Insn {
    let (op, fetch) = (AtomicOp::Add, Fetch::Yes);
    Insn::Atomic { op, fetch, base: r(10), src: r(src), offset: -8, size: Size::DW }
}

fn lookup(code: &mut Assembler, index: u32) {
    code.push(store_imm(Size::DW, 10, -8, 0))
        .push(copy(2, 10))
        .push(add(2, -8))
        .push(map(1, index))
        .push(helper(1));
}

fn end(code: &mut Assembler) {
    code.push(set(0, 0)).push(Insn::Exit);
}

/// The program that `write` writes, ended, is refused whether addresses are open or secret.
fn refused(write: fn(&mut Assembler)) -> Finding {
    refused_as(Addresses::Open, write)?;
    refused_as(Addresses::Secret, write)
}

fn refused_as(addresses: Addresses, write: fn(&mut Assembler)) -> Finding {
    refused_for(ProgramKind::Syscall, addresses, write)
}

fn refused_for(kind: ProgramKind, addresses: Addresses, write: fn(&mut Assembler)) -> Finding {
    let mut code = Assembler::default();
    write(&mut code);
    end(&mut code);
    match refusal(kind, addresses, code)?.reason {
        Reason::Unreachable => Err("it is refused for another reason".into()),
        _ => Ok(()),
    }
}

/// A program that ends itself, with something in r0 that is a secret.
fn leaks(kind: ProgramKind, write: fn(&mut Assembler)) -> Finding {
    let mut code = Assembler::default();
    write(&mut code);
    match refusal(kind, Addresses::Secret, code)?.reason {
        Reason::Unreachable => Err("it is refused for another reason".into()),
        _ => Ok(()),
    }
}

/// A program some of which is never reached.
fn unreachable(write: fn(&mut Assembler)) -> Finding {
    let mut code = Assembler::default();
    write(&mut code);
    end(&mut code);
    match refusal(ProgramKind::Syscall, Addresses::Open, code)?.reason {
        Reason::Unreachable => Ok(()),
        reason => Err(format!("it is refused for another reason: {reason:?}")),
    }
}

fn refusal(kind: ProgramKind, addresses: Addresses, code: Assembler) -> Result<Rejection, String> {
    let (text, maps, mut workspace) = (code.finish(), maps(), vec![0; 1 << 16]);
    let program = BpfProgram::<ActiveProfile>::new(&text, 0, text.len() / 8, kind, &maps);
    let program = program.map_err(|error| error.to_string())?;
    match verify_with(program, &mut workspace, addresses, None) {
        Ok(_) => Err(format!("it is accepted ({addresses:?})")),
        Err(rejection) => {
            println!("    {addresses:?}: {rejection}");
            Ok(rejection)
        }
    }
}
