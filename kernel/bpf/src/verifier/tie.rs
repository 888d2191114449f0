//! How a number moves along with others: what a comparison of one tells about the rest, and how far it can
//! have come after so many trips around a loop.

use super::value::Scalar;

/// Most loops inside each other whose trips are counted.
pub const MAX_LOOPS: usize = 8;

/// What is known of a number besides its range; of a pointer, what is known of its unknown part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tie {
    /// Nothing.
    #[default]
    None,
    /// All with the same `id` are one unknown number plus their `delta`, modulo 2^64.
    Same {
        /// The instruction that made the first copy.
        id: u32,
        /// What was added since.
        delta: i64,
    },
    /// As a signed number, between two lines over the trips of a loop so far.
    Trips {
        /// The loop, by how many are around it.
        level: u8,
        /// At least this.
        low: Line,
        /// At most this.
        high: Line,
    },
}

/// `start + slope * trips`, without wrapping around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Added on every trip.
    pub slope: i64,
    /// At no trips.
    pub start: i64,
}

/// Slopes and starts stay within this, so that products with trips fit easily.
const NEAR: i64 = 1 << 40;

impl Line {
    /// Its value after `trips`.
    #[must_use]
    pub const fn at(self, trips: u32) -> i64 {
        self.start + self.slope * trips as i64
    }

    /// Smallest and largest value over `trips`.
    #[must_use]
    pub fn over(self, trips: Trips) -> (i64, i64) {
        let (one, two) = (self.at(trips.least), self.at(trips.most));
        (one.min(two), one.max(two))
    }

    /// Whether it is near enough to zero for its products not to overflow.
    #[must_use]
    pub const fn is_near(self) -> bool {
        -NEAR <= self.start && self.start <= NEAR && -NEAR >> 16 <= self.slope && self.slope <= NEAR >> 16
    }

    const fn moved(self, by: i64) -> Option<Self> {
        if by < -NEAR || by > NEAR {
            return None;
        }
        let moved = Self { start: self.start + by, ..self };
        if moved.is_near() { Some(moved) } else { None }
    }

    /// The same values, counted from the trip after.
    #[must_use]
    pub const fn one_trip_later(self) -> Self {
        Self { start: self.start - self.slope, ..self }
    }

    /// Trips after which it is at most `limit`, among `trips`; `None` if there are none.
    fn at_most(self, limit: i128, trips: Trips) -> Option<Trips> {
        let Self { slope, start } = self;
        let room = limit - i128::from(start);
        match slope {
            0 => (room >= 0).then_some(trips),
            1.. => trips.cut(None, Some(room.div_euclid(slope.into()))),
            _ => trips.cut(Some(-room.div_euclid((-slope).into())), None),
        }
    }

    fn at_least(self, limit: i128, trips: Trips) -> Option<Trips> {
        self.negated().at_most(-limit, trips)
    }

    /// Whether, after each of `trips`, this or `floor`, whichever is higher, is at least as high as `other`.
    #[must_use]
    pub fn reaches(self, floor: i64, other: Self, trips: Trips) -> bool {
        let holds = |trips: u32| self.at(trips).max(floor) >= other.at(trips);
        // The higher of two lines bends once, upwards: it comes closest to `other` at an end, or at the bend.
        let rise = (i128::from(floor) - i128::from(self.start)) * i128::from(self.slope.signum());
        let bend = rise.checked_div_euclid(i128::from(self.slope).abs()).unwrap_or_default();
        let near = |trips: i128| u32::try_from(trips).ok();
        let bends = [near(bend), near(bend + 1)].into_iter().flatten();
        let inside = bends.filter(|bend| (trips.least..=trips.most).contains(bend));
        [trips.least, trips.most].into_iter().chain(inside).all(holds)
    }

    /// The line whose values are the negatives of this one's.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self { slope: -self.slope, start: -self.start }
    }
}

/// How often a path may have come around a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trips {
    /// At least.
    pub least: u32,
    /// At most.
    pub most: u32,
}

impl Trips {
    /// None.
    pub const NONE: Self = Self { least: 0, most: 0 };

    /// Those from `least` to `most`, too.
    fn cut(self, least: Option<i128>, most: Option<i128>) -> Option<Self> {
        let least = least.map_or(i128::from(self.least), |bound| bound.max(self.least.into()));
        let most = most.map_or(i128::from(self.most), |bound| bound.min(self.most.into()));
        // Both lie between two numbers of 32 bits now, or the range is empty.
        (least <= most).then_some(Self { least: least as u32, most: most as u32 })
    }

    /// Whether all of `other` are among them.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.least <= other.least && other.most <= self.most
    }
}

impl Tie {
    /// After adding a number of `added` to one of `range`, if that cannot wrap around as a signed number.
    #[must_use]
    pub fn moved(self, range: &Scalar, added: &Scalar) -> Self {
        match self {
            Self::Same { id, delta } => match added.as_constant() {
                Some(constant) => Self::Same { id, delta: delta.wrapping_add(constant as i64) },
                None => Self::None,
            },
            Self::Trips { level, low, high } => {
                let stays = range.smin.checked_add(added.smin).is_some()
                    && range.smax.checked_add(added.smax).is_some();
                match (low.moved(added.smin), high.moved(added.smax)) {
                    (Some(low), Some(high)) if stays => Self::Trips { level, low, high },
                    _ => Self::None,
                }
            }
            Self::None => Self::None,
        }
    }

    /// The trips after which a number tied like this can be in `range`; `None` if it cannot be.
    #[must_use]
    pub fn narrow(low: Line, high: Line, range: &Scalar, trips: Trips) -> Option<Trips> {
        high.at_least(range.smin.into(), low.at_most(range.smax.into(), trips)?)
    }

    /// Forgets a tie to a loop at `level` or inside it.
    #[must_use]
    pub const fn outside(self, level: usize) -> Self {
        match self {
            Self::Trips { level: own, .. } if own as usize >= level => Self::None,
            tie => tie,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trips_are_narrowed_to_those_that_reach_a_range() {
        for (slope, start) in (-7..8).flat_map(|slope| (-20..20).map(move |start| (slope, start))) {
            let (low, high) = (Line { slope, start }, Line { slope: slope + 2, start: start + 3 });
            let all = Trips { least: 1, most: 9 };
            for (smin, smax) in (-30..30).flat_map(|smin| (smin..smin + 5).map(move |smax| (smin, smax))) {
                let reached = |trips: &u32| low.at(*trips) <= smax && high.at(*trips) >= smin;
                let found = Tie::narrow(low, high, &Scalar::signed_range(smin, smax), all);
                let expected: std::vec::Vec<_> = (1..=9).filter(reached).collect();
                for trips in &expected {
                    assert!(found.is_some_and(|found| (found.least..=found.most).contains(trips)));
                }
                // Each of the two lines is solved exactly, so the ends are reached by one of them at least.
                assert!(found.is_some() || expected.is_empty());
            }
        }
    }

    #[test]
    fn every_trip_reaches_a_range_without_ends() {
        let (line, all) = (Line { slope: -2, start: 7 }, Trips { least: 0, most: 5 });
        assert_eq!(Tie::narrow(line, line, &Scalar::UNKNOWN, all), Some(all));
    }

    #[test]
    fn the_higher_of_a_line_and_a_number_reaches_another_line_where_it_does_after_each_trip() {
        let trips = Trips { least: 1, most: 6 };
        let lines = || (-5..6).flat_map(|slope| (-9..10).step_by(3).map(move |start| Line { slope, start }));
        for (one, two) in lines().flat_map(|one| lines().map(move |two| (one, two))) {
            for floor in (-12..13).chain([i64::MIN]) {
                let reaches = (1..=6).all(|trip| one.at(trip).max(floor) >= two.at(trip));
                assert_eq!(one.reaches(floor, two, trips), reaches, "{one:?} {floor} {two:?}");
            }
        }
    }

    #[test]
    fn a_line_over_trips_has_its_extremes_at_the_ends() {
        let trips = Trips { least: 2, most: 5 };
        assert_eq!(Line { slope: -3, start: 1 }.over(trips), (-14, -5));
        assert_eq!(Line { slope: 3, start: 1 }.over(trips), (7, 16));
    }
}
