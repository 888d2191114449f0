//! Questions about operators on numbers of one width.

use kernel_bpf::insn::AluOp;
use kernel_bpf::verifier::value::Tnum;
use kernel_bpf::verifier::value::interval::{Halves, Interval};
use kernel_bpf::verifier::value::known::{Known, Shift};
use kernel_bpf::verifier::value::word::Word;

use super::{Claim, Query, Symbolic, between, bit, meaning, number, query};

/// Every question about words that are `bits` in a register of 64.
#[must_use]
pub fn queries<W: Symbolic>(bits: u32) -> Vec<Query> {
    type Operator<W> = (AluOp, fn(Known<W>, Known<W>) -> Known<W>);
    let operators: [Operator<W>; 10] = [
        (AluOp::Add, Known::sum),
        (AluOp::Sub, Known::difference),
        (AluOp::Mul, Known::product),
        (AluOp::Div, Known::quotient),
        (AluOp::SDiv, Known::signed_quotient),
        (AluOp::Mod, Known::remainder),
        (AluOp::SMod, Known::signed_remainder),
        (AluOp::And, Known::and),
        (AluOp::Or, Known::or),
        (AluOp::Xor, Known::xor),
    ];
    let shifts = [(AluOp::Lsh, Shift::Left), (AluOp::Rsh, Shift::Right), (AluOp::Arsh, Shift::RightSigned)];
    let mut queries: Vec<Query> =
        operators.into_iter().map(|(op, operator)| binary(bits, op, operator)).collect();
    queries.extend(shifts.map(|(op, shift)| shifting::<W>(bits, op, shift)));
    queries.push(joining::<W>(bits));
    queries.push(wrong::<W>(bits));
    queries
}

/// Any abstract number, of variables named after `name`, and that its pieces are in their halves.
fn any<W: Symbolic>(name: &str) -> (Known<W>, String) {
    let word = |part: &str| W::variable(format!("{name}_{part}"));
    let known = Known {
        bits: Tnum { value: word("value"), mask: word("mask") },
        halves: Halves {
            lower: Interval { min: word("lower_min"), max: word("lower_max") },
            upper: Interval { min: word("upper_min"), max: word("upper_max") },
        },
    };
    let formed = formed(known);
    (known, formed)
}

/// That both pieces are in their halves, where they hold any number.
fn formed<W: Word>(Known { halves: Halves { lower, upper }, .. }: Known<W>) -> String {
    let piece = |Interval { min, max }: Interval<W>, end: W, function: &str| {
        let empty = format!("(and (= {min:?} {:?}) (= {max:?} {:?}))", W::MAX, W::ZERO);
        let inside = format!("({function} {end:?} {:?})", W::SIGN);
        format!("(or {empty} (and (bvule {min:?} {max:?}) {inside}))")
    };
    format!("(and {} {})", piece(lower, lower.max, "bvult"), piece(upper, upper.min, "bvuge"))
}

fn in_bits<W: Word>(known: Known<W>, number: &str) -> String {
    format!("(= (bvand {number} (bvnot {:?})) {:?})", known.bits.mask, known.bits.value)
}

fn in_range<W: Word>(Known { halves: Halves { lower, upper }, .. }: Known<W>, number: &str) -> String {
    let piece = |Interval { min, max }: Interval<W>| between("bvule", min, number, max);
    format!("(ite {} {} {})", bit(W::WIDTH - 1, number), piece(upper), piece(lower))
}

fn member<W: Word>(known: Known<W>, number: &str) -> String {
    format!("(and {} {})", in_bits(known, number), in_range(known, number))
}

/// Claims that `outcome` is in both parts, in each case of the signs of it and of `numbers`, and that the parts are as
/// they should be.
fn claims<W: Word>(known: Known<W>, outcome: &str, numbers: &[&str]) -> Vec<Claim> {
    let splits = |numbers: &[&str]| numbers.iter().map(|number| bit(W::WIDTH - 1, number)).collect();
    let range = splits(&[numbers, &[outcome]].concat());
    vec![
        Claim { part: "bits".to_owned(), text: in_bits(known, outcome), splits: splits(numbers) },
        Claim { part: "range".to_owned(), text: in_range(known, outcome), splits: range },
        Claim { part: "form".to_owned(), text: formed(known), splits: Vec::new() },
    ]
}

fn binary<W: Symbolic>(bits: u32, op: AluOp, operator: fn(Known<W>, Known<W>) -> Known<W>) -> Query {
    let ((a, formed_a), (b, formed_b)) = (any::<W>("a"), any::<W>("b"));
    let (x, y) = (number::<W>("x"), number::<W>("y"));
    let outcome = meaning(op, W::WIDTH, &x, &y);
    let assumptions = [formed_a, formed_b, member(a, &x), member(b, &y)];
    query(format!("{op:?}{bits}").to_lowercase(), &assumptions, &claims(operator(a, b), &outcome, &[&x, &y]))
}

/// A shift by each count.
fn shifting<W: Symbolic>(bits: u32, op: AluOp, shift: Shift) -> Query {
    let ((a, formed_a), x) = (any::<W>("a"), number::<W>("x"));
    let mut all = Vec::new();
    for count in 0..W::WIDTH {
        let outcome = meaning(op, W::WIDTH, &x, &format!("(_ bv{count} {})", W::WIDTH));
        let by_count = claims(a.shifted_by(shift, count), &outcome, &[&x]);
        all.extend(
            by_count.into_iter().map(|claim| Claim { part: format!("{} by {count}", claim.part), ..claim }),
        );
    }
    query(format!("{op:?}{bits}").to_lowercase(), &[formed_a, member(a, &x)], &all)
}

fn joining<W: Symbolic>(bits: u32) -> Query {
    let ((a, formed_a), (b, formed_b)) = (any::<W>("a"), any::<W>("b"));
    let x = number::<W>("x");
    let either = format!("(or {} {})", member(a, &x), member(b, &x));
    query(format!("join{bits}"), &[formed_a, formed_b, either], &claims(a.join(b), &x, &[]))
}

/// Sums are not in the differences: this must have an example.
fn wrong<W: Symbolic>(bits: u32) -> Query {
    let ((a, formed_a), (b, formed_b)) = (any::<W>("a"), any::<W>("b"));
    let (x, y) = (number::<W>("x"), number::<W>("y"));
    let outcome = meaning(AluOp::Add, W::WIDTH, &x, &y);
    let assumptions = [formed_a, formed_b, member(a, &x), member(b, &y)];
    let range = Claim {
        part: "range".to_owned(),
        text: in_range(a.difference(b), &outcome),
        splits: vec![bit(W::WIDTH - 1, &x)],
    };
    query(format!("wrong_add{bits}"), &assumptions, &[range])
}
