//! Helpers on maps, and those that run a function for each entry or number.

use super::{Call, CallError, Called, MAX_TAIL_CALLS, Outcome, errno, handle};
use crate::maps::{MAX_KEY, Map, MapKind};
use crate::memory::Reclaim;

/// Most repetitions of `bpf_loop` (Linux's `BPF_MAX_LOOPS`).
const MAX_REPETITIONS: u64 = 8 * 1024 * 1024;
/// Keys up to this many bytes are copied by the shorter way.
const SHORT_KEY: usize = 64;

impl<'a, M: Reclaim> Call<'_, 'a, M> {
    /// Does something with the key at the address in r2.
    #[inline]
    fn with_key<T>(&self, map: &Map<M>, then: impl FnOnce(&[u8]) -> T) -> Result<T, CallError> {
        let size = map.key_size();
        let bytes = self.job.memory.readable(self.arguments[1], size)?;
        if size <= SHORT_KEY {
            let mut key = [0; SHORT_KEY];
            bytes.copy_to(&mut key[..size]);
            Ok(then(&key[..size]))
        } else {
            let mut key = [0; MAX_KEY];
            bytes.copy_to(&mut key[..size]);
            Ok(then(&key[..size]))
        }
    }

    #[inline]
    pub(super) fn map_lookup_elem(&mut self, id: u32) -> Called {
        let map = self.map(0)?;
        // The third argument of 195 is a processor, and there is one.
        if id == 195 && self.arguments[2] as u32 != 0 {
            return Ok(Outcome::Value(0));
        }
        if map.kind().holds_maps() {
            let found = self.with_key(map, |key| map.reference(key))?;
            return Ok(Outcome::Value(found.map_or(0, handle)));
        }
        let now = self.now_for(map);
        let found = self.with_key(map, |key| map.lookup_at(key, now))?;
        let address = |offset: usize| map.values()[offset..].as_ptr().expose_provenance() as u64;
        Ok(Outcome::Value(found.map_or(0, address)))
    }

    pub(super) fn map_update_elem(&mut self) -> Called {
        let (map, flags) = (self.writable(0)?, self.arguments[3]);
        let value = self.job.memory.readable(self.arguments[2], map.value_size())?;
        let now = self.now_for(map);
        let fill = |cells: &[_]| value.copy_to_cells(cells);
        self.with_key(map, |key| map.update_at(key, flags, now, fill)).map(Outcome::error)
    }

    pub(super) fn map_delete_elem(&mut self) -> Called {
        let map = self.writable(0)?;
        self.with_key(map, |key| map.delete(key)).map(Outcome::error)
    }

    pub(super) fn map_push_elem(&mut self) -> Called {
        let map = self.writable(0)?;
        let value = self.job.memory.readable(self.arguments[1], map.value_size())?;
        Ok(Outcome::error(map.push(self.arguments[2], |cells| value.copy_to_cells(cells))))
    }

    pub(super) fn map_pop_elem(&mut self) -> Called {
        let map = self.writable(0)?;
        let room = self.job.memory.writable(self.arguments[1], map.value_size())?;
        // As Linux has it: without a value the room is zeroed.
        room.iter().for_each(|cell| cell.set(0));
        Ok(Outcome::error(map.pop(|value| copy(value, room))))
    }

    pub(super) fn map_peek_elem(&mut self) -> Called {
        let map = self.map(0)?;
        if map.kind() == MapKind::BloomFilter {
            let value = self.job.memory.readable(self.arguments[1], map.value_size())?;
            return Ok(Outcome::error(map.test(|cells| value.copy_to_cells(cells))));
        }
        let room = self.job.memory.writable(self.arguments[1], map.value_size())?;
        room.iter().for_each(|cell| cell.set(0));
        Ok(Outcome::error(map.peek(|value| copy(value, room))))
    }

    /// The time, if the map asks for it.
    fn now_for(&self, map: &Map<M>) -> u64 {
        if map.kind() == MapKind::TimeSeries { self.services.now() } else { 0 }
    }

    /// A map that programs may change.
    fn writable(&self, index: usize) -> Result<&'a Map<M>, CallError> {
        match self.map(index)? {
            map if map.access() != crate::object::MapAccess::ReadOnly => Ok(map),
            _ => Err(CallError::Access(self.arguments[index])),
        }
    }

    /// `bpf_tail_call(context, map, index)`: without a program there, or after 33 of them, the caller goes on.
    pub(super) fn tail_call(&mut self) -> Called {
        let map = self.map(1)?;
        let index = self.arguments[2] as u32;
        let count = self.job.tail_calls.get();
        if index >= map.max_entries() {
            return Ok(Outcome::error(errno::INVALID));
        }
        let entry = map.reference(&index.to_le_bytes()).filter(|_| map.kind() == MapKind::ProgArray);
        let job = self.job;
        let find = |entry: u32| job.targets?.find(job.origin, entry as usize);
        match entry.and_then(find) {
            Some(target) if count < MAX_TAIL_CALLS => {
                job.tail_calls.set(count + 1);
                Ok(Outcome::TailCall(target))
            }
            _ => Ok(Outcome::error(errno::NO_ENTRY)),
        }
    }

    /// `bpf_for_each_map_elem(map, function, context, flags)`: the function gets the map, the key's and the value's
    /// address, and the context. It may return 1 to stop.
    pub(super) fn for_each_map_elem(&mut self) -> Called {
        let (map, [handle, function, context, flags, _]) = (self.map(0)?, self.arguments);
        if flags != 0 {
            return Ok(Outcome::error(errno::INVALID));
        }
        let mut visited = 0;
        for slot in 0..map.slots() {
            let mut key = [0; MAX_KEY];
            let Some((len, offset)) = map.entry(slot, &mut key) else { continue };
            // The key's place is the run's: a loop inside a loop over a map has the inner one's keys there.
            let place = self.job.scratch.get(..len).ok_or(CallError::Access(handle))?;
            place.iter().zip(key).for_each(|(cell, byte)| cell.set(byte));
            let address = |cells: &[core::cell::Cell<u8>]| cells.as_ptr().expose_provenance() as u64;
            let arguments = [handle, address(place), address(&map.values()[offset..]), context, 0];
            visited += 1;
            if self.caller.call(function, arguments, self.services)? != 0 {
                break;
            }
        }
        Ok(Outcome::Value(visited))
    }

    /// `bpf_loop(count, function, context, flags)`: the function gets the number and the context. It may return 1 to
    /// stop.
    pub(super) fn repeat(&mut self) -> Called {
        let [count, function, context, flags, _] = self.arguments;
        let count = u64::from(count as u32);
        if flags != 0 {
            return Ok(Outcome::error(errno::INVALID));
        }
        if count > MAX_REPETITIONS {
            return Ok(Outcome::error(errno::TOO_BIG));
        }
        for index in 0..count {
            if self.caller.call(function, [index, context, 0, 0, 0], self.services)? != 0 {
                return Ok(Outcome::Value(index + 1));
            }
        }
        Ok(Outcome::Value(count))
    }
}

fn copy(from: &[core::cell::Cell<u8>], to: &[core::cell::Cell<u8>]) {
    from.iter().zip(to).for_each(|(from, to)| to.set(from.get()));
}
