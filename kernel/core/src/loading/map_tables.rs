//! Where maps live: taken from the front of fixed tables, object by object, and never given back.

use kernel_bpf::maps::{self, Map, MapDef};
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
}

/// More maps than the tables have room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooManyMaps(pub(crate) usize);

impl<'t, P: PhysicalProfile> MapTables<'t, P> {
    /// Makes the maps of `object`. One that cannot be made is `refused` in its definition, and with it every
    /// program that uses it.
    pub(crate) fn make(&mut self, object: &Object<'static>) -> Result<ObjectMaps<'t, P>, TooManyMaps> {
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
                Ok(made) => *map = made,
                Err(error) => {
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
