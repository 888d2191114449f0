//! Programs whose result is known, on the engine of this profile.

use super::{Defect, Finding, defect, that};
use crate::insn::{
    Size, Slot, Source, Width, add, alu, call_local, copy, exit, jump, jump_if, load, load_imm, mov, slot,
    store,
};
use crate::trusted;

const ADD: u8 = 0x00;
const MUL: u8 = 0x20;
const DIV: u8 = 0x30;
const LSH: u8 = 0x60;
const MOD: u8 = 0x90;
const RSH: u8 = 0x70;
const JEQ: u8 = 0x10;
const JGT: u8 = 0x20;
const JGE: u8 = 0x30;
const JSET: u8 = 0x40;
const JLE: u8 = 0xb0;

pub(super) const DEFECTS: &[Defect] = &[
    defect("CVE-2016-2383", "a backward jump did not lead where it was written", || {
        let code = [
            mov(0, 0),
            mov(1, 5),
            add(0, 3),
            add(1, -1),
            jump_if(Width::W64, 0x50, 1, Source::Imm(0), -3),
            exit(),
        ];
        returns(&code, 15)
    }),
    defect(
        "CVE-2021-29154",
        "displacements of branches were computed before the code between them shrank",
        || {
            // At and around the reach of a signed byte, and at the longest.
            for distance in [1usize, 20, 24, 25, 26, 30, 31, 32, 33, 126, 127, 128, 129, 4000, 32_700] {
                let mut code = vec![mov(0, 0), jump_if(Width::W64, JEQ, 0, Source::Imm(0), distance as i16)];
                code.extend(std::iter::repeat_n(add(0, 1), distance));
                code.push(exit());
                returns(&code, 0)?;
            }
            Ok(())
        },
    ),
    defect("CVE-2024-49888", "the smallest number divided by -1 trapped", || {
        for (width, least, quotient) in
            [(Width::W64, 1u64 << 63, 1u64 << 63), (Width::W32, 0x8000_0000, 0x8000_0000)]
        {
            for (code, expected) in [(DIV, quotient), (MOD, 0)] {
                let [low, high] = load_imm(0, least);
                returns(&[low, high, mov(1, -1), alu(width, code, 1, 0, Source::Reg(1)), exit()], expected)?;
                returns(&[low, high, alu(width, code, 1, 0, Source::Imm(-1)), exit()], expected)?;
            }
        }
        Ok(())
    }),
    defect(
        "ubpf #720",
        "address and length were added before they were compared, and wrapped around",
        || {
            for address in [u64::MAX, u64::MAX - 3, u64::MAX - 7, 0] {
                let [low, high] = load_imm(1, address);
                let outcome =
                    trusted::run([low, high, load(Size::DW, 0, 1, 0), exit()].as_flattened(), &mut []);
                that(outcome.is_err(), format!("it loads from {address:#x}"))?;
            }
            Ok(())
        },
    ),
    defect(
        "ubpf #596",
        "an exchange without the fetch bit did one thing interpreted and another compiled",
        || {
            for operation in [0xe0, 0xf0] {
                let code = [mov(0, 0), mov(1, 0), slot(0xdb, 10, 1, -8, operation), exit()];
                that(
                    trusted::run(code.as_flattened(), &mut []).is_err(),
                    format!("{operation:#x} is executed"),
                )?;
            }
            Ok(())
        },
    ),
    defect("ubpf #447", "constants above 0x7fffffff in unsigned comparisons", || {
        let compared = |width, code, number, taken| {
            let [low, high] = load_imm(1, number);
            let code = [mov(0, 1), low, high, jump_if(width, code, 1, Source::Imm(-1), 1), mov(0, 0), exit()];
            returns(&code, taken)
        };
        compared(Width::W64, JGT, u64::MAX, 0)?;
        compared(Width::W64, JGE, u64::MAX, 1)?;
        compared(Width::W64, JGE, 0xffff_ffff, 0)?;
        compared(Width::W64, JLE, 0xffff_ffff, 1)?;
        compared(Width::W32, JGE, 0xffff_ffff, 1)?;
        compared(Width::W32, JGT, 0xffff_ffff, 0)
    }),
    defect("rbpf 2f99865", "a 32-bit constant was extended the wrong way", || {
        returns(&[mov(0, -1), exit()], u64::MAX)?;
        returns(&[alu(Width::W32, 0xb0, 0, 0, Source::Imm(-1)), exit()], 0xffff_ffff)?;
        returns(&[mov(0, 0), alu(Width::W32, ADD, 0, 0, Source::Imm(-1)), exit()], 0xffff_ffff)
    }),
    defect("rbpf 0f36550", "a jump over a division skipped so many bytes, whatever the register", || {
        for dst in 0..10u8 {
            for src in (0..10).filter(|&src| src != dst) {
                for (divisor, quotient) in [(0, 0), (3, 14)] {
                    let divide = alu(Width::W64, DIV, 0, dst, Source::Reg(src));
                    returns(&[mov(dst, 42), mov(src, divisor), divide, copy(0, dst), exit()], quotient)?;
                }
            }
        }
        Ok(())
    }),
    defect("rbpf e312815", "a program larger than one page of machine code", || {
        let mut code = vec![mov(0, 0)];
        code.extend(std::iter::repeat_n(add(0, 1), 50_000));
        code.push(exit());
        returns(&code, 50_000)
    }),
    defect("rbpf 5fae4ec", "multiplying by zero was refused, the remainder by zero was not", || {
        returns(&[mov(0, 7), alu(Width::W64, MUL, 0, 0, Source::Imm(0)), exit()], 0)?;
        let accepted =
            |code: Slot| trusted::run_verified([mov(0, 7), code, exit()].as_flattened(), &mut []).is_ok();
        that(accepted(alu(Width::W64, MUL, 0, 0, Source::Imm(0))), "a product with 0 is refused")?;
        that(!accepted(alu(Width::W64, MOD, 0, 0, Source::Imm(0))), "a remainder by 0 is accepted")
    }),
    defect("rbpf 58e50aa", "the divisor is a constant, but a register was looked at", || {
        returns(&[mov(0, 7), mov(1, 0), alu(Width::W64, DIV, 0, 0, Source::Imm(7)), exit()], 1)?;
        returns(&[mov(0, 9), mov(1, 0), alu(Width::W64, MOD, 0, 0, Source::Imm(7)), exit()], 2)
    }),
    defect("CVE-2022-23066", "the quotient of a signed 32-bit division was extended the wrong way", || {
        returns(&[mov(0, -8), alu(Width::W32, DIV, 1, 0, Source::Imm(2)), exit()], 0xffff_fffc)
    }),
    defect("Jitterbug (shift)", "a shift by 0", || {
        for code in [LSH, RSH, 0xc0] {
            for width in [Width::W32, Width::W64] {
                let number = if width == Width::W32 { 0x8000_0001 } else { 0x8000_0001_0000_0001 };
                let [low, high] = load_imm(0, number);
                returns(&[low, high, mov(1, 0), alu(width, code, 0, 0, Source::Reg(1)), exit()], number)?;
            }
        }
        Ok(())
    }),
    defect(
        "Jitterbug (JSET)",
        "a test of bits with a negative constant looked at the lower half only",
        || {
            let [low, high] = load_imm(1, 1 << 40);
            returns(
                &[
                    mov(0, 1),
                    low,
                    high,
                    jump_if(Width::W64, JSET, 1, Source::Imm(i32::MIN), 1),
                    mov(0, 0),
                    exit(),
                ],
                1,
            )
        },
    ),
    defect("Jitterbug (byte)", "the byte of a register was stored from another", || {
        for register in (0..10).filter(|&register| register != 1) {
            let stored = store(Size::B, 10, -1, register);
            returns(&[mov(1, 0), mov(register, 0x1a5), stored, load(Size::B, 0, 10, -1), exit()], 0xa5)?;
        }
        Ok(())
    }),
    defect("rbpf PR #124", "calls of functions and jumps by the longest distance", || {
        returns(&[call_local(1), exit(), mov(0, 5), exit()], 5)?;
        returns(&[jump(2), mov(0, 1), exit(), mov(0, 2), jump(-4), exit()], 1)
    }),
    defect(
        "CVE-2021-3444 (engine)",
        "a remainder by zero leaves the dividend, a quotient by zero is zero",
        || {
            let [low, high] = load_imm(0, 0x1_2345_6789);
            let run = |width, code| [low, high, mov(1, 0), alu(width, code, 0, 0, Source::Reg(1)), exit()];
            returns(&run(Width::W64, MOD), 0x1_2345_6789)?;
            returns(&run(Width::W32, MOD), 0x2345_6789)?;
            returns(&run(Width::W64, DIV), 0)?;
            returns(&run(Width::W32, DIV), 0)
        },
    ),
];

fn returns(code: &[Slot], expected: u64) -> Finding {
    match trusted::run(code.as_flattened(), &mut []) {
        Ok(completion) => {
            that(completion.r0 == expected, format!("{:#x}, expected {expected:#x}", completion.r0))
        }
        Err(fault) => Err(fault.to_string()),
    }
}
