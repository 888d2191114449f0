//! Questions about registers as a whole.

use kernel_bpf::insn::{AluOp, Condition, Size, Width};
use kernel_bpf::verifier::value::word::Word;
use kernel_bpf::verifier::value::{Scalar, Tnum, refine_parts};

use super::super::check::{CONDITIONS, OPERATORS, WIDTHS};
use super::super::term::swap;
use super::{Claim, Query, Register, Symbolic, bit, claims, low, meaning, member, number, query};

/// Every question about registers as a whole.
#[must_use]
pub fn queries<W: Register>() -> Vec<Query> {
    let mut queries = vec![
        reduction::<W>(),
        parting::<W>(),
        covering::<W>(),
        meeting::<W>(),
        union::<W>("join"),
        union::<W>("widened"),
    ];
    for width in WIDTHS {
        queries.extend(OPERATORS.map(|op| operator::<W>(op, width)));
        queries.extend([Size::B, Size::H, Size::W].map(|size| moving::<W>(width, size)));
    }
    queries.extend([Size::B, Size::H, Size::W].map(truncation::<W>));
    queries.extend([Size::H, Size::W, Size::DW].map(swapping::<W>));
    for condition in CONDITIONS {
        for width in WIDTHS {
            queries.extend([true, false].map(|outcome| branch::<W>(condition, width, outcome)));
        }
    }
    queries
}

/// Any abstract number, of variables named after `name`.
fn any<W: Register>(name: &str) -> Scalar<W> {
    let wide = |part: &str| W::variable(format!("{name}_{part}"));
    let low = |part: &str| W::Half::variable(format!("{name}_{part}"));
    Scalar {
        bits: Tnum { value: wide("value"), mask: wide("mask") },
        umin: wide("umin"),
        umax: wide("umax"),
        smin: wide("smin").signed(),
        smax: wide("smax").signed(),
        umin32: low("umin32"),
        umax32: low("umax32"),
        smin32: low("smin32").signed(),
        smax32: low("smax32").signed(),
    }
}

fn claim(part: &str, text: String) -> Claim {
    Claim { part: part.to_owned(), text, splits: Vec::new() }
}

fn reduction<W: Register>() -> Query {
    let (a, x) = (any::<W>("a"), number::<W>("x"));
    let (reduced, exists) = a.reduced();
    let mut claims = claims(&reduced, &x, &[&x]);
    claims.push(claim("exists", exists.to_string()));
    query("reduced".to_owned(), &[member(&a, &x)], &claims)
}

/// Taken apart and put together again, an abstract number is still one of the same members.
fn parting<W: Register>() -> Query {
    let (a, x) = (any::<W>("a"), number::<W>("x"));
    let again = Scalar::of_parts(a.wide(), a.low());
    query("parts".to_owned(), &[member(&a, &x)], &claims(&again, &x, &[&x]))
}

fn covering<W: Register>() -> Query {
    let (a, b, x) = (any::<W>("a"), any::<W>("b"), number::<W>("x"));
    let covers = a.covers(&b).to_string();
    query("covers".to_owned(), &[covers, member(&b, &x)], &claims(&a, &x, &[]))
}

fn union<W: Register>(name: &str) -> Query {
    let (a, b, x) = (any::<W>("a"), any::<W>("b"), number::<W>("x"));
    let both = if name == "join" { a.join(&b) } else { a.widened(&b) };
    let either = format!("(or {} {})", member(&a, &x), member(&b, &x));
    query(name.to_owned(), &[either], &claims(&both, &x, &[]))
}

fn meeting<W: Register>() -> Query {
    let (a, b, x) = (any::<W>("a"), any::<W>("b"), number::<W>("x"));
    let (met, possible) = a.meet_parts(&b);
    let mut claims = claims(&met, &x, &[]);
    claims.push(claim("possible", possible.to_string()));
    query("meet".to_owned(), &[member(&a, &x), member(&b, &x)], &claims)
}

const fn bits(width: Width) -> u32 {
    match width {
        Width::W64 => 64,
        Width::W32 => 32,
    }
}

fn operator<W: Register>(op: AluOp, width: Width) -> Query {
    let (a, b, x, y) = (any::<W>("a"), any::<W>("b"), number::<W>("x"), number::<W>("y"));
    let result = a.alu_parts(op, width, &b);
    let outcome = operated::<W>(width, |bits, low| meaning(op, bits, &low(&x), &low(&y)));
    let name = format!("whole_{op:?}{}", bits(width)).to_lowercase();
    query(name, &[member(&a, &x), member(&b, &y)], &claims(&result, &outcome, &[&x, &y]))
}

/// What `f` makes of operands of `width`, zero-extended. It gets the width in bits and what takes a register's part.
fn operated<W: Register>(width: Width, f: impl FnOnce(u32, &dyn Fn(&str) -> String) -> String) -> String {
    match width {
        Width::W64 => f(W::WIDTH, &str::to_owned),
        Width::W32 => {
            let half = W::Half::WIDTH;
            format!("((_ zero_extend {half}) {})", f(half, &|register| low(half, register)))
        }
    }
}

/// Bits of `size`, where a register is of 8 bytes.
const fn size_bits(register: u32, size: Size) -> u32 {
    register / 8 * size.bytes() as u32
}

const fn size_name(size: Size) -> u32 {
    size_bits(64, size)
}

fn moving<W: Register>(width: Width, from: Size) -> Query {
    let (a, x) = (any::<W>("a"), number::<W>("x"));
    let result = a.mov_sx_parts(width, from);
    let from_bits = size_bits(W::WIDTH, from);
    let outcome = operated::<W>(width, |bits, _| {
        format!("((_ sign_extend {}) {})", bits - from_bits, low(from_bits, &x))
    });
    let signs = || vec![bit(from_bits - 1, &x), bit(W::Half::WIDTH - 1, &x)];
    let claims = claims(&result, &outcome, &[]).into_iter().map(|claim| Claim { splits: signs(), ..claim });
    let name = format!("movsx{}to{}", size_name(from), bits(width));
    query(name, &[member(&a, &x)], &claims.collect::<Vec<_>>())
}

fn truncation<W: Register>(size: Size) -> Query {
    let (a, x) = (any::<W>("a"), number::<W>("x"));
    let bits = size_bits(W::WIDTH, size);
    let outcome = format!("((_ zero_extend {}) {})", W::WIDTH - bits, low(bits, &x));
    let claims = claims(&a.truncated_parts(size), &outcome, &[]);
    query(format!("truncated{}", size_name(size)), &[member(&a, &x)], &claims)
}

fn swapping<W: Register>(size: Size) -> Query {
    let (a, x) = (any::<W>("a"), number::<W>("x"));
    let claims = claims(&a.swapped_parts(size), &swap(W::WIDTH, size, &x), &[]);
    query(format!("bswap{}", size_name(size)), &[member(&a, &x)], &claims)
}

fn branch<W: Register>(condition: Condition, width: Width, outcome: bool) -> Query {
    let (a, b, x, y) = (any::<W>("a"), any::<W>("b"), number::<W>("x"), number::<W>("y"));
    let (dst, src) = refine_parts(condition, outcome, width, &a, &b);
    let compared = if width == Width::W64 { W::WIDTH } else { W::Half::WIDTH };
    let holds = holds(condition, compared, &low(compared, &x), &low(compared, &y));
    let happens = if outcome { holds } else { format!("(not {holds})") };
    let of = |operand: &str, claims: Vec<Claim>| {
        claims
            .into_iter()
            .map(|claim| Claim { part: format!("{operand} {}", claim.part), ..claim })
            .collect::<Vec<_>>()
    };
    let signs: &[&str] =
        if matches!(condition, Condition::Eq | Condition::Ne) { &[x.as_str(), y.as_str()] } else { &[] };
    let claims = [of("dst", claims(&dst, &x, signs)), of("src", claims(&src, &y, signs))];
    let name = format!("j{condition:?}{}_{outcome}", bits(width)).to_lowercase();
    let claims: Vec<Claim> = claims.into_iter().flatten().collect();
    query(name, &[member(&a, &x), member(&b, &y), happens], &claims)
}

/// Whether a condition holds of numbers of `bits`: RFC 9669, section 4.3.
fn holds(condition: Condition, bits: u32, x: &str, y: &str) -> String {
    match condition {
        Condition::Eq => format!("(= {x} {y})"),
        Condition::Ne => format!("(not (= {x} {y}))"),
        Condition::Set => format!("(not (= (bvand {x} {y}) (_ bv0 {bits})))"),
        Condition::Gt => format!("(bvugt {x} {y})"),
        Condition::Ge => format!("(bvuge {x} {y})"),
        Condition::Lt => format!("(bvult {x} {y})"),
        Condition::Le => format!("(bvule {x} {y})"),
        Condition::SGt => format!("(bvsgt {x} {y})"),
        Condition::SGe => format!("(bvsge {x} {y})"),
        Condition::SLt => format!("(bvslt {x} {y})"),
        Condition::SLe => format!("(bvsle {x} {y})"),
    }
}
