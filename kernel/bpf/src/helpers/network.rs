//! Helpers that say where a packet goes. There is one interface, and no routes: see each.

use super::{Call, Called, Outcome, errno};
use crate::context::ProgramKind;
use crate::executable::IFINDEX;
use crate::maps::MapKind;
use crate::memory::Reclaim;

/// Verdicts.
const XDP_ABORTED: u64 = 0;
const XDP_REDIRECT: u64 = 4;
const TC_ACT_SHOT: u64 = 2;
const TC_ACT_REDIRECT: u64 = 7;

/// `BPF_F_INGRESS`.
const INGRESS: u64 = 1;
/// `BPF_F_BROADCAST` and `BPF_F_EXCLUDE_INGRESS`.
const BROADCAST: u64 = 8;
const EXCLUDE_INGRESS: u64 = 16;
/// What a redirection is to be if the map has nothing there.
const ACTION: u64 = 3;

/// Bytes of `struct bpf_fib_lookup`, and where its fields are.
const FIB_BYTES: usize = 64;
const FIB_FAMILY: usize = 0;
const FIB_IFINDEX: usize = 8;
/// `BPF_FIB_LOOKUP_DIRECT` to `BPF_FIB_LOOKUP_MARK`.
const FIB_FLAGS: u64 = 0x3f;
/// `BPF_FIB_LKUP_RET_FWD_DISABLED`: this host is no router.
const FORWARDING_DISABLED: u64 = 5;
const IPV4: u8 = 2;
const IPV6: u8 = 10;

impl<M: Reclaim> Call<'_, '_, M> {
    /// `bpf_redirect(ifindex, flags)`. The verdict stands; whether the interface exists is seen when it is obeyed.
    pub(super) fn redirect(&mut self) -> Called {
        let (target, flags) = (self.arguments[0] as u32, self.arguments[1]);
        let (redirect, refused, known) = match self.job.kind {
            ProgramKind::Xdp => (XDP_REDIRECT, XDP_ABORTED, 0),
            _ => (TC_ACT_REDIRECT, TC_ACT_SHOT, INGRESS),
        };
        if flags & !known != 0 {
            return Ok(Outcome::Value(refused));
        }
        self.job.redirected.set(target);
        Ok(Outcome::Value(redirect))
    }

    /// `bpf_redirect_map(map, key, flags)`.
    pub(super) fn redirect_map(&mut self) -> Called {
        let (map, [_, key, flags, ..]) = (self.map(0)?, self.arguments);
        let is_devices = matches!(map.kind(), MapKind::Devmap | MapKind::DevmapHash);
        let known = if is_devices { ACTION | BROADCAST | EXCLUDE_INGRESS } else { ACTION };
        if flags & !known != 0 {
            return Ok(Outcome::Value(XDP_ABORTED));
        }
        let found = map.lookup(&(key as u32).to_le_bytes());
        let target = found.map_or(0, |start| {
            let bytes = map.values()[start..].iter().take(4).rev();
            bytes.fold(0, |number, byte| number << 8 | u32::from(byte.get()))
        });
        if target == 0 && flags & BROADCAST == 0 {
            return Ok(Outcome::Value(flags & ACTION));
        }
        self.job.redirected.set(if is_devices { target } else { 0 });
        Ok(Outcome::Value(XDP_REDIRECT))
    }

    /// `bpf_fib_lookup(context, parameters, size, flags)`.
    pub(super) fn fib_lookup(&mut self) -> Called {
        let [_, address, size, flags, _] = self.arguments;
        let parameters = self.job.memory.readable(address, size as usize)?;
        if parameters.len() < FIB_BYTES || flags & !FIB_FLAGS != 0 {
            return Ok(Outcome::error(errno::INVALID));
        }
        if !matches!(parameters.byte(FIB_FAMILY), IPV4 | IPV6) {
            return Ok(Outcome::error(errno::FAMILY));
        }
        let ifindex =
            (0..4).rev().fold(0, |number, at| number << 8 | u32::from(parameters.byte(FIB_IFINDEX + at)));
        if ifindex != IFINDEX {
            return Ok(Outcome::error(errno::NO_DEVICE));
        }
        Ok(Outcome::Value(FORWARDING_DISABLED))
    }
}
