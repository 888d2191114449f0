//! Where maps live: taken from the front of fixed tables, object by object, and never given back.

use core::fmt;

use kernel_bpf::maps::{self, Map, MapDef, MapError};
use kernel_bpf::memory::MemoryStrategy;
use kernel_bpf::object::Object;
use kernel_bpf::profile::PhysicalProfile;

/// Most maps of one initrd.
pub(crate) const MAX_MAPS: usize = 128;

/// A live map of a profile.
pub(crate) type LiveMap<P> = Map<<P as PhysicalProfile>::MemoryStrategy>;

/// The maps of an object, by handle: their definitions and what was made from them.
pub(crate) struct ObjectMaps<'t, P: PhysicalProfile> {
    pub(crate) defs: &'t [MapDef<'t>],
    pub(crate) maps: &'t [&'t LiveMap<P>],
}

impl<P: PhysicalProfile> Clone for ObjectMaps<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: PhysicalProfile> Copy for ObjectMaps<'_, P> {}

/// The tables.
pub(crate) struct MapTables<'t, P: PhysicalProfile> {
    pub(crate) defs: &'t mut [MapDef<'static>],
    pub(crate) maps: &'t mut [LiveMap<P>],
    pub(crate) references: &'t mut [&'t LiveMap<P>],
    /// Maps that other objects share by name.
    pub(crate) pinned: [Option<(&'t MapDef<'t>, &'t LiveMap<P>)>; MAX_MAPS],
    /// What all maps so far ask for.
    pub(crate) demand: Demand,
}

/// What is asked of a profile's memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    /// Of what.
    of: &'static str,
    /// Bytes in all.
    pub(crate) bytes: u64,
    /// The map that asks for most, and for how much.
    pub(crate) largest: (&'static str, u64),
}

impl Demand {
    /// None yet.
    pub(crate) const NONE: Self = Self { of: "maps", bytes: 0, largest: ("", 0) };

    fn add(&mut self, def: &MapDef<'static>) {
        let bytes = maps::bytes(def);
        self.bytes = self.bytes.saturating_add(bytes);
        if bytes > self.largest.1 {
            self.largest = (def.name, bytes);
        }
    }

    /// With so many bytes more, for what runs have.
    pub(crate) const fn and(self, more: u64) -> Self {
        Self { of: "maps, stacks and contexts", bytes: self.bytes.saturating_add(more), ..self }
    }

    /// How it does not fit into memory of strategy `M`.
    pub(crate) fn shortage<M: MemoryStrategy>(self) -> Shortage {
        Shortage { demand: self, total: M::IS_STATIC.then_some(M::MAX_ALLOCATION as u64) }
    }
}

/// Why maps and stacks do not fit.
pub(crate) struct Shortage {
    demand: Demand,
    /// All the memory there is, where that is fixed.
    total: Option<u64>,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Demand { of, bytes, largest: (name, size) } = self.demand;
        write!(f, "{of} need {bytes} bytes")?;
        if let Some(total) = self.total {
            // Some of it is lost to the rounding of parts.
            let missing = bytes.saturating_sub(total).max(1);
            write!(f, ", {missing} more than the pool's {total}")?;
        } else {
            f.write_str(", more than the heap has")?;
        }
        write!(f, "; the largest map is `{name}` of {size} bytes")
    }
}

/// More maps than the tables have room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooManyMaps(pub(crate) usize);

impl<'t, P: PhysicalProfile> MapTables<'t, P> {
    /// Makes the maps of `object`. One that cannot be made is `refused` in its definition, and with it every
    /// program that uses it.
    /// Then `tell` is told what all maps so far ask for.
    pub(crate) fn make(
        &mut self,
        object: &Object<'static>,
        mut tell: impl FnMut(Shortage),
    ) -> Result<ObjectMaps<'t, P>, TooManyMaps> {
        let count = object.map_count();
        if count > self.defs.len() {
            return Err(TooManyMaps(count));
        }
        let defs = take(&mut self.defs, count);
        let live = take(&mut self.maps, count);
        let references = take(&mut self.references, count);
        maps::define(object, defs);
        for (def, map) in defs.iter_mut().zip(&mut *live) {
            let shared = def.pinned && self.pinned(def).is_some();
            match if shared { Ok(Map::vacant()) } else { Map::new(def) } {
                Ok(made) => {
                    *map = made;
                    if !shared {
                        self.demand.add(def);
                    }
                }
                Err(error) => {
                    if matches!(error, MapError::OutOfMemory(_)) {
                        let mut demand = self.demand;
                        demand.add(def);
                        tell(demand.shortage::<P::MemoryStrategy>());
                    }
                    def.refused = Some(error);
                    *map = Map::new(def).unwrap_or(Map::vacant());
                }
            }
        }
        let (defs, live): (&'t [_], &'t [_]) = (defs, live);
        for ((def, own), reference) in defs.iter().zip(live).zip(&mut *references) {
            *reference = self.pinned(def).unwrap_or(own);
        }
        let all = ObjectMaps { defs, maps: references };
        maps::place(all.defs, all.maps);
        self.keep_pinned(&all);
        Ok(all)
    }

    /// The map that an earlier object pinned under the same name, if it has the shape of this definition.
    fn pinned(&self, def: &MapDef<'_>) -> Option<&'t LiveMap<P>> {
        let mut earlier = self.pinned.iter().flatten().filter(|_| def.pinned && def.refused.is_none());
        earlier.find(|(other, map)| other.name == def.name && map.is_made_from(def)).map(|(_, map)| *map)
    }

    fn keep_pinned(&mut self, made: &ObjectMaps<'t, P>) {
        for (def, map) in made.defs.iter().zip(made.maps) {
            if def.pinned
                && def.refused.is_none()
                && self.pinned(def).is_none()
                && let Some(place) = self.pinned.iter_mut().find(|place| place.is_none())
            {
                *place = Some((def, map));
            }
        }
    }
}

/// Splits the first `count` entries off.
fn take<'t, T>(table: &mut &'t mut [T], count: usize) -> &'t mut [T] {
    let (taken, rest) = core::mem::take(table).split_at_mut(count);
    *table = rest;
    taken
}
