//! Helpers: what programs can ask of the kernel, by Linux's numbers.
//!
//! [`helper`] says what each takes and leaves: one table, read by the verifier. [`call`] does it, for every
//! engine. What a helper needs to run a function of the program it asks the engine for ([`Caller`]); a tail call
//! it hands back ([`Outcome`]). Nothing here takes memory or reads a clock.

mod format;
mod maps;
mod names;
mod network;
mod output;
mod packets;
mod signature;
mod table;
#[cfg(test)]
mod tests;
mod text;

use core::fmt;

use crate::error::Fault;
use crate::executable::Job;
use crate::insn::Reg;
use crate::interpreter::InvalidAccess;
use crate::maps::Map;
use crate::memory::Reclaim;
use crate::targets::TailCall;

pub use format::{Conversions, conversions};
pub use names::name;
pub use signature::{Argument, Callers, Helper, Holding, Return};

/// Finds a value by its key; engines may do it in place.
pub(crate) const MAP_LOOKUP_ELEM: u32 = 1;
/// Its string is checked against its arguments by the verifier.
pub(crate) const TRACE_PRINTK: u32 = 6;
/// Most tail calls of a run (Linux's `MAX_TAIL_CALL_CNT`).
pub(crate) const MAX_TAIL_CALLS: u32 = 33;
/// It ends the program it is called from.
pub(crate) const TAIL_CALL: u32 = 12;
/// Of a filter it reads what of others it writes.
pub(crate) const MAP_PEEK_ELEM: u32 = 89;

/// The helper with Linux's number `id`, if we have it.
#[must_use]
pub fn helper(id: u32) -> Option<&'static Helper> {
    table::TABLE.binary_search_by_key(&id, |helper| helper.id).ok().map(|place| &table::TABLE[place])
}

/// It calls a function of the program so many times.
pub(crate) const LOOP: u32 = 181;
/// It calls a function of the program for each entry of a map.
pub(crate) const FOR_EACH_MAP_ELEM: u32 = 164;

/// Whether helper `id` calls a function of the program before it returns.
pub(crate) const fn calls_back(id: u32) -> bool {
    matches!(id, LOOP | FOR_EACH_MAP_ELEM)
}

/// What helpers ask of the world outside this crate.
pub trait Services {
    /// Nanoseconds on a clock that never goes back.
    fn now(&self) -> u64;
    /// Thirty-two bits a program cannot predict.
    fn random(&mut self) -> u32;
    /// The processor's number.
    fn processor(&self) -> u32;
    /// One line of a program's text.
    fn print(&mut self, text: fmt::Arguments<'_>);
}

/// What an engine does for helpers that take a function of the program.
pub trait Caller {
    /// Runs the function whose address, as the program has it, is `function`, in a frame of its own below the
    /// caller's; returns its r0.
    ///
    /// # Errors
    /// The fault that ended it.
    fn call(&mut self, function: u64, arguments: [u64; 5], services: &mut dyn Services)
    -> Result<u64, Fault>;
}

/// What came of a helper call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The program goes on with this in r0.
    Value(u64),
    /// That program goes on in the caller's frame, with the context in r1. Where its frames do not fit, the caller
    /// goes on instead.
    TailCall(TailCall),
}

impl Outcome {
    /// An error number, or 0.
    const fn error(number: i64) -> Self {
        Self::Value(number.cast_unsigned())
    }
}

/// Why a helper call went wrong. None of these can happen to a verified program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// No such helper.
    Unknown,
    /// An argument that is not what the signature says, and the address or handle in it.
    Access(u64),
    /// A function the helper called failed.
    Fault(Fault),
}

impl From<InvalidAccess> for CallError {
    fn from(InvalidAccess(address): InvalidAccess) -> Self {
        Self::Access(address)
    }
}

impl From<Fault> for CallError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Linux's error numbers, as helpers return them.
mod errno {
    pub(super) const NO_ENTRY: i64 = -2;
    pub(super) const TOO_BIG: i64 = -7;
    pub(super) const FAULT: i64 = -14;
    pub(super) const NO_DEVICE: i64 = -19;
    pub(super) const INVALID: i64 = -22;
    pub(super) const NO_SPACE: i64 = -28;
    pub(super) const NOT_SUPPORTED: i64 = -95;
    pub(super) const FAMILY: i64 = -97;
}

/// Map handles in registers are the index plus one: no handle is null.
#[must_use]
pub(crate) const fn handle(map: u32) -> u64 {
    map as u64 + 1
}

/// A helper call: its arguments, and what it works on.
struct Call<'c, 'a, M: Reclaim> {
    arguments: [u64; 5],
    job: &'c Job<'a, M>,
    services: &'c mut dyn Services,
    caller: &'c mut dyn Caller,
}

type Called = Result<Outcome, CallError>;

impl<'a, M: Reclaim> Call<'_, 'a, M> {
    /// The map whose handle is argument `index`.
    fn map(&self, index: usize) -> Result<&'a Map<M>, CallError> {
        let handle = self.arguments[index];
        let map = handle.checked_sub(1).and_then(|index| self.job.maps.get(usize::try_from(index).ok()?));
        map.copied().ok_or(CallError::Access(handle))
    }
}

/// Calls helper `id` with the registers r1 to r5 in a run of `job`.
///
/// # Errors
/// [`CallError`].
pub fn call<M: Reclaim>(
    id: u32,
    arguments: [u64; 5],
    job: &Job<'_, M>,
    services: &mut dyn Services,
    caller: &mut dyn Caller,
) -> Result<Outcome, CallError> {
    let mut call = Call { arguments, job, services, caller };
    match id {
        MAP_LOOKUP_ELEM | 195 => call.map_lookup_elem(id),
        2 => call.map_update_elem(),
        3 => call.map_delete_elem(),
        5 | 125 | 160 | 208 => Ok(Outcome::Value(call.services.now())),
        6 => call.trace_printk(),
        7 => Ok(Outcome::Value(call.services.random().into())),
        8 => Ok(Outcome::Value(call.services.processor().into())),
        9 => call.skb_store_bytes(),
        10 => call.l3_csum_replace(),
        11 => call.l4_csum_replace(),
        12 => call.tail_call(),
        23 => call.redirect(),
        25 => call.perf_event_output(),
        26 => call.skb_load_bytes(0),
        28 => call.csum_diff(),
        34 => call.get_hash_recalc(),
        // All of a packet lies in one piece; there is one node.
        39 | 42 => Ok(Outcome::Value(0)),
        44 | 54 | 65 => call.xdp_adjust(id),
        51 => call.redirect_map(),
        68 => call.skb_load_bytes_relative(),
        69 => call.fib_lookup(),
        87 => call.map_push_elem(),
        88 => call.map_pop_elem(),
        89 => call.map_peek_elem(),
        // One processor, and whoever holds a lock is not preempted: see `Callers` of programs with locks.
        93 | 94 => Ok(Outcome::Value(0)),
        118 => Ok(Outcome::Value(call.services.now() / NANOSECONDS_PER_JIFFY)),
        130 => call.ringbuf_output(),
        131 => call.ringbuf_reserve(),
        132 | 133 => call.ringbuf_finish(id),
        134 => call.ringbuf_query(),
        164 => call.for_each_map_elem(),
        165 => call.snprintf(),
        177 => call.trace_vprintk(),
        181 => call.repeat(),
        182 => call.strncmp(),
        188 => Ok(Outcome::Value(call.job.window.len())),
        189 => call.xdp_load_bytes(),
        190 => call.xdp_store_bytes(),
        _ => Err(CallError::Unknown),
    }
}

/// Linux's usual 250 jiffies a second.
const NANOSECONDS_PER_JIFFY: u64 = 4_000_000;

/// The registers a helper's arguments are in.
pub(crate) fn argument_registers(helper: &Helper) -> impl Iterator<Item = (Reg, Argument)> + '_ {
    (1..).filter_map(Reg::new).zip(helper.arguments.iter().copied())
}
