//! Helpers that send records to whoever reads the report: ring buffers and perf events.

use super::{Call, CallError, Called, Outcome, errno};
use crate::maps::Fate;
use crate::memory::Reclaim;

/// `BPF_RB_NO_WAKEUP` and `BPF_RB_FORCE_WAKEUP`: nobody sleeps here.
const WAKEUP_FLAGS: u64 = 3;
/// `BPF_F_INDEX_MASK`, all ones for the processor the program runs on.
const INDEX: u64 = 0xffff_ffff;
/// `BPF_F_CTXLEN_MASK`: how many bytes of the packet follow the record, from bit 32.
const CONTEXT_LENGTH: u64 = 0xfffff << 32;

impl<M: Reclaim> Call<'_, '_, M> {
    pub(super) fn ringbuf_output(&mut self) -> Called {
        let (map, [_, data, size, flags, _]) = (self.map(0)?, self.arguments);
        if flags & !WAKEUP_FLAGS != 0 {
            return Ok(Outcome::error(errno::INVALID));
        }
        let bytes = self.job.memory.readable(data, size as usize)?;
        Ok(Outcome::error(map.output(size, |cells| bytes.copy_to_cells(cells))))
    }

    pub(super) fn ringbuf_reserve(&mut self) -> Called {
        let (map, [_, size, flags, ..]) = (self.map(0)?, self.arguments);
        if flags != 0 {
            return Ok(Outcome::Value(0));
        }
        let address = |offset: usize| map.values()[offset..].as_ptr().expose_provenance() as u64;
        Ok(Outcome::Value(map.reserve(size).map_or(0, address)))
    }

    pub(super) fn ringbuf_finish(&mut self, id: u32) -> Called {
        let fate = if id == 132 { Fate::Submit } else { Fate::Discard };
        let record = self.arguments[0];
        let finished = self.job.maps.iter().any(|map| {
            let base = map.values().as_ptr().addr() as u64;
            let offset = record.wrapping_sub(base);
            offset < map.values().len() as u64 && map.finish(offset as usize, fate)
        });
        if finished { Ok(Outcome::Value(0)) } else { Err(CallError::Access(record)) }
    }

    pub(super) fn ringbuf_query(&mut self) -> Called {
        Ok(Outcome::Value(self.map(0)?.query(self.arguments[1])))
    }

    /// `bpf_perf_event_output(context, map, flags, data, size)`.
    pub(super) fn perf_event_output(&mut self) -> Called {
        let (map, [_, _, flags, data, size]) = (self.map(1)?, self.arguments);
        if flags & !(INDEX | CONTEXT_LENGTH) != 0 {
            return Ok(Outcome::error(errno::INVALID));
        }
        let (index, processor) = (flags & INDEX, u64::from(self.services.processor()));
        if index != INDEX && index >= u64::from(map.max_entries()) {
            return Ok(Outcome::error(errno::TOO_BIG));
        }
        if index != INDEX && index != processor {
            return Ok(Outcome::error(errno::NOT_SUPPORTED));
        }
        let more = (flags & CONTEXT_LENGTH) >> 32;
        let Some(packet) = self.job.window.bytes(0, more) else {
            return Ok(Outcome::error(errno::FAULT));
        };
        let bytes = self.job.memory.readable(data, size as usize)?;
        let result = map.output(size + more, |cells| {
            let (own, appended) = cells.split_at(size as usize);
            bytes.copy_to_cells(own);
            appended.iter().zip(packet).for_each(|(to, from)| to.set(from.get()));
        });
        Ok(Outcome::error(if result == 0 { 0 } else { errno::NO_SPACE }))
    }
}
