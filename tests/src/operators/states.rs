//! Every abstract number of 4 bits with halves of 2, and the set of numbers that each is.
//!
//! A set of numbers is a `u16`: bit n for the number n.

use kernel_bpf::verifier::value::word::Word as _;
use kernel_bpf::verifier::value::{Scalar, Tnum};

use super::small::{Nibble, Small};

/// An abstract number.
pub type State = Scalar<Nibble>;

/// A set of numbers from 0 to 15.
pub type Set = u16;

/// Every tristate number of `BITS` bits.
pub fn tnums<const BITS: u32>() -> impl Iterator<Item = Tnum<Small<BITS>>> + Clone {
    let words = words::<BITS>();
    let tnum =
        |value: Small<BITS>, mask: Small<BITS>| (value.0 & mask.0 == 0).then_some(Tnum { value, mask });
    words.clone().flat_map(move |value| words.clone().filter_map(move |mask| tnum(value, mask)))
}

/// Every number of `BITS` bits.
pub fn words<const BITS: u32>() -> impl Iterator<Item = Small<BITS>> + Clone {
    (0..=Small::<BITS>::MAX.0).map(Small)
}

/// The numbers that satisfy `is_member`.
pub fn set(is_member: impl Fn(Nibble) -> bool) -> Set {
    words::<4>().filter(|&number| is_member(number)).fold(0, |set, Small(number)| set | 1 << number)
}

/// The members of a set.
pub fn members(set: Set) -> impl Iterator<Item = u8> {
    (0..16).filter(move |number| set >> number & 1 != 0)
}

/// The sets of all abstract numbers, by tables: an abstract number is met with often.
pub struct Sets {
    /// By value and mask.
    bits: [[Set; 16]; 16],
    /// By smallest and largest.
    unsigned: [[Set; 16]; 16],
    signed: [[Set; 16]; 16],
    low_unsigned: [[Set; 4]; 4],
    low_signed: [[Set; 4]; 4],
    /// The set of the best abstract number of a set.
    closed: Vec<Set>,
}

impl Sets {
    /// All tables.
    #[must_use]
    pub fn new() -> Self {
        let table16 = |is_member: &dyn Fn(Nibble, Nibble, Nibble) -> bool| -> [[Set; 16]; 16] {
            let row = |a| std::array::from_fn(|b| set(|n| is_member(Small(a as u8), Small(b as u8), n)));
            std::array::from_fn(row)
        };
        let table4 = |is_member: &dyn Fn(Small<2>, Small<2>, Small<2>) -> bool| -> [[Set; 4]; 4] {
            let low = |number: Nibble| Small(number.0 & 3);
            let row = |a| std::array::from_fn(|b| set(|n| is_member(Small(a as u8), Small(b as u8), low(n))));
            std::array::from_fn(row)
        };
        let mut sets = Self {
            bits: table16(&|value, mask, n| n.0 & !mask.0 == value.0),
            unsigned: table16(&|min, max, n| min.0 <= n.0 && n.0 <= max.0),
            signed: table16(&|min, max, n| min.value() <= n.value() && n.value() <= max.value()),
            low_unsigned: table4(&|min, max, n| min.0 <= n.0 && n.0 <= max.0),
            low_signed: table4(&|min, max, n| min.value() <= n.value() && n.value() <= max.value()),
            closed: Vec::new(),
        };
        sets.closed = (0..=Set::MAX).map(|set| best(set).map_or(0, |state| sets.of(&state))).collect();
        sets
    }

    /// The numbers of an abstract number.
    #[must_use]
    pub fn of(&self, state: &State) -> Set {
        let place = |n: Nibble| usize::from(n.0);
        let low_place = |n: Small<2>| usize::from(n.0);
        self.bits[place(state.bits.value)][place(state.bits.mask)]
            & self.unsigned[place(state.umin)][place(state.umax)]
            & self.signed[place(Small::unsigned(state.smin))][place(Small::unsigned(state.smax))]
            & self.low_unsigned[low_place(state.umin32)][low_place(state.umax32)]
            & self.low_signed[low_place(Small::unsigned(state.smin32))]
                [low_place(Small::unsigned(state.smax32))]
    }

    /// The numbers of the smallest abstract number that holds a set.
    #[must_use]
    pub fn closed(&self, set: Set) -> Set {
        self.closed[usize::from(set)]
    }

    /// The smallest abstract numbers of every set that is one: all there are, but for the empty ones and for
    /// different ways to write the same.
    #[must_use]
    pub fn all(&self) -> Vec<State> {
        let closed = (1..=Set::MAX).filter(|&set| self.closed(set) == set);
        closed.filter_map(best).collect()
    }
}

impl Default for Sets {
    fn default() -> Self {
        Self::new()
    }
}

/// The smallest abstract number that holds a set; `None` for the empty set. Part by part, by definition.
#[must_use]
pub fn best(set: Set) -> Option<State> {
    let (lowest, highest) = (members(set).next()?, members(set).last()?);
    let common = members(set).fold((15, 0), |(and, or), n| (and & n, or | n));
    let values = || members(set).map(|n| Small::<4>(n).value());
    let lows = || members(set).map(|n| n & 3);
    let low_values = || lows().map(|n| Small::<2>(n).value());
    Some(State {
        bits: Tnum { value: Small(common.0), mask: Small(common.0 ^ common.1) },
        umin: Small(lowest),
        umax: Small(highest),
        smin: values().min()?,
        smax: values().max()?,
        umin32: Small(lows().min()?),
        umax32: Small(lows().max()?),
        smin32: low_values().min()?,
        smax32: low_values().max()?,
    })
}
