//! What a solver is asked: for each operator, whether there are abstract operands and members of them whose outcome
//! the result does not hold. The answer must be `unsat`.
//!
//! What members are, and what instructions do, is written here in SMT-LIB's own functions, apart from the operators.
//! The operands need not be reduced. The questions follow how the operators are put together:
//! - [`known`]: each operator on numbers of one width, which is that of a register or of its low half;
//! - [`scalar`]: that a register's abstract number is taken apart and put together without losing a member; that
//!   reduction loses none; and what is done with registers as a whole: branches, conversions, joins.
//!
//! Questions whose name begins with `whole_` are asked about both together; they are for short registers. Those that
//! begin with `wrong_` are asked about an operator that is wrong on purpose and must be answered `sat`. A 32 or 64 at
//! the end tells what is operated on in a register of 64 bits; in shorter ones it is as much of them.

pub mod known;
pub mod scalar;

use std::fmt::Debug;

use kernel_bpf::insn::AluOp;
use kernel_bpf::verifier::value::Scalar;
use kernel_bpf::verifier::value::word::{Wide, Word};

use super::term::{Term, Truth, take_definitions};

/// Terms that can be variables.
pub trait Symbolic: Word<Bit = Truth> {
    /// A variable.
    fn variable(name: String) -> Self;
}

impl<const BITS: u32> Symbolic for Term<BITS> {
    fn variable(name: String) -> Self {
        Self::variable(name)
    }
}

/// A register of terms.
pub trait Register: Symbolic + Wide<Half: Symbolic> {}

impl<W: Symbolic + Wide<Half: Symbolic>> Register for W {}

/// Part of what a question claims.
struct Claim {
    /// Which part; of a branch, first of which operand.
    part: String,
    text: String,
    /// What may be true or false; the claim is asked in each case, which a solver finds easier.
    splits: Vec<String>,
}

/// A question.
pub struct Query {
    /// What it is about; a file name.
    pub name: String,
    /// In SMT-LIB 2: assumptions, then each part of the claim, negated, between `push` and `pop`.
    pub text: String,
}

/// Every question about registers of this width.
#[must_use]
pub fn queries<W: Register>() -> Vec<Query> {
    let mut queries = scalar::queries::<W>();
    queries.extend(known::queries::<W>(64));
    queries.extend(known::queries::<W::Half>(32));
    queries
}

/// The question whether all of `claims` follow from `assumptions`.
fn query(name: String, assumptions: &[String], claims: &[Claim]) -> Query {
    let mut text = format!("(set-logic QF_BV)\n{}", take_definitions());
    for assumption in assumptions {
        text += &format!("(assert {assumption})\n");
    }
    for Claim { part, text: claim, splits } in claims {
        for case in cases(splits) {
            text += &format!("(push 1) ; {part}\n{case}(assert (not {claim}))\n(check-sat)\n(pop 1)\n");
        }
    }
    Query { name, text }
}

/// Assertions for each way that the conditions can be true or false.
fn cases(conditions: &[String]) -> Vec<String> {
    conditions.iter().fold(vec![String::new()], |cases, condition| {
        let with = |case: &String| {
            [format!("{case}(assert {condition})\n"), format!("{case}(assert (not {condition}))\n")]
        };
        cases.iter().flat_map(with).collect()
    })
}

/// That bit `place` of a term is 1.
fn bit(place: u32, term: &str) -> String {
    format!("(= ((_ extract {place} {place}) {term}) (_ bv1 1))")
}

/// The low `bits` of a term.
fn low(bits: u32, term: &str) -> String {
    format!("((_ extract {} 0) {term})", bits - 1)
}

fn between(order: &str, min: impl Debug, number: &str, max: impl Debug) -> String {
    format!("(and ({order} {min:?} {number}) ({order} {number} {max:?}))")
}

/// Any number of the width of `W`.
fn number<W: Symbolic>(name: &str) -> String {
    format!("{:?}", W::variable(name.to_owned()))
}

/// That `number` is in each part of `scalar`.
fn parts<W: Register>(scalar: &Scalar<W>, number: &str) -> [(&'static str, String); 5] {
    let low = low(W::Half::WIDTH, number);
    let Scalar { bits, umin, umax, smin, smax, umin32, umax32, smin32, smax32 } = scalar;
    [
        ("bits", format!("(= (bvand {number} (bvnot {:?})) {:?})", bits.mask, bits.value)),
        ("unsigned", between("bvule", umin, number, umax)),
        ("signed", between("bvsle", smin, number, smax)),
        ("low unsigned", between("bvule", umin32, &low, umax32)),
        ("low signed", between("bvsle", smin32, &low, smax32)),
    ]
}

/// That `number` is in `scalar`.
fn member<W: Register>(scalar: &Scalar<W>, number: &str) -> String {
    format!("(and {})", parts(scalar, number).map(|(_, part)| part).join(" "))
}

/// Claims that `number` is in each part of `scalar`, in each case of the signs of `numbers`: of their low halves where
/// the part is about those.
fn claims<W: Register>(scalar: &Scalar<W>, number: &str, numbers: &[&str]) -> Vec<Claim> {
    let signs = |part: &str| {
        let width = if part.starts_with("low") { W::Half::WIDTH } else { W::WIDTH };
        numbers.iter().map(|number| bit(width - 1, number)).collect()
    };
    let claim = |(part, text): (&str, String)| Claim { part: part.to_owned(), text, splits: signs(part) };
    parts(scalar, number).map(claim).into()
}

/// What an operator does with numbers of `bits`: RFC 9669, section 4.1.
fn meaning(op: AluOp, bits: u32, x: &str, y: &str) -> String {
    let zero = format!("(_ bv0 {bits})");
    let count = format!("(bvand {y} (_ bv{} {bits}))", bits - 1);
    match op {
        AluOp::Add => format!("(bvadd {x} {y})"),
        AluOp::Sub => format!("(bvsub {x} {y})"),
        AluOp::Mul => format!("(bvmul {x} {y})"),
        AluOp::Div => format!("(ite (= {y} {zero}) {zero} (bvudiv {x} {y}))"),
        AluOp::SDiv => format!("(ite (= {y} {zero}) {zero} (bvsdiv {x} {y}))"),
        AluOp::Mod => format!("(ite (= {y} {zero}) {x} (bvurem {x} {y}))"),
        AluOp::SMod => format!("(ite (= {y} {zero}) {x} (bvsrem {x} {y}))"),
        AluOp::Or => format!("(bvor {x} {y})"),
        AluOp::And => format!("(bvand {x} {y})"),
        AluOp::Xor => format!("(bvxor {x} {y})"),
        AluOp::Mov => y.to_owned(),
        AluOp::Lsh => format!("(bvshl {x} {count})"),
        AluOp::Rsh => format!("(bvlshr {x} {count})"),
        AluOp::Arsh => format!("(bvashr {x} {count})"),
    }
}
