//! Whether one state stands for another: everything that is safe from the first is safe from the second.

use super::Addresses;
use super::state::{Held, Loop, Part, Slot, State};
use super::tie::{Tie, Trips};
use super::value::{Pointer, Scalar, Target, UNLINKED, Value};
use crate::insn::{AluOp, Width};

/// Most groups of tied values that are told apart.
const MAX_GROUPS: usize = 24;

/// Which group of one state is which group of another, and how far it is moved there.
#[derive(Clone, Debug)]
pub struct Groups {
    pairs: [(u32, Counterpart); MAX_GROUPS],
    count: usize,
}

/// What a group is in another state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counterpart {
    /// Another group, moved by so much.
    Group(u32, i64),
    /// A known number.
    Known(u64),
    /// A value that is tied to none.
    Alone,
}

impl Groups {
    /// None so far.
    pub const NONE: Self = Self { pairs: [(0, Counterpart::Alone); MAX_GROUPS], count: 0 };

    /// Whether `group` may be `counterpart`: it has none yet, or the same.
    pub fn agree(&mut self, group: u32, counterpart: Counterpart) -> bool {
        if let Some((_, known)) = self.pairs[..self.count].iter().find(|(known, _)| *known == group) {
            return *known == counterpart && counterpart != Counterpart::Alone;
        }
        match self.pairs.get_mut(self.count) {
            Some(place) => *place = (group, counterpart),
            None => return false,
        }
        self.count += 1;
        true
    }

    /// Whether a value tied by `Same` may stand for another.
    pub fn same(&mut self, id: u32, delta: i64, range: &Scalar, tie: Tie) -> bool {
        let counterpart = match (tie, range.as_constant()) {
            (_, Some(number)) => Counterpart::Known(number.wrapping_sub(delta as u64)),
            (Tie::Same { id, delta: other }, _) => Counterpart::Group(id, other.wrapping_sub(delta)),
            _ => Counterpart::Alone,
        };
        self.agree(id, counterpart)
    }
}

/// Whose the innermost loop of a state that was seen is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// One that was entered before.
    Around,
    /// The one that begins at its instruction.
    BeginsHere,
}

/// A comparison of a state that was seen, value by value, with `state`.
pub struct Cover<'s> {
    state: &'s State,
    addresses: Addresses,
    ties: Groups,
    identities: Groups,
    /// The level of a loop that the state is about to enter: whatever it was around there, it has made no trips yet.
    entered: Option<usize>,
}

impl<'s> Cover<'s> {
    /// Begins a comparison.
    #[must_use]
    pub const fn new(state: &'s State, addresses: Addresses) -> Self {
        Self { state, addresses, ties: Groups::NONE, identities: Groups::NONE, entered: None }
    }

    /// Whether the loops of a state that was seen are the state's, after no other numbers of trips. If the
    /// innermost is the one that begins there (`own`), the state may also be about to enter it.
    #[must_use]
    pub fn loops(&mut self, seen: &[Loop], own: Own) -> bool {
        let last = seen.len().wrapping_sub(1);
        seen.iter().enumerate().all(|(level, seen)| {
            let is_own = own == Own::BeginsHere && level == last;
            let same = level < self.state.loop_count && self.state.loops[level].head == seen.head;
            self.entered = (is_own && !same).then_some(level);
            (is_own || same) && seen.trips.covers(self.trips(level))
        })
    }

    fn trips(&self, level: usize) -> Trips {
        let is_around = level < self.state.loop_count && self.entered != Some(level);
        if is_around { self.state.loops[level].trips } else { Trips::NONE }
    }

    /// Whether what was seen stands for `other`.
    #[must_use]
    pub fn held(&mut self, seen: &Held, other: &Held) -> bool {
        match (&seen.value, &other.value) {
            (Value::Uninitialised, _) => true,
            (Value::Number(this), Value::Number(number)) => {
                this.covers(number) && self.tie(seen.tie, number, other.tie)
            }
            // Where addresses are no secret, a pointer is one of all numbers.
            (Value::Number(this), Value::Pointer(_)) => {
                self.addresses == Addresses::Open && *this == Scalar::UNKNOWN && seen.tie == Tie::None
            }
            (Value::Pointer(this), Value::Pointer(pointer)) => {
                self.pointer(this, seen.tie, pointer, other.tie)
            }
            _ => false,
        }
    }

    fn pointer(&mut self, this: &Pointer, tie: Tie, other: &Pointer, other_tie: Tie) -> bool {
        if this.target != other.target {
            return false;
        }
        let Some((variable, other_tie, shift)) = aligned(this, other, other_tie) else {
            return false;
        };
        i64::from(this.proven) <= i64::from(other.proven) - shift
            && this.variable.covers(&variable)
            && self.identity(this, other, shift)
            && self.tie(tie, &variable, other_tie)
    }

    fn identity(&mut self, this: &Pointer, other: &Pointer, shift: i64) -> bool {
        match this.target {
            // What must be given back is known by its identity.
            Target::Allocated { .. } | Target::AllocatedOrNull { .. } => this.identity == other.identity,
            _ if this.identity == 0 || this.identity == UNLINKED => true,
            _ if other.identity == UNLINKED => self.identities.agree(this.identity, Counterpart::Alone),
            _ => self.identities.agree(this.identity, Counterpart::Group(other.identity, shift)),
        }
    }

    fn tie(&mut self, seen: Tie, range: &Scalar, tie: Tie) -> bool {
        match seen {
            Tie::None => true,
            Tie::Same { id, delta } => self.ties.same(id, delta, range, tie),
            Tie::Trips { level, low, high } => {
                let trips = self.trips(level.into());
                match tie {
                    Tie::Trips { level: own, low: own_low, high: own_high }
                        if own == level && self.entered != Some(level.into()) =>
                    {
                        own_low.reaches(range.smin, low, trips)
                            // The same upside down.
                            && own_high.negated().reaches(range.smax.saturating_neg(), high.negated(), trips)
                    }
                    _ => {
                        let ends = [trips.least, trips.most];
                        ends.iter().all(|&trips| range.smin >= low.at(trips) && range.smax <= high.at(trips))
                    }
                }
            }
        }
    }

    /// Whether a slot that was seen stands for the state's at `depth` and `index`.
    #[must_use]
    pub fn slot(&mut self, depth: usize, index: usize, seen: &Slot) -> bool {
        let slot = self.state.frames[depth].slot(index);
        if self.addresses == Addresses::Secret {
            let loose = seen.written & !seen.part.mask();
            if seen.written & !slot.written != 0 || loose & slot.pointer_mask() != 0 {
                return false;
            }
        }
        if seen.zero & !slot.zero != 0 {
            return false;
        }
        if seen.part == Part::Nothing {
            return true;
        }
        slot.load(seen.part.start(), seen.part.size()).is_some_and(|held| self.held(&seen.held, &held))
    }
}

/// The unknown part of `other` counted from the known part of `this`, its tie, and how far that is; `None` if
/// `this` has no unknown part and they differ.
#[must_use]
pub fn aligned(this: &Pointer, other: &Pointer, tie: Tie) -> Option<(Scalar, Tie, i64)> {
    let shift = other.fixed - this.fixed;
    if shift == 0 {
        return Some((other.variable, tie, 0));
    }
    let by = Scalar::constant(shift as u64);
    let variable = other.variable.alu(AluOp::Add, Width::W64, &by);
    if this.variable.as_constant().is_some() && this.variable != variable {
        return None;
    }
    Some((variable, tie.moved(&other.variable, &by), shift))
}
