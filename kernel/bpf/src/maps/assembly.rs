//! The maps of an object taken together: those that lie in others, and those that have a name outside of it.

use super::{Map, MapDef, MapError};
use crate::memory::Reclaim;
use crate::object::Object;

/// Writes what `object` asks for to the front of `defs`, by handle; returns how many there are. What cannot be is
/// `refused` by itself.
///
/// # Panics
/// If `defs` has less room than [`Object::map_count`].
pub fn define<'a>(object: &Object<'a>, defs: &mut [MapDef<'a>]) -> usize {
    let count = object.map_count();
    let defs = &mut defs[..count];
    defs.iter_mut().zip(object.maps()).for_each(|(def, spec)| *def = MapDef::of(&spec));
    for outer in 0..count {
        if let Err(error) = check_inner(outer, defs) {
            defs[outer].refused.get_or_insert(error);
        }
    }
    count
}

/// Whether the maps inside the map of maps `outer` are as it says.
fn check_inner(outer: usize, defs: &[MapDef<'_>]) -> Result<(), MapError> {
    let Some(inner) = defs[outer].inner else { return Ok(()) };
    let template = defs.get(inner as usize).ok_or(MapError::NoInner)?;
    template.refused.map_or(Ok(()), Err)?;
    let (slots, _) = defs[outer].initial.unwrap_or_default().as_chunks::<8>();
    let by_slot = slots.iter().filter_map(|slot| u64::from_le_bytes(*slot).checked_sub(1));
    let is_placed = |def: &&MapDef<'_>| def.place.is_some_and(|(place, _)| place as usize == outer);
    let mut all =
        by_slot.map(|index| defs.get(index as usize)).chain(defs.iter().filter(is_placed).map(Some));
    if all.all(|def| def.is_some_and(|def| def.is_like(template))) {
        Ok(())
    } else {
        Err(MapError::InnerShape)
    }
}

/// Puts maps into the maps they lie in from the start. `maps` were made from `defs`.
pub fn place<M: Reclaim>(defs: &[MapDef<'_>], maps: &[&Map<M>]) {
    for (index, def) in defs.iter().enumerate().filter(|(_, def)| def.refused.is_none()) {
        if let Some((outer, at)) = def.place
            && let Some(outer) = maps.get(outer as usize)
        {
            outer.place(at, index as u32);
        }
    }
}

/// Makes `maps` as they were when new, but for those that other objects share.
pub fn reset<M: Reclaim>(defs: &[MapDef<'_>], maps: &[&Map<M>]) {
    maps.iter().zip(defs).filter(|(_, def)| !def.pinned).for_each(|(map, def)| map.reset(def));
    place(defs, maps);
}
