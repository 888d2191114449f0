//! Arithmetic and comparisons of abstract numbers.

use kernel_bpf::insn::{AluOp, Condition, Size, Width};
use kernel_bpf::interpreter::alu;
use kernel_bpf::verifier::value::{Scalar, Tnum, refine};

use super::{Defect, Finding, defect, that};

pub(super) const DEFECTS: &[Defect] = &[
    defect("CVE-2017-16996", "a number cut to 32 bits kept the range of all of it", || {
        let number = Scalar::range(0xffff_fffc, 0x1_0000_0004);
        let cut = number.truncated(Size::W);
        that([0xffff_fffc, 0xffff_ffff, 0, 4].iter().all(|&low| cut.contains(low)), format!("{cut:?}"))
    }),
    defect("CVE-2017-17852", "the range after 32-bit arithmetic was that of 64-bit arithmetic", || {
        holds_all(AluOp::Add, Width::W32, &span(0xffff_fff0, 0xffff_ffff), &span(0, 0x20))
    }),
    defect("CVE-2017-17853", "a right shift of a negative number kept its signed range", || {
        holds_all(AluOp::Rsh, Width::W64, &signed(-8, -1), &span(1, 4))
    }),
    defect("CVE-2018-18445", "a 32-bit right shift was applied to bounds of 64 bits", || {
        holds_all(AluOp::Rsh, Width::W32, &span(0x1_0000_0000, 0x1_8000_0000), &span(31, 31))
    }),
    defect("CVE-2020-8835", "a 32-bit comparison took the low halves of 64-bit bounds for a range", || {
        refines(Condition::Le, Width::W32, &span(1, 0x1_0000_0001), &span(1, 1))
    }),
    defect("CVE-2020-27194", "OR of 32 bits copied 64-bit bounds, cut off", || {
        holds_all(AluOp::Or, Width::W32, &span(1, 0x6_0000_0000), &span(0, 0))
    }),
    defect("CVE-2021-3444", "a 32-bit remainder by zero was taken to leave all 64 bits", || {
        holds_all(AluOp::Mod, Width::W32, &span(0x1_0000_0002, 0x1_0000_0004), &span(0, 1))
    }),
    defect("CVE-2021-3600", "a 32-bit division cut its operands the wrong way", || {
        holds_all(
            AluOp::Div,
            Width::W32,
            &span(0xffff_ffff, 0x1_0000_0001),
            &span(0x1_0000_0000, 0x1_0000_0001),
        )
    }),
    defect("CVE-2021-3490", "AND, OR and XOR of 32 bits left stale 32-bit bounds behind", || {
        let high = Scalar { bits: Tnum { value: 1, mask: 0xffff_ffff_0000_0000 }, ..Scalar::UNKNOWN };
        for op in [AluOp::And, AluOp::Or, AluOp::Xor] {
            for width in [Width::W32, Width::W64] {
                holds_all(op, width, &span(0x1_0000_0000, 0x1_0000_0001), &high)?;
            }
        }
        Ok(())
    }),
    defect("CVE-2021-31440", "the smallest 64-bit number alone became the smallest 32-bit one", || {
        refines(Condition::Ge, Width::W64, &span(0, u64::MAX), &span(1, 1))?;
        let (ge, _) =
            refine(Condition::Ge, true, Width::W64, &Scalar::UNKNOWN, &span(1, 1)).ok_or("nothing")?;
        that(ge.contains(0x1_0000_0000), format!("{ge:?}"))
    }),
    defect("CVE-2021-45402", "bounds after a 32-bit move were those before", || {
        holds_all(AluOp::Mov, Width::W32, &span(0, 0), &signed(-1, 1))
    }),
    defect(
        "CVE-2024-41003",
        "narrowing one operand of a comparison changed the constant it was compared with",
        || {
            for (condition, width) in [(Condition::Ne, Width::W64), (Condition::Gt, Width::W32)] {
                for outcome in [false, true] {
                    if let Some((_, src)) = refine(condition, outcome, width, &Scalar::UNKNOWN, &span(7, 7)) {
                        that(src.as_constant() == Some(7), format!("{src:?}"))?;
                    }
                }
            }
            Ok(())
        },
    ),
    defect(
        "PREVAIL df5641a3",
        "a 32-bit sign-extending move that changed nothing kept the upper half",
        || {
            let moved = signed(-1, 3).mov_sx(Width::W32, Size::B);
            that([0xffff_ffff, 0, 3].iter().all(|&number| moved.contains(number)), format!("{moved:?}"))
        },
    ),
    defect(
        "PREVAIL ae3a0ea6",
        "the range of a signed division was rounded down, the quotient is rounded to zero",
        || {
            holds_all(AluOp::SDiv, Width::W64, &signed(-7, 7), &signed(2, 3))?;
            holds_all(AluOp::SDiv, Width::W32, &signed(-7, 7), &signed(-3, -2))
        },
    ),
    defect("PREVAIL 098eac90", "a sign-extending load had the range of one that is not", || {
        let byte = Scalar::of_size(Size::B).sign_extended(Size::B);
        that(byte.contains(-128i64 as u64) && byte.contains(127), format!("{byte:?}"))
    }),
    defect(
        "Agni 2023",
        "operators were right only because a later step repaired them: bounds that disagree",
        || {
            // Not reduced: the parts say different things, and each operator must be right for what all of them say.
            let odd = Scalar { umin: 3, umax: 9, ..Scalar::UNKNOWN };
            for op in [AluOp::Add, AluOp::Sub, AluOp::Mul, AluOp::And, AluOp::Lsh, AluOp::Arsh] {
                holds_all(op, Width::W64, &odd, &span(0, 3))?;
                holds_all(op, Width::W32, &odd, &span(0, 3))?;
            }
            Ok(())
        },
    ),
];

fn span(min: u64, max: u64) -> Scalar {
    Scalar::range(min, max)
}

fn signed(min: i64, max: i64) -> Scalar {
    Scalar::signed_range(min, max)
}

/// Members of a set: those at its ends and those near numbers where defects were.
fn members(set: &Scalar) -> Vec<u64> {
    const EDGES: [u64; 9] =
        [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 0x1_8000_0000, 1 << 63, 31];
    let ends = [set.umin, set.umax, set.smin as u64, set.smax as u64, set.bits.value];
    let near = EDGES
        .into_iter()
        .chain(ends)
        .flat_map(|edge| (0..9).map(move |by| edge.wrapping_add(by).wrapping_sub(4)));
    near.filter(|&number| set.contains(number)).collect()
}

fn holds_all(op: AluOp, width: Width, dst: &Scalar, src: &Scalar) -> Finding {
    let result = dst.alu(op, width, src);
    for one in members(dst) {
        for two in members(src) {
            let number = alu::alu(op, width, one, two);
            that(
                result.contains(number),
                format!("{op:?} {width:?}: {one:#x}, {two:#x}: {number:#x} not in {result:?}"),
            )?;
        }
    }
    that(!members(dst).is_empty() && !members(src).is_empty(), "there are no members to try")
}

fn refines(condition: Condition, width: Width, dst: &Scalar, src: &Scalar) -> Finding {
    for outcome in [false, true] {
        let refined = refine(condition, outcome, width, dst, src);
        for one in members(dst) {
            for two in members(src) {
                if alu::holds(condition, width, one, two) == outcome {
                    let kept = refined.is_some_and(|(dst, src)| dst.contains(one) && src.contains(two));
                    that(
                        kept,
                        format!("{condition:?} {width:?} {outcome}: {one:#x}, {two:#x} not in {refined:?}"),
                    )?;
                }
            }
        }
    }
    Ok(())
}
