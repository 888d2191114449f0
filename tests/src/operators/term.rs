//! Words that are terms of SMT-LIB 2 (theory of bit vectors): an operator computed with them gives the formula of what
//! it computes.
//!
//! A term is a number or the name of a definition in its thread's `Definitions`; equal terms have one name.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::ops::{BitAnd, BitOr, BitXor, Not};

use kernel_bpf::insn::Size;
use kernel_bpf::verifier::value::word::{Bit, Merge, Wide, Word};

/// What the terms of a thread stand for.
#[derive(Debug, Default)]
struct Definitions {
    names: HashMap<String, u32>,
    text: String,
}

thread_local! {
    static DEFINITIONS: RefCell<Definitions> = RefCell::default();
}

/// All definitions so far, in an order in which each uses earlier ones only; forgets them.
#[must_use]
pub fn take_definitions() -> String {
    DEFINITIONS.take().text
}

/// The number of a definition or declaration.
fn define(prefix: char, sort: &str, expression: String) -> u32 {
    DEFINITIONS.with_borrow_mut(|definitions| {
        let next = definitions.names.len() as u32;
        if let Some(&name) = definitions.names.get(&expression) {
            return name;
        }
        let _ = writeln!(definitions.text, "(define-fun {prefix}{next} () {sort} {expression})");
        definitions.names.insert(expression, next);
        next
    })
}

/// A word of `BITS` bits.
#[derive(Clone, Copy)]
pub enum Term<const BITS: u32> {
    /// A number.
    Literal(u64),
    /// A definition.
    Defined(u32),
    /// A variable of this name.
    Variable(&'static str),
}

/// A bit.
#[derive(Clone, Copy)]
pub enum Truth {
    /// Known.
    Literal(bool),
    /// A definition.
    Defined(u32),
}

impl<const BITS: u32> Term<BITS> {
    /// A variable that can be any number. `name` is used once.
    #[must_use]
    pub fn variable(name: String) -> Self {
        DEFINITIONS.with_borrow_mut(|definitions| {
            let _ = writeln!(definitions.text, "(declare-const {name} (_ BitVec {BITS}))");
        });
        Self::Variable(name.leak())
    }

    fn defined(expression: String) -> Self {
        Self::Defined(define('t', &format!("(_ BitVec {BITS})"), expression))
    }

    const fn literal_of(number: u64) -> Self {
        Self::Literal(if BITS == 64 { number } else { number & ((1 << BITS) - 1) })
    }

    fn call(function: &str, a: Self, b: Self) -> Self {
        Self::defined(format!("({function} {a} {b})"))
    }

    const fn is(self, number: u64) -> bool {
        matches!(self, Self::Literal(literal) if literal == number)
    }

    const ONES: u64 = u64::MAX >> (64 - BITS);
}

impl Truth {
    fn defined(expression: String) -> Self {
        Self::Defined(define('p', "Bool", expression))
    }
}

impl<const BITS: u32> fmt::Display for Term<BITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(number) => write!(f, "(_ bv{number} {BITS})"),
            Self::Defined(name) => write!(f, "t{name}"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

impl<const BITS: u32> fmt::Debug for Term<BITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(truth) => write!(f, "{truth}"),
            Self::Defined(name) => write!(f, "p{name}"),
        }
    }
}

impl fmt::Debug for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Operators must compare words by [`Word::equals`]: whether two terms are the same number is not known here.
impl<const BITS: u32> PartialEq for Term<BITS> {
    fn eq(&self, _: &Self) -> bool {
        panic!("an operator asks whether two words are equal instead of choosing by a bit");
    }
}

impl<const BITS: u32> Eq for Term<BITS> {}

impl<const BITS: u32> BitAnd for Term<BITS> {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        match (self, other) {
            (Self::Literal(a), Self::Literal(b)) => Self::Literal(a & b),
            (a, b) if a.is(0) || b.is(Self::ONES) => a,
            (a, b) if b.is(0) || a.is(Self::ONES) => b,
            (a, b) => Self::call("bvand", a, b),
        }
    }
}

impl<const BITS: u32> BitOr for Term<BITS> {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        match (self, other) {
            (Self::Literal(a), Self::Literal(b)) => Self::Literal(a | b),
            (a, b) if b.is(0) || a.is(Self::ONES) => a,
            (a, b) if a.is(0) || b.is(Self::ONES) => b,
            (a, b) => Self::call("bvor", a, b),
        }
    }
}

impl<const BITS: u32> BitXor for Term<BITS> {
    type Output = Self;
    fn bitxor(self, other: Self) -> Self {
        match (self, other) {
            (Self::Literal(a), Self::Literal(b)) => Self::Literal(a ^ b),
            (a, b) if b.is(0) => a,
            (a, b) if a.is(0) => b,
            (a, b) => Self::call("bvxor", a, b),
        }
    }
}

impl<const BITS: u32> Not for Term<BITS> {
    type Output = Self;
    fn not(self) -> Self {
        match self {
            Self::Literal(number) => Self::literal_of(!number),
            term => Self::defined(format!("(bvnot {term})")),
        }
    }
}

impl<const BITS: u32> Merge<Truth> for Term<BITS> {
    fn merge(bit: Truth, yes: Self, no: Self) -> Self {
        match (bit, yes, no) {
            (Truth::Literal(bit), yes, no) => {
                if bit {
                    yes
                } else {
                    no
                }
            }
            (_, Self::Literal(a), Self::Literal(b)) if a == b => yes,
            (_, Self::Defined(a), Self::Defined(b)) if a == b => yes,
            _ => Self::defined(format!("(ite {bit} {yes} {no})")),
        }
    }
}

impl<const BITS: u32> Word for Term<BITS> {
    type Bit = Truth;
    type Signed = Self;

    const WIDTH: u32 = BITS;
    const ZERO: Self = Self::Literal(0);
    const ONE: Self = Self::Literal(1);
    const MAX: Self = Self::Literal(Self::ONES);
    const SIGN: Self = Self::Literal(1 << (BITS - 1));
    const LEAST: Self = Self::SIGN;
    const MOST: Self = Self::Literal(Self::ONES >> 1);

    fn literal(value: u64) -> Self {
        Self::literal_of(value)
    }
    fn number(self) -> Option<u64> {
        None
    }
    fn signed(self) -> Self {
        self
    }
    fn unsigned(signed: Self) -> Self {
        signed
    }
    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Literal(a), Self::Literal(b)) => Self::literal_of(a.wrapping_add(b)),
            (a, b) if b.is(0) => a,
            (a, b) if a.is(0) => b,
            (a, b) => Self::call("bvadd", a, b),
        }
    }
    fn minus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Literal(a), Self::Literal(b)) => Self::literal_of(a.wrapping_sub(b)),
            (a, b) if b.is(0) => a,
            (a, b) => Self::call("bvsub", a, b),
        }
    }
    fn times(self, other: Self) -> (Self, Self) {
        let wide = |term: Self| format!("((_ zero_extend {BITS}) {term})");
        let product = format!("(bvmul {} {})", wide(self), wide(other));
        let product = define('t', &format!("(_ BitVec {})", 2 * BITS), product);
        let half = |high, low| Self::defined(format!("((_ extract {high} {low}) t{product})"));
        (half(BITS - 1, 0), half(2 * BITS - 1, BITS))
    }
    fn over(self, other: Self) -> Self {
        let zero = Self::ZERO;
        other.is_zero().select(zero, Self::call("bvudiv", self, other))
    }
    fn left(self, count: u32) -> Self {
        match self {
            Self::Literal(number) => Self::literal_of(number << count),
            term if count == 0 => term,
            term => Self::call("bvshl", term, Self::Literal(count.into())),
        }
    }
    fn right(self, count: u32) -> Self {
        match self {
            Self::Literal(number) => Self::Literal(number >> count),
            term if count == 0 => term,
            term => Self::call("bvlshr", term, Self::Literal(count.into())),
        }
    }
    fn right_signed(self, count: u32) -> Self {
        if count == 0 { self } else { Self::call("bvashr", self, Self::Literal(count.into())) }
    }
    fn smeared(self) -> Self {
        (0..BITS.ilog2()).fold(self, |word, step| word | word.right(1 << step))
    }
    fn equals(self, other: Self) -> Truth {
        match (self, other) {
            (Self::Literal(a), Self::Literal(b)) => Truth::Literal(a == b),
            (a, b) => Truth::defined(format!("(= {a} {b})")),
        }
    }
    fn below(self, other: Self) -> Truth {
        match (self, other) {
            (Self::Literal(a), Self::Literal(b)) => Truth::Literal(a < b),
            (a, b) => Truth::defined(format!("(bvult {a} {b})")),
        }
    }
}

/// A term of `$bits` with halves of `$half`.
macro_rules! wide {
    ($bits:literal, $half:literal) => {
        impl Wide for Term<$bits> {
            type Half = Term<$half>;

            fn low(self) -> Term<$half> {
                match self {
                    Self::Literal(number) => Term::literal_of(number),
                    term => Term::defined(format!("((_ extract {} 0) {term})", $half - 1)),
                }
            }
            fn high(self) -> Term<$half> {
                match self {
                    Self::Literal(number) => Term::literal_of(number >> $half),
                    term => Term::defined(format!("((_ extract {} {}) {term})", $bits - 1, $half)),
                }
            }
            fn of_halves(high: Term<$half>, low: Term<$half>) -> Self {
                match (high, low) {
                    (Term::Literal(high), Term::Literal(low)) => Self::Literal(high << $half | low),
                    (high, low) => Self::defined(format!("(concat {high} {low})")),
                }
            }
            fn swapped(self, size: Size) -> Self {
                Self::defined(swap($bits, size, &self.to_string()))
            }
        }
    };
}

wide!(64, 32);
wide!(32, 16);
wide!(16, 8);
wide!(8, 4);

/// The term whose low bytes, as `size` tells, are those of `term` in reverse order, the others zero.
#[must_use]
pub fn swap(register: u32, size: Size, term: &str) -> String {
    let byte = register / 8;
    let bytes = (0..size.bytes() as u32).fold(String::new(), |text, index| {
        text + &format!(" ((_ extract {} {}) {term})", (index + 1) * byte - 1, index * byte)
    });
    match register - size.bytes() as u32 * byte {
        0 => format!("(concat{bytes})"),
        rest => format!("(concat (_ bv0 {rest}){bytes})"),
    }
}

impl BitAnd for Truth {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        match (self, other) {
            (Self::Literal(true), bit) | (bit, Self::Literal(true)) => bit,
            (Self::Literal(false), _) | (_, Self::Literal(false)) => Self::FALSE,
            (a, b) => Self::defined(format!("(and {a} {b})")),
        }
    }
}

impl BitOr for Truth {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        match (self, other) {
            (Self::Literal(false), bit) | (bit, Self::Literal(false)) => bit,
            (Self::Literal(true), _) | (_, Self::Literal(true)) => Self::TRUE,
            (a, b) => Self::defined(format!("(or {a} {b})")),
        }
    }
}

impl Not for Truth {
    type Output = Self;
    fn not(self) -> Self {
        match self {
            Self::Literal(truth) => Self::Literal(!truth),
            truth => Self::defined(format!("(not {truth})")),
        }
    }
}

impl Merge<Self> for Truth {
    fn merge(bit: Self, yes: Self, no: Self) -> Self {
        (bit & yes) | (!bit & no)
    }
}

impl Bit for Truth {
    const TRUE: Self = Self::Literal(true);
    const FALSE: Self = Self::Literal(false);

    fn choose<T: Merge<Self>>(self, yes: impl FnOnce() -> T, no: impl FnOnce() -> T) -> T {
        match self {
            Self::Literal(true) => yes(),
            Self::Literal(false) => no(),
            bit => T::merge(bit, yes(), no()),
        }
    }

    fn known(self) -> Option<bool> {
        match self {
            Self::Literal(truth) => Some(truth),
            Self::Defined(_) => None,
        }
    }
}
