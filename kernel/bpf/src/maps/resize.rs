//! Growing and shrinking: for memory that can grow, so in the cloud profile only.
//!
//! A resize takes `&mut self`. An executable holds `&Map` for as long as it may run, and with it every address a
//! program may have: so no program is bound to a map that is being resized, by construction.

use super::{Map, MapDef, MapError, Storage};
use crate::memory::{ElasticMemory, Reclaim};

/// Memory that can grow while the image runs.
pub trait Growable: Reclaim {}

impl Growable for ElasticMemory {}

impl<M: Growable> Map<M> {
    /// Makes it one of `max_entries`, with what it holds: an array or a hash table. One that forgets takes its
    /// entries for equally old then. `def` is what it was made from.
    ///
    /// # Errors
    /// [`MapError::OutOfMemory`], [`MapError::TooManyValues`] if it holds more than that, or
    /// [`MapError::FixedSize`] for other types; it is unchanged then.
    pub fn resize(&mut self, def: &MapDef<'_>, max_entries: u32) -> Result<(), MapError> {
        let plain = matches!(self.storage, Storage::Array(_) | Storage::Hash(_) | Storage::Lru(_));
        if !plain || self.value_size == 0 {
            return Err(MapError::FixedSize(self.kind));
        }
        let resized = Self::new(&MapDef { max_entries, ..*def })?;
        let mut key = [0; super::MAX_KEY];
        for slot in 0..self.slots() {
            let Some((len, start)) = self.entry(slot, &mut key) else { continue };
            let value = &self.values()[start..start + self.value_size()];
            if resized.update(&key[..len], 0, |index| value[index].get()) != 0 && !self.may_lose(value) {
                return Err(MapError::TooManyValues);
            }
        }
        *self = resized;
        Ok(())
    }

    /// An array's values beyond the new end are lost, as in a new array, if they are zeros.
    fn may_lose(&self, value: &[core::cell::Cell<u8>]) -> bool {
        matches!(self.storage, Storage::Array(_)) && value.iter().all(|byte| byte.get() == 0)
    }
}
