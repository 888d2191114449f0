//! Helpers: what programs can ask of the kernel, by Linux's numbers. One table, read by the verifier and
//! by every engine.

mod format;

use core::fmt;

use crate::insn::Reg;
use crate::interpreter::{InvalidAccess, Memory};
use crate::maps::{MAX_KEY, Map};
use crate::memory::Reclaim;
use crate::object::MapAccess;

pub use format::{Conversions, conversions};

/// What a helper expects in an argument register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// The handle of a map. A key or value argument after it is of this map.
    Map,
    /// The address of a key of the map: initialised, readable.
    Key,
    /// The address of a value of the map: initialised, readable.
    Value,
    /// The address of readable memory whose size is the next argument.
    Memory,
    /// The size of the memory argument before: a number of at least 1.
    Size,
    /// Any number.
    Number,
    /// What a format string prints: nothing or a number, as the string says.
    Printed,
}

/// What a helper leaves in r0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// A number.
    Number,
    /// A 32-bit number.
    Number32,
    /// The address of a value of the map argument, or null.
    ValueOrNull,
}

/// One helper's signature.
#[derive(Clone, Copy, Debug)]
pub struct Helper {
    /// Linux's number (`BPF_FUNC_*`).
    pub id: u32,
    /// Its name without `bpf_`.
    pub name: &'static str,
    /// r1, r2, … as far as it takes any.
    pub arguments: &'static [Argument],
    /// r0.
    pub returns: Return,
}

const MAP_LOOKUP_ELEM: u32 = 1;
const MAP_UPDATE_ELEM: u32 = 2;
const MAP_DELETE_ELEM: u32 = 3;
const KTIME_GET_NS: u32 = 5;
/// Its string is checked against its arguments by the verifier.
pub(crate) const TRACE_PRINTK: u32 = 6;
const GET_PRANDOM_U32: u32 = 7;
const GET_SMP_PROCESSOR_ID: u32 = 8;

use Argument::{Key, Number, Printed, Size, Value};

const TABLE: &[Helper] = &[
    Helper {
        id: MAP_LOOKUP_ELEM,
        name: "map_lookup_elem",
        arguments: &[Argument::Map, Key],
        returns: Return::ValueOrNull,
    },
    Helper {
        id: MAP_UPDATE_ELEM,
        name: "map_update_elem",
        arguments: &[Argument::Map, Key, Value, Number],
        returns: Return::Number,
    },
    Helper {
        id: MAP_DELETE_ELEM,
        name: "map_delete_elem",
        arguments: &[Argument::Map, Key],
        returns: Return::Number,
    },
    Helper { id: KTIME_GET_NS, name: "ktime_get_ns", arguments: &[], returns: Return::Number },
    Helper {
        id: TRACE_PRINTK,
        name: "trace_printk",
        arguments: &[Argument::Memory, Size, Printed, Printed, Printed],
        returns: Return::Number,
    },
    Helper { id: GET_PRANDOM_U32, name: "get_prandom_u32", arguments: &[], returns: Return::Number32 },
    Helper {
        id: GET_SMP_PROCESSOR_ID,
        name: "get_smp_processor_id",
        arguments: &[],
        returns: Return::Number32,
    },
];

/// The helper with Linux's number `id`, if we have it.
#[must_use]
pub fn helper(id: u32) -> Option<&'static Helper> {
    TABLE.iter().find(|helper| helper.id == id)
}

/// Whether helper `id` changes the map it is given: none does that to a map that programs only read.
pub(crate) const fn changes_map(id: u32) -> bool {
    matches!(id, MAP_UPDATE_ELEM | MAP_DELETE_ELEM)
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

/// Why a helper call went wrong. Neither can happen to a verified program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// No such helper.
    Unknown,
    /// An argument that is not what the signature says, and the address or handle in it.
    Access(u64),
}

impl From<InvalidAccess> for CallError {
    fn from(InvalidAccess(address): InvalidAccess) -> Self {
        Self::Access(address)
    }
}

/// Map handles in registers are the index plus one: no handle is null.
#[must_use]
pub(crate) const fn handle(map: u32) -> u64 {
    map as u64 + 1
}

fn map_of<'m, M: Reclaim>(maps: &[&'m Map<M>], handle: u64) -> Result<&'m Map<M>, CallError> {
    let index = handle.checked_sub(1).and_then(|index| usize::try_from(index).ok());
    index.and_then(|index| maps.get(index)).copied().ok_or(CallError::Access(handle))
}

/// Calls helper `id` with the registers r1 to r5, and returns r0.
///
/// # Errors
/// [`CallError`]; nothing was changed then.
pub fn call<M: Reclaim>(
    id: u32,
    arguments: [u64; 5],
    memory: &Memory<'_>,
    maps: &[&Map<M>],
    services: &mut dyn Services,
) -> Result<u64, CallError> {
    let [first, second, third, fourth, _] = arguments;
    match id {
        MAP_LOOKUP_ELEM => {
            let map = map_of(maps, first)?;
            let (key, size) = key(map, second, memory)?;
            let address = |offset: usize| map.values()[offset..].as_ptr().expose_provenance() as u64;
            Ok(map.lookup(&key[..size]).map_or(0, address))
        }
        MAP_UPDATE_ELEM => {
            let map = writable(maps, first)?;
            let (key, size) = key(map, second, memory)?;
            let value = memory.readable(third, map.value_size())?;
            Ok(map.update(&key[..size], fourth, |index| value.byte(index)) as u64)
        }
        MAP_DELETE_ELEM => {
            let map = writable(maps, first)?;
            let (key, size) = key(map, second, memory)?;
            Ok(map.delete(&key[..size]) as u64)
        }
        KTIME_GET_NS => Ok(services.now()),
        TRACE_PRINTK => {
            let length = usize::try_from(second).map_err(|_| CallError::Access(second))?;
            let text = memory.readable(first, length)?;
            Ok(format::print(&text, [third, fourth, arguments[4]], services) as u64)
        }
        GET_PRANDOM_U32 => Ok(u64::from(services.random())),
        GET_SMP_PROCESSOR_ID => Ok(u64::from(services.processor())),
        _ => Err(CallError::Unknown),
    }
}

fn writable<'m, M: Reclaim>(maps: &[&'m Map<M>], handle: u64) -> Result<&'m Map<M>, CallError> {
    match map_of(maps, handle)? {
        map if map.access() == MapAccess::ReadWrite => Ok(map),
        _ => Err(CallError::Access(handle)),
    }
}

fn key<M: Reclaim>(
    map: &Map<M>,
    address: u64,
    memory: &Memory<'_>,
) -> Result<([u8; MAX_KEY], usize), CallError> {
    let size = map.key_size();
    let bytes = memory.readable(address, size)?;
    let mut key = [0; MAX_KEY];
    key.iter_mut().take(size).enumerate().for_each(|(index, byte)| *byte = bytes.byte(index));
    Ok((key, size))
}

/// The registers a helper's arguments are in.
pub(crate) fn argument_registers(helper: &Helper) -> impl Iterator<Item = (Reg, Argument)> + '_ {
    (1..).filter_map(Reg::new).zip(helper.arguments.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_value_and_size_argument_has_what_it_refers_to_before_it() {
        for helper in TABLE {
            for (index, argument) in helper.arguments.iter().enumerate() {
                let before = &helper.arguments[..index];
                match argument {
                    Key | Value => assert!(before.contains(&Argument::Map), "{}", helper.name),
                    Size => assert_eq!(before.last(), Some(&Argument::Memory), "{}", helper.name),
                    Argument::Memory => assert_eq!(helper.arguments.get(index + 1), Some(&Size)),
                    _ => {}
                }
            }
            assert!(helper.arguments.len() <= 5);
        }
    }
}
