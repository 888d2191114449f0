//! Helpers that read, write, grow and shrink the packet.

use core::cell::Cell;

use super::{Call, Called, Outcome, errno};
use crate::memory::Reclaim;

/// Largest offset and length of `bpf_xdp_load_bytes` and `bpf_xdp_store_bytes`.
const MAX_REACH: u64 = 0xffff;
/// Bytes of an Ethernet header, behind which the network header is.
const ETHERNET_HEADER: u64 = 14;
/// `BPF_F_RECOMPUTE_CSUM` and `BPF_F_INVALIDATE_HASH`: a packet here carries neither.
const STORE_FLAGS: u64 = 3;

/// Parts of a checksum helper's flags (`BPF_F_HDR_FIELD_MASK` and others).
mod flag {
    pub(super) const SIZE: u64 = 0xf;
    pub(super) const PSEUDO_HEADER: u64 = 0x10;
    pub(super) const MARK_MANGLED: u64 = 0x20;
    pub(super) const MARK_ENFORCE: u64 = 0x40;
    pub(super) const IPV6: u64 = 0x80;
}

impl<'a, M: Reclaim> Call<'_, 'a, M> {
    pub(super) fn xdp_adjust(&mut self, id: u32) -> Called {
        let (window, delta) = (&self.job.window, self.arguments[1] as i32);
        Ok(Outcome::error(match id {
            44 => window.adjust_head(delta),
            54 => window.adjust_meta(delta),
            _ => window.adjust_tail(delta),
        }))
    }

    /// The bytes that `bpf_xdp_load_bytes` and its twin are asked for.
    fn xdp_bytes(&self) -> Result<&'a [Cell<u8>], i64> {
        let (offset, len) = (u64::from(self.arguments[1] as u32), u64::from(self.arguments[3] as u32));
        if offset > MAX_REACH || len > MAX_REACH {
            return Err(errno::FAULT);
        }
        self.job.window.bytes(offset, len).ok_or(errno::INVALID)
    }

    pub(super) fn xdp_load_bytes(&mut self) -> Called {
        let room = self.job.memory.writable(self.arguments[2], self.arguments[3] as u32 as usize)?;
        Ok(Outcome::error(match self.xdp_bytes() {
            Ok(packet) => {
                copy(packet, room);
                0
            }
            Err(error) => error,
        }))
    }

    pub(super) fn xdp_store_bytes(&mut self) -> Called {
        let bytes = self.job.memory.readable(self.arguments[2], self.arguments[3] as u32 as usize)?;
        Ok(Outcome::error(match self.xdp_bytes() {
            Ok(packet) => {
                bytes.copy_to_cells(packet);
                0
            }
            Err(error) => error,
        }))
    }

    /// `bpf_skb_load_bytes(context, offset, to, len)`; the offset counts from byte `base` of the packet. On an error
    /// the room is zeroed.
    pub(super) fn skb_load_bytes(&mut self, base: u64) -> Called {
        let (offset, len) = (u64::from(self.arguments[1] as u32), u64::from(self.arguments[3] as u32));
        let room = self.job.memory.writable(self.arguments[2], len as usize)?;
        let packet = (offset <= i32::MAX as u64).then(|| self.job.window.bytes(base + offset, len)).flatten();
        let Some(packet) = packet else {
            room.iter().for_each(|cell| cell.set(0));
            return Ok(Outcome::error(errno::FAULT));
        };
        copy(packet, room);
        Ok(Outcome::Value(0))
    }

    pub(super) fn skb_load_bytes_relative(&mut self) -> Called {
        // `BPF_HDR_START_MAC`, `BPF_HDR_START_NET`; of another header there is nothing anywhere.
        self.skb_load_bytes(match self.arguments[4] as u32 {
            0 => 0,
            1 => ETHERNET_HEADER,
            _ => MAX_REACH + 1,
        })
    }

    pub(super) fn skb_store_bytes(&mut self) -> Called {
        let [_, offset, from, len, flags] = self.arguments;
        let (offset, len) = (u64::from(offset as u32), u64::from(len as u32));
        let bytes = self.job.memory.readable(from, len as usize)?;
        if flags & !STORE_FLAGS != 0 {
            return Ok(Outcome::error(errno::INVALID));
        }
        let Some(packet) = self.job.window.bytes(offset, len) else {
            return Ok(Outcome::error(errno::FAULT));
        };
        bytes.copy_to_cells(packet);
        Ok(Outcome::Value(0))
    }

    /// The 16-bit checksum at the offset in r2.
    fn checksum(&self) -> Option<&'a [Cell<u8>]> {
        let offset = u64::from(self.arguments[1] as u32);
        let place = (offset <= MAX_REACH && offset.is_multiple_of(2)).then_some(offset)?;
        self.job.window.bytes(place, 2)
    }

    pub(super) fn l3_csum_replace(&mut self) -> Called {
        let flags = self.arguments[4];
        if flags & !flag::SIZE != 0 {
            return Ok(Outcome::error(errno::INVALID));
        }
        let Some(place) = self.checksum() else {
            return Ok(Outcome::error(errno::FAULT));
        };
        Ok(Outcome::error(self.replace(place, flags)))
    }

    pub(super) fn l4_csum_replace(&mut self) -> Called {
        let flags = self.arguments[4];
        let known = flag::SIZE | flag::PSEUDO_HEADER | flag::MARK_MANGLED | flag::MARK_ENFORCE | flag::IPV6;
        if flags & !known != 0 {
            return Ok(Outcome::error(errno::INVALID));
        }
        let Some(place) = self.checksum() else {
            return Ok(Outcome::error(errno::FAULT));
        };
        // A UDP checksum of 0 says that there is none, and then none is made.
        let marks = flags & flag::MARK_MANGLED != 0;
        if marks && flags & flag::MARK_ENFORCE == 0 && read_u16(place) == 0 {
            return Ok(Outcome::Value(0));
        }
        let result = self.replace(place, flags);
        if marks && read_u16(place) == 0 {
            place.iter().for_each(|cell| cell.set(0xff));
        }
        Ok(Outcome::error(result))
    }

    /// Changes the checksum at `place` as changing `from` to `to` in what it covers does (RFC 1624).
    fn replace(&self, place: &[Cell<u8>], flags: u64) -> i64 {
        let (from, to) = (self.arguments[2], self.arguments[3]);
        let difference = match flags & flag::SIZE {
            // `to` is a difference, as `bpf_csum_diff` gives it.
            0 if from == 0 => to & 0xffff_ffff,
            2 => (!from & 0xffff) + (to & 0xffff),
            4 => (!from & 0xffff_ffff) + (to & 0xffff_ffff),
            _ => return errno::INVALID,
        };
        let sum = fold(u64::from(!read_u16(place)) + difference);
        place.iter().zip((!sum).to_le_bytes()).for_each(|(cell, byte)| cell.set(byte));
        0
    }

    /// `bpf_csum_diff(from, from_size, to, to_size, seed)`.
    pub(super) fn csum_diff(&mut self) -> Called {
        let [from, from_size, to, to_size, seed] = self.arguments;
        let (from_size, to_size) = (from_size as u32 as usize, to_size as u32 as usize);
        let (old, new) = (self.job.memory.readable(from, from_size)?, self.job.memory.readable(to, to_size)?);
        if !from_size.is_multiple_of(4) || !to_size.is_multiple_of(4) {
            return Ok(Outcome::error(errno::INVALID));
        }
        let word = |bytes: &crate::interpreter::Readable<'_>, at: usize| {
            u64::from(u16::from_le_bytes([bytes.byte(at), bytes.byte(at + 1)]))
        };
        let old: u64 = (0..from_size).step_by(2).map(|at| 0xffff - word(&old, at)).sum();
        let new: u64 = (0..to_size).step_by(2).map(|at| word(&new, at)).sum();
        Ok(Outcome::Value(fold(old + new + (seed & 0xffff_ffff)).into()))
    }

    /// A number other than 0 that packets of one flow share: mixed from addresses, protocol and ports.
    pub(super) fn get_hash_recalc(&mut self) -> Called {
        let byte = |at: u64| self.job.window.bytes(at, 1).map_or(0, |byte| byte[0].get());
        // IPv4 without options: protocol, addresses, ports.
        let hash = (23..24)
            .chain(26..38)
            .fold(0x811c_9dc5_u32, |hash, at| (hash ^ u32::from(byte(at))).wrapping_mul(0x0100_0193));
        Ok(Outcome::Value(hash.max(1).into()))
    }
}

fn read_u16(place: &[Cell<u8>]) -> u16 {
    match place {
        [low, high] => u16::from_le_bytes([low.get(), high.get()]),
        _ => 0,
    }
}

/// A sum of 16-bit words with its carries added back in (RFC 1071).
fn fold(sum: u64) -> u16 {
    let mut sum = sum;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn copy(from: &[Cell<u8>], to: &[Cell<u8>]) {
    from.iter().zip(to).for_each(|(from, to)| to.set(from.get()));
}
