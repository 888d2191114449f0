//! Every operator on abstract numbers holds every outcome.
//!
//! All abstract numbers of 4 bits with halves of 2 are tried, with all their members, and all tristate numbers of 8 bits.
//! A plain run looks at a share of the pairs, which each test prints; `SKEP_SOUNDNESS_LONG=1` looks at all.

use std::collections::BTreeSet;

use kernel_bpf::insn::{AluOp, ByteOrder, Condition, Size, Width};
use kernel_bpf::verifier::value::word::Word as _;
use kernel_bpf::verifier::value::{Scalar, Tnum, refine};
use tests::operators::check::{self, CONDITIONS, Check, OPERATORS, Share, Tally, WIDTHS, in_parallel};
use tests::operators::meaning;
use tests::operators::query::{Query, queries};
use tests::operators::small::Small;
use tests::operators::states::{Set, Sets, State, best, members, tnums, words};
use tests::operators::term::Term;
use tests::random::Random;

/// Whether everything is looked at.
fn long() -> bool {
    std::env::var_os("SKEP_SOUNDNESS_LONG").is_some()
}

/// All, or one of so many.
fn share(one_of: usize) -> Share {
    Share { one_of: if long() { 1 } else { one_of } }
}

/// The share of the best results, in percent, below which an operator has become less precise; 100 for all others.
/// Rounded down: a share of the pairs has a slightly other one.
const PRECISION: [(Check, f64); 20] = [
    (Check::Operator(AluOp::Add, Width::W64), 91.8),
    (Check::Operator(AluOp::Sub, Width::W64), 91.8),
    (Check::Operator(AluOp::Mul, Width::W64), 47.7),
    (Check::Operator(AluOp::Mul, Width::W32), 94.5),
    (Check::Operator(AluOp::Div, Width::W64), 61.2),
    (Check::Operator(AluOp::SDiv, Width::W64), 90.8),
    (Check::Operator(AluOp::Mod, Width::W64), 31.3),
    (Check::Operator(AluOp::Mod, Width::W32), 94.9),
    (Check::Operator(AluOp::SMod, Width::W64), 66.3),
    (Check::Operator(AluOp::SMod, Width::W32), 89.0),
    (Check::Operator(AluOp::Or, Width::W64), 95.8),
    (Check::Operator(AluOp::And, Width::W64), 95.8),
    (Check::Operator(AluOp::Xor, Width::W64), 85.0),
    (Check::Operator(AluOp::Lsh, Width::W64), 67.7),
    (Check::Operator(AluOp::Rsh, Width::W64), 66.5),
    (Check::Operator(AluOp::Arsh, Width::W64), 77.1),
    (Check::Branch(Condition::Eq, Width::W64, false), 99.9),
    (Check::Branch(Condition::Ne, Width::W64, true), 99.9),
    (Check::Branch(Condition::Set, Width::W64, true), 97.2),
    (Check::Branch(Condition::Set, Width::W64, false), 79.2),
];

#[test]
fn no_outcome_of_an_operator_or_a_branch_is_lost() {
    let sets = Sets::new();
    let states = sets.all();
    assert_eq!(states.len(), 3175);
    let share = share(41);
    println!("{} abstract numbers, one of {} pairs", states.len(), share.one_of);
    let mut defects = Vec::new();
    for check in check::checks() {
        let tally = check::check(check, &sets, &states, share);
        println!("{check:<20} {tally}");
        let floor = PRECISION.iter().find(|(other, _)| *other == check).map_or(100.0, |(_, floor)| *floor);
        if tally.unsound > 0 || tally.share() * 100.0 < floor {
            defects.push(format!("{check}: {tally}; at least {floor} % best expected"));
        }
    }
    assert!(defects.is_empty(), "{}", defects.join("\n"));
}

#[test]
fn no_outcome_of_a_conversion_is_lost() {
    let sets = Sets::new();
    let states = sets.all();
    type Conversion = (String, Box<dyn Fn(&State) -> State>, Box<dyn Fn(u64) -> u64>);
    let mut conversions: Vec<Conversion> = Vec::new();
    let mut add = |name, found: Box<dyn Fn(&State) -> State>, outcome: Box<dyn Fn(u64) -> u64>| {
        conversions.push((name, found, outcome));
    };
    for width in WIDTHS {
        let negated = move |x| meaning::negated(4, width, x);
        add(format!("negated {width:?}"), Box::new(move |state| state.negated(width)), Box::new(negated));
        for from in [Size::H, Size::W, Size::DW] {
            let moved = move |x| meaning::mov_sx(4, width, from, x);
            let name = format!("mov_sx {width:?} {from:?}");
            add(name, Box::new(move |state| state.mov_sx(width, from)), Box::new(moved));
        }
    }
    for size in [Size::H, Size::W, Size::DW] {
        let truncated = move |x| meaning::truncated(4, size, x);
        let extended = move |x| meaning::mov_sx(4, Width::W64, size, x);
        add(format!("truncated {size:?}"), Box::new(move |state| state.truncated(size)), Box::new(truncated));
        let to_little = move |state: &State| state.swapped(ByteOrder::ToLittle, size);
        add(format!("little {size:?}"), Box::new(to_little), Box::new(truncated));
        let name = format!("sign-extended {size:?}");
        add(name, Box::new(move |state| state.sign_extended(size)), Box::new(extended));
    }
    for (name, found, outcome) in conversions {
        let mut tally = Tally::default();
        for state in &states {
            let outcomes = members(sets.of(state)).fold(0, |set, x| set | 1 << outcome(x.into()));
            tally.count(outcomes, sets.of(&found(state)), sets.closed(outcomes), || {
                format!("{name} {state:?}")
            });
        }
        println!("{name:<20} {tally}");
        assert_eq!((tally.unsound, tally.best), (0, tally.results), "{name}: {tally}");
    }
}

/// Every way to write an abstract number, in which no range is empty by itself.
#[test]
fn reduction_finds_the_smallest_of_each_set() {
    let sets = Sets::new();
    let smallest: Vec<Option<State>> = (0..=Set::MAX).map(best).collect();
    let share = share(97);
    let ranges: Vec<_> = words::<4>().flat_map(|min| words::<4>().map(move |max| (min, max))).collect();
    let unsigned: Vec<_> = ranges.iter().copied().filter(|(min, max)| min <= max).collect();
    let signed: Vec<_> = ranges.iter().copied().filter(|(min, max)| min.value() <= max.value()).collect();
    let lows: Vec<_> = words::<2>().flat_map(|min| words::<2>().map(move |max| (min, max))).collect();
    let low_unsigned: Vec<_> = lows.iter().copied().filter(|(min, max)| min <= max).collect();
    let low_signed: Vec<_> = lows.iter().copied().filter(|(min, max)| min.value() <= max.value()).collect();
    let wide: Vec<_> =
        tnums::<4>().flat_map(|bits| unsigned.iter().map(move |range| (bits, *range))).collect();
    let low: Vec<_> = signed.iter().flat_map(|s| low_unsigned.iter().map(move |low| (*s, *low))).collect();
    let low: Vec<_> = low.iter().flat_map(|(s, u)| low_signed.iter().map(move |l| (*s, *u, *l))).collect();
    let tally = in_parallel(&wide, |row, &(bits, (umin, umax)), tally| {
        for &((smin, smax), (umin32, umax32), (smin32, smax32)) in share.of(row * low.len(), &low) {
            let (smin, smax) = (smin.signed(), smax.signed());
            let (smin32, smax32) = (smin32.signed(), smax32.signed());
            let state = State { bits, umin, umax, smin, smax, umin32, umax32, smin32, smax32 };
            let set = sets.of(&state);
            let reduced = state.tightened();
            let found = reduced.map_or(0, |reduced| sets.of(&reduced));
            let is_smallest = reduced == smallest[usize::from(set)];
            tally.count(set, found, if is_smallest { found } else { !found }, || {
                format!("{state:?} {reduced:?}")
            });
        }
    });
    println!("one of {} ways: {tally}", share.one_of);
    assert_eq!((tally.unsound, tally.best), (0, tally.results), "{tally}");
}

#[test]
fn sets_are_met_joined_compared_and_widened() {
    let sets = Sets::new();
    let states: Vec<(State, Set)> = sets.all().into_iter().map(|state| (state, sets.of(&state))).collect();
    let smallest: Vec<Option<State>> = (0..=Set::MAX).map(best).collect();
    let share = share(7);
    let tally = in_parallel(&states, |row, (a, set_a), tally| {
        for (b, set_b) in share.of(row * states.len(), &states) {
            let (both, either) = (set_a & set_b, set_a | set_b);
            assert_eq!(a.meet(b), smallest[usize::from(both)], "{a:?} {b:?}");
            assert_eq!(Some(a.join(b)), smallest[usize::from(either)], "{a:?} {b:?}");
            assert_eq!(a.covers(b), set_b & !set_a == 0, "{a:?} {b:?}");
            let widened = a.widened(b);
            tally.count(either, sets.of(&widened), either, || format!("{a:?} widened by {b:?}: {widened:?}"));
            // What holds both already is not widened: so a chain of widenings ends.
            assert_eq!(widened.widened(b), widened, "{a:?} {b:?}");
            assert!(widened.covers(a) && widened.covers(b), "{a:?} {b:?} {widened:?}");
            assert!(!a.covers(b) || widened == *a, "{a:?} {b:?} {widened:?}");
            assert!(each_bound_stops(a, &widened), "{a:?} {b:?} {widened:?}");
        }
    });
    println!("one of {} pairs: {tally}", share.one_of);
    assert_eq!(tally.unsound, 0, "{tally}");
}

/// Whether each bound is where it was or at one of the few places where widening stops.
fn each_bound_stops(before: &State, after: &State) -> bool {
    let wide = [
        (before.umin, after.umin),
        (before.umax, after.umax),
        (Small::unsigned(before.smin), Small::unsigned(after.smin)),
        (Small::unsigned(before.smax), Small::unsigned(after.smax)),
    ];
    // 0, -1, the smallest and the largest signed number.
    wide.into_iter().all(|(before, after)| before == after || [0, 15, 8, 7].contains(&after.0))
}

/// A tristate operator, and what it does with numbers.
type Tristate = (&'static str, fn(Tnum<Small<8>>, Tnum<Small<8>>) -> Tnum<Small<8>>, fn(u8, u8) -> u8);

const TRISTATE: [Tristate; 6] = [
    ("sum", Tnum::sum, u8::wrapping_add),
    ("difference", Tnum::difference, u8::wrapping_sub),
    ("product", Tnum::product, u8::wrapping_mul),
    ("and", Tnum::and, |a, b| a & b),
    ("or", Tnum::or, |a, b| a | b),
    ("xor", Tnum::xor, |a, b| a ^ b),
];

/// The bits that are 1 in all outcomes, and those that are in any.
type Outcomes = (u8, u8);

const fn either(a: Outcomes, b: Outcomes) -> Outcomes {
    (a.0 & b.0, a.1 | b.1)
}

#[test]
fn tristate_operators_hold_every_outcome_of_8_bits() {
    let all: Vec<Tnum<Small<8>>> = tnums().collect();
    assert_eq!(all.len(), 6561);
    let share = share(31);
    let rows: Vec<&Tnum<Small<8>>> = share.of(0, &all).collect();
    println!("{} tristate numbers with each of {}", rows.len(), all.len());
    for (name, operator, outcome) in TRISTATE {
        let best = outcomes(&all, outcome);
        let tally = in_parallel(&rows, |_, a, tally| {
            for (column, b) in all.iter().enumerate() {
                let outcomes =
                    numbers(**a).fold((u8::MAX, 0), |sum, x| either(sum, best[usize::from(x)][column]));
                let result = operator(**a, *b);
                let Tnum { value: Small(value), mask: Small(mask) } = result;
                let holds =
                    value & mask == 0 && value & !outcomes.0 == 0 && outcomes.1 & !(value | mask) == 0;
                let is_best = holds && value == outcomes.0 && value | mask == outcomes.1;
                let found = Set::from(holds);
                tally.count(1, found, if is_best { found } else { !found }, || {
                    format!("{name} {a:?} {b:?}: {result:?}")
                });
            }
        });
        println!("{name:<12} {tally}");
        assert_eq!(tally.unsound, 0, "{name}: {tally}");
        let least = if name == "product" { 91.7 } else { 100.0 };
        assert!(tally.share() * 100.0 >= least, "{name}: {tally}");
    }
}

/// For each number, the outcomes with each tristate number.
fn outcomes(all: &[Tnum<Small<8>>], outcome: fn(u8, u8) -> u8) -> Vec<Vec<Outcomes>> {
    let with = |x: u8, b: &Tnum<Small<8>>| {
        let each = numbers(*b).map(|y| outcome(x, y));
        each.fold((u8::MAX, 0), |sum, outcome| either(sum, (outcome, outcome)))
    };
    (0..=u8::MAX).map(|x| all.iter().map(|b| with(x, b)).collect()).collect()
}

/// The members of a tristate number of 8 bits.
fn numbers(tnum: Tnum<Small<8>>) -> impl Iterator<Item = u8> {
    let Tnum { value: Small(value), mask: Small(mask) } = tnum;
    let mut next = Some(mask);
    std::iter::from_fn(move || {
        let part = next?;
        next = part.checked_sub(1).map(|rest| rest & mask);
        Some(value | part)
    })
}

#[test]
fn tristate_numbers_of_8_bits_are_what_their_members_are() {
    let share = share(5);
    let all: Vec<Tnum<Small<8>>> = tnums().collect();
    for a in share.of(0, &all) {
        let mut members: Vec<u8> = numbers(*a).collect();
        members.sort_unstable();
        assert!(words::<8>().all(|n| a.contains(n) == members.contains(&n.0)), "{a:?}");
        assert_eq!(Some(a.max().0), members.last().copied(), "{a:?}");
        for n in words::<8>() {
            let above = members.iter().copied().find(|&member| member >= n.0);
            let below = members.iter().rev().copied().find(|&member| member <= n.0);
            let found = |(member, exists): (Small<8>, bool)| exists.then_some(member.0);
            assert_eq!((found(a.ceil(n)), found(a.floor(n))), (above, below), "{a:?} {n:?}");
            let truncated: Vec<u8> = members.iter().map(|member| member & n.0).collect();
            assert_eq!(a.truncate(n), smallest(&truncated), "{a:?} {n:?}");
        }
        for count in 0..8 {
            let shifted = |f: &dyn Fn(u8) -> u8| smallest(&members.iter().map(|&n| f(n)).collect::<Vec<_>>());
            assert_eq!(a.lsh(count), shifted(&|n| n << count), "{a:?} {count}");
            assert_eq!(a.rsh(count), shifted(&|n| n >> count), "{a:?} {count}");
            assert_eq!(
                a.arsh(count),
                shifted(&|n| (n.cast_signed() >> count).cast_unsigned()),
                "{a:?} {count}"
            );
        }
        assert_eq!(Tnum::<Small<8>>::of_halves(a.high(), a.low()), *a);
        assert_eq!((a.high().mask.0, a.low().mask.0), (a.mask.0 >> 4, a.mask.0 & 15));
        for b in share.of(1, &all) {
            assert_eq!(a.covers(*b), numbers(*b).all(|n| a.contains(Small(n))), "{a:?} {b:?}");
            let (met, possible) = a.meet(*b);
            let both: Vec<u8> = numbers(*b).filter(|n| a.contains(Small(*n))).collect();
            assert_eq!(possible, !both.is_empty(), "{a:?} {b:?}");
            assert!(both.is_empty() || met == smallest(&both), "{a:?} {b:?}");
            let either: Vec<u8> = numbers(*a).chain(numbers(*b)).collect();
            assert_eq!(a.join(*b), smallest(&either), "{a:?} {b:?}");
        }
    }
    for (min, max) in (0..=u8::MAX).flat_map(|min| (min..=u8::MAX).map(move |max| (min, max))) {
        assert_eq!(Tnum::of_range(Small(min), Small(max)), smallest(&(min..=max).collect::<Vec<_>>()));
    }
}

/// The smallest tristate number that holds all of `numbers`.
fn smallest(numbers: &[u8]) -> Tnum<Small<8>> {
    let (and, or) = numbers.iter().fold((u8::MAX, 0), |(and, or), n| (and & n, or | n));
    Tnum { value: Small(and), mask: Small(and ^ or) }
}

/// Registers of 8 bits with halves of 4: too many abstract numbers to try all.
#[test]
fn no_outcome_of_8_bits_is_lost() {
    let tries = if long() { 2_000_000 } else { 2_000 };
    let seeds: Vec<u64> = (0..tries).collect();
    let tally = in_parallel(&seeds, |_, &seed, tally| {
        let mut random = Random::seeded(seed);
        let (a, b) = (wider_state(&mut random), wider_state(&mut random));
        let members =
            |state: &Scalar<Small<8>>| words::<8>().filter(|n| state.contains(*n)).collect::<Vec<_>>();
        let (of_a, of_b) = (members(&a), members(&b));
        let mut count =
            |holds: bool, what: String| tally.count(1, holds.into(), 1, || format!("seed {seed}: {what}"));
        for width in WIDTHS {
            for op in OPERATORS {
                let result = a.alu(op, width, &b);
                let outcome = |x: Small<8>, y: Small<8>| {
                    Small(meaning::alu(8, op, width, x.0.into(), y.0.into()) as u8)
                };
                let holds = of_a.iter().all(|x| of_b.iter().all(|y| result.contains(outcome(*x, *y))));
                count(holds, format!("{op:?} {width:?} {a:?} {b:?}: {result:?}"));
            }
            for (condition, outcome) in
                CONDITIONS.into_iter().flat_map(|condition| [(condition, true), (condition, false)])
            {
                let refined = refine(condition, outcome, width, &a, &b);
                let happens = |x: &Small<8>, y: &Small<8>| {
                    meaning::holds(8, condition, width, x.0.into(), y.0.into()) == outcome
                };
                let kept = |x, y| refined.is_some_and(|(dst, src)| dst.contains(x) && src.contains(y));
                let holds = of_a.iter().all(|x| of_b.iter().all(|y| !happens(x, y) || kept(*x, *y)));
                count(holds, format!("{condition:?} {outcome} {width:?} {a:?} {b:?}: {refined:?}"));
            }
        }
        conversions(&a, &mut |result, outcome, what| {
            let holds = of_a.iter().all(|x| result.contains(Small(outcome(x.0.into()) as u8)));
            count(holds, format!("{what} {a:?}: {result:?}"));
        });
        let widened = a.widened(&b);
        let holds = of_a.iter().chain(&of_b).all(|n| widened.contains(*n) && a.join(&b).contains(*n));
        count(holds, format!("join, widened {a:?} {b:?}: {widened:?}"));
        let both = a.meet(&b);
        let holds =
            of_a.iter().filter(|n| b.contains(**n)).all(|n| both.is_some_and(|both| both.contains(*n)));
        count(holds, format!("meet {a:?} {b:?}: {both:?}"));
    });
    println!("{tries} pairs: {} results, {} unsound", tally.results, tally.unsound);
    assert_eq!(tally.unsound, 0, "{tally}");
}

type Meaning<'a> = &'a dyn Fn(u64) -> u64;

/// Each conversion, with its result and what it does with a number.
fn conversions(a: &Scalar<Small<8>>, count: &mut dyn FnMut(Scalar<Small<8>>, Meaning<'_>, &str)) {
    for size in [Size::B, Size::H, Size::W, Size::DW] {
        for width in WIDTHS {
            count(a.mov_sx(width, size), &|x| meaning::mov_sx(8, width, size, x), "mov_sx");
        }
        count(a.truncated(size), &|x| meaning::truncated(8, size, x), "truncated");
        count(a.swapped(ByteOrder::ToLittle, size), &|x| meaning::truncated(8, size, x), "to little");
        for order in [ByteOrder::ToBig, ByteOrder::Swap] {
            let swapped = |x| meaning::swapped(8, size, x).expect("a byte is one bit");
            count(a.swapped(order, size), &swapped, "swapped");
        }
    }
    for width in WIDTHS {
        count(a.negated(width), &|x| meaning::negated(8, width, x), "negated");
    }
}

/// An abstract number with a member, as parts happen to be.
fn wider_state(random: &mut Random) -> Scalar<Small<8>> {
    let mut pair = || (random.number() as u8, random.number() as u8);
    let (member, other) = pair();
    let (kept, mask) = pair();
    let (ends, low_ends) = (pair(), pair());
    let (signed_ends, low_signed_ends) = (pair(), pair());
    let mut state = Scalar::UNKNOWN;
    if kept & 1 == 0 {
        let mask = if kept & 128 == 0 { mask } else { mask & other };
        state.bits = Tnum { value: Small(member & !mask), mask: Small(mask) };
    }
    if kept & 2 == 0 {
        (state.umin, state.umax) = (Small(member.min(ends.0)), Small(member.max(ends.1)));
    }
    if kept & 4 == 0 {
        let signed = |n: u8| n.cast_signed();
        state.smin = signed(member).min(signed(signed_ends.0));
        state.smax = signed(member).max(signed(signed_ends.1));
    }
    let low = member & 15;
    if kept & 8 == 0 {
        (state.umin32, state.umax32) = (Small(low.min(low_ends.0 & 15)), Small(low.max(low_ends.1 & 15)));
    }
    if kept & 16 == 0 {
        let signed = |n: u8| Small::<4>(n & 15).signed();
        state.smin32 = signed(low).min(signed(low_signed_ends.0));
        state.smax32 = signed(low).max(signed(low_signed_ends.1));
    }
    state
}

/// The operators are computed with terms too, which is what a solver proves: `tests/soundness/prove.py`.
#[test]
fn every_operator_is_written_for_a_solver() {
    let names = |queries: Vec<Query>| queries.into_iter().map(|query| query.name).collect::<BTreeSet<_>>();
    let (long, short) = (queries::<Term<64>>(), queries::<Term<8>>());
    for query in &long {
        let claims = query.text.matches("(check-sat)").count();
        assert!(claims > 0 && query.text.matches("(assert (not ").count() >= claims, "{}", query.name);
    }
    let count = long.len();
    let long = names(long);
    assert_eq!(long.len(), count, "a name is there twice");
    assert_eq!(long, names(short));
    for check in check::checks() {
        let name = match check {
            Check::Operator(..) => format!("whole_{}", check.to_string().replace(' ', "")),
            Check::Branch(..) => {
                let text = check.to_string();
                let (compared, outcome) = text.rsplit_once(' ').expect("an outcome");
                format!("j{}_{outcome}", compared.replace(' ', ""))
            }
        };
        assert!(long.contains(&name.to_lowercase()), "{name}");
    }
}
