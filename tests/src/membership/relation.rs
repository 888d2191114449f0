//! What ties the values of one state to each other.

use std::collections::HashMap;

use kernel_bpf::verifier::state::Loop;
use kernel_bpf::verifier::value::UNLINKED;

/// What has been learnt from the values looked at so far.
pub(super) struct Relations {
    /// Numbers of trips that are still possible, for each loop.
    trips: Vec<(i128, i128)>,
    bases: HashMap<u32, u64>,
    nulls: HashMap<u32, bool>,
    offsets: HashMap<u32, u64>,
}

/// A line by its slope and its start.
type Line = (i64, i64);

impl Relations {
    pub(super) fn new(loops: &[Loop]) -> Self {
        let trips = loops.iter().map(|seen| (seen.trips.least.into(), seen.trips.most.into()));
        Self { trips: trips.collect(), bases: HashMap::new(), nulls: HashMap::new(), offsets: HashMap::new() }
    }

    /// Some number of trips must be possible in every loop.
    pub(super) fn hold(&self) -> Result<(), String> {
        match self.trips.iter().position(|(least, most)| least > most) {
            Some(level) => Err(format!("no number of trips around loop {level} suits all")),
            None => Ok(()),
        }
    }

    /// Whether `base` is what others tied by `id` are counted from.
    pub(super) fn is_base_of(&mut self, id: u32, base: u64) -> bool {
        *self.bases.entry(id).or_insert(base) == base
    }

    /// Whether all pointers with this identity are null, or none.
    pub(super) fn is_null(&mut self, identity: u32, is_null: bool) -> bool {
        identity == UNLINKED || *self.nulls.entry(identity).or_insert(is_null) == is_null
    }

    /// Whether all pointers with this identity have this unknown part.
    pub(super) fn has_offset(&mut self, identity: u32, offset: u64) -> bool {
        identity == UNLINKED || *self.offsets.entry(identity).or_insert(offset) == offset
    }

    /// Leaves the trips after which `number` lies between two lines; whether there are any.
    pub(super) fn is_between(&mut self, level: usize, low: Line, number: i128, high: Line) -> bool {
        let Some(trips) = self.trips.get_mut(level) else { return false };
        // low.start + low.slope * trips <= number, and the same upside down.
        cut(trips, low.0.into(), number - i128::from(low.1));
        cut(trips, -i128::from(high.0), i128::from(high.1) - number);
        trips.0 <= trips.1
    }
}

/// Leaves the trips for which `slope * trips <= room`.
fn cut(trips: &mut (i128, i128), slope: i128, room: i128) {
    match slope {
        0 if room >= 0 => {}
        0 => *trips = (1, 0),
        1.. => trips.1 = trips.1.min(room.div_euclid(slope)),
        // trips >= room / slope, rounded up.
        _ => trips.0 = trips.0.max(-(room.div_euclid(-slope))),
    }
}
