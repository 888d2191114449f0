//! Operators compared with what instructions do, on all members of all abstract numbers.

use std::fmt;

use kernel_bpf::insn::{AluOp, Condition, Width};
use kernel_bpf::verifier::value::refine;

use super::meaning;
use super::states::{Set, Sets, State, members};

/// What came of checking an operator.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Results looked at.
    pub results: u64,
    /// Those that are the smallest abstract number that holds every outcome.
    pub best: u64,
    /// Those that lack an outcome.
    pub unsound: u64,
    /// The first that lacks one.
    pub example: Option<String>,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            results: self.results + other.results,
            best: self.best + other.best,
            unsound: self.unsound + other.unsound,
            example: self.example.or(other.example),
        }
    }

    /// Counts a result that is `found`, where the outcomes are `outcomes` and the best result is `best`.
    pub fn count(&mut self, outcomes: Set, found: Set, best: Set, example: impl FnOnce() -> String) {
        self.results += 1;
        self.best += u64::from(found == best);
        if outcomes & !found != 0 {
            self.unsound += 1;
            if self.example.is_none() {
                self.example = Some(format!("{}: {outcomes:016b} not in {found:016b}", example()));
            }
        }
    }

    /// The share of results that are the best.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.best as f64 / self.results as f64
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = 100.0 * self.share();
        write!(f, "{:>10} results, {:>6} unsound, {percent:>8.4} % best", self.results, self.unsound)?;
        self.example.iter().try_for_each(|example| write!(f, "\n    {example}"))
    }
}

/// Every arithmetic operator.
pub const OPERATORS: [AluOp; 14] = [
    AluOp::Add,
    AluOp::Sub,
    AluOp::Mul,
    AluOp::Div,
    AluOp::SDiv,
    AluOp::Mod,
    AluOp::SMod,
    AluOp::Or,
    AluOp::And,
    AluOp::Xor,
    AluOp::Lsh,
    AluOp::Rsh,
    AluOp::Arsh,
    AluOp::Mov,
];

/// Every condition.
pub const CONDITIONS: [Condition; 11] = [
    Condition::Eq,
    Condition::Ne,
    Condition::Set,
    Condition::Gt,
    Condition::Ge,
    Condition::Lt,
    Condition::Le,
    Condition::SGt,
    Condition::SGe,
    Condition::SLt,
    Condition::SLe,
];

/// Both widths.
pub const WIDTHS: [Width; 2] = [Width::W64, Width::W32];

/// What is checked of two abstract numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The results of an operator.
    Operator(AluOp, Width),
    /// Both operands where a condition has an outcome.
    Branch(Condition, Width, bool),
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = |width| if width == Width::W64 { 64 } else { 32 };
        match *self {
            Self::Operator(op, width) => f.pad(&format!("{op:?} {}", bits(width))),
            Self::Branch(condition, width, outcome) => {
                f.pad(&format!("{condition:?} {} {outcome}", bits(width)))
            }
        }
    }
}

/// All of them.
#[must_use]
pub fn checks() -> Vec<Check> {
    let operators = OPERATORS.iter().flat_map(|&op| WIDTHS.map(|width| Check::Operator(op, width)));
    let branches = CONDITIONS.iter().flat_map(|&condition| {
        WIDTHS.iter().flat_map(move |&width| [true, false].map(|is| Check::Branch(condition, width, is)))
    });
    operators.chain(branches).collect()
}

/// Which pairs of abstract numbers are looked at: one of so many, evenly.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// 1: all.
    pub one_of: usize,
}

impl Share {
    /// The share of these items, the first of which has so many before it.
    pub fn of<T>(self, before: usize, items: &[T]) -> impl Iterator<Item = &T> {
        let first = (self.one_of - before % self.one_of) % self.one_of;
        items.iter().skip(first).step_by(self.one_of)
    }
}

/// Looks at a share of all pairs of states.
#[must_use]
pub fn check(check: Check, sets: &Sets, states: &[State], share: Share) -> Tally {
    let known: Vec<(State, Set)> = states.iter().map(|state| (*state, sets.of(state))).collect();
    let table = Table::new(check);
    in_parallel(&known, |row, a, tally| {
        for b in share.of(row * known.len(), &known) {
            table.compare(check, sets, a, b, tally);
        }
    })
}

/// Adds up what `f` makes of each item, given its place, on all processors.
pub fn in_parallel<T: Sync>(items: &[T], f: impl Fn(usize, &T, &mut Tally) + Sync) -> Tally {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let part = |thread: usize| {
        let mut tally = Tally::default();
        let own = items.iter().enumerate().skip(thread).step_by(threads);
        own.for_each(|(place, item)| f(place, item, &mut tally));
        tally
    };
    std::thread::scope(|scope| {
        let part = &part;
        let others: Vec<_> = (1..threads).map(|thread| scope.spawn(move || part(thread))).collect();
        let others = others.into_iter().map(|thread| thread.join().expect("the check does not panic"));
        others.fold(part(0), Tally::and)
    })
}

/// For each number, what comes of it with each half of a set of others, as a set: outcomes of an operator, or those
/// of the others with which a condition has an outcome.
struct Table(Vec<[[Set; 256]; 2]>);

impl Table {
    fn new(check: Check) -> Self {
        let outcome = |x: u8, y: u8| match check {
            Check::Operator(op, width) => 1 << meaning::alu(4, op, width, x.into(), y.into()),
            Check::Branch(condition, width, outcome) => {
                Set::from(meaning::holds(4, condition, width, x.into(), y.into()) == outcome) << y
            }
        };
        let outcomes = |x, others: Set| members(others).fold(0, |set, y| set | outcome(x, y));
        let row = |x| {
            [
                std::array::from_fn(|low| outcomes(x, low as Set)),
                std::array::from_fn(|high| outcomes(x, (high as Set) << 8)),
            ]
        };
        Self((0..16).map(row).collect())
    }

    fn outcomes(&self, x: u8, others: Set) -> Set {
        let [low, high] = &self.0[usize::from(x)];
        low[usize::from(others & 255)] | high[usize::from(others >> 8)]
    }

    fn compare(
        &self,
        check: Check,
        sets: &Sets,
        (a, set_a): &(State, Set),
        (b, set_b): &(State, Set),
        tally: &mut Tally,
    ) {
        let example = || format!("{check} {set_a:016b} {set_b:016b}");
        match check {
            Check::Operator(op, width) => {
                let outcomes = members(*set_a).fold(0, |set, x| set | self.outcomes(x, *set_b));
                let found = sets.of(&a.alu(op, width, b));
                tally.count(outcomes, found, sets.closed(outcomes), example);
            }
            Check::Branch(condition, width, outcome) => {
                let (mut first, mut second) = (0, 0);
                for x in members(*set_a) {
                    let others = self.outcomes(x, *set_b);
                    first |= Set::from(others != 0) << x;
                    second |= others;
                }
                let found = refine(condition, outcome, width, a, b);
                let (dst, src) = found.map_or((0, 0), |(dst, src)| (sets.of(&dst), sets.of(&src)));
                tally.count(first, dst, sets.closed(first), example);
                tally.count(second, src, sets.closed(second), example);
            }
        }
    }
}
