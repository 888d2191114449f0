//! Calls of helpers.

use kernel_bpf::helpers::conversions;
use kernel_bpf::maps::{MapDef, MapKind};
use kernel_bpf::object::MapAccess;

use super::{Flat, Step, handle, value_address};
use crate::random::edge;

const INVALID: u64 = -22i64 as u64;
const TOO_BIG: u64 = -7i64 as u64;
const EXISTS: u64 = -17i64 as u64;
const NO_ENTRY: u64 = -2i64 as u64;

impl Flat<'_> {
    pub(super) fn call_helper(&mut self, id: u32) -> Step {
        self.registers[0] = match id {
            1 => {
                let map = self.map()?;
                self.find_entry(map)?.map_or(0, |index| value_address(map, index))
            }
            2 => self.update()?,
            3 => self.delete()?,
            5 => edge(&mut self.random),
            6 => self.print()?,
            7 => edge(&mut self.random) & 0xffff_ffff,
            8 => 0,
            _ => return Err(format!("calls helper {id}, which does not exist")),
        };
        self.lose_arguments();
        Ok(())
    }

    fn map(&self) -> Step<u32> {
        let found = (0..self.defs.len() as u32).find(|&map| handle(map) == self.registers[1]);
        found.ok_or_else(|| "gives a helper something else for a map".into())
    }

    fn is_array(def: &MapDef<'_>) -> bool {
        matches!(def.kind, MapKind::Array | MapKind::PercpuArray)
    }

    fn key(&mut self, map: u32) -> Step<Vec<u8>> {
        self.read(self.registers[2], self.defs[map as usize].key_size as usize)
    }

    /// The entry of the key that r2 leads to.
    fn find_entry(&mut self, map: u32) -> Step<Option<u32>> {
        let (key, def) = (self.key(map)?, &self.defs[map as usize]);
        if !Self::is_array(def) {
            return Ok(self.world.keys[map as usize].find(&key).map(|entry| entry as u32));
        }
        let index = key.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte));
        Ok((index < def.max_entries).then_some(index))
    }

    fn update(&mut self) -> Step<u64> {
        let map = self.map()?;
        let def = &self.defs[map as usize];
        let (key, found) = (self.key(map)?, self.find_entry(map)?);
        let value = self.read(self.registers[3], def.value_size as usize)?;
        let index = match (self.registers[4], found) {
            (3.., _) => return Ok(INVALID),
            (1, Some(_)) => return Ok(EXISTS),
            (_, Some(index)) => index,
            (_, None) if Self::is_array(def) => return Ok(TOO_BIG),
            (2, None) => return Ok(NO_ENTRY),
            (_, None) => match self.world.keys[map as usize].insert(&key) {
                Some(entry) => entry as u32,
                None => return Ok(TOO_BIG),
            },
        };
        self.write(value_address(map, index), &value).map(|()| 0)
    }

    fn delete(&mut self) -> Step<u64> {
        let map = self.map()?;
        let def = &self.defs[map as usize];
        if def.access == MapAccess::ReadOnly {
            return Err("deletes from a read-only map".into());
        }
        if Self::is_array(def) {
            self.key(map)?;
            return Ok(INVALID);
        }
        match self.find_entry(map)? {
            Some(entry) => self.world.keys[map as usize].remove(entry as usize),
            None => return Ok(NO_ENTRY),
        }
        Ok(0)
    }

    fn print(&mut self) -> Step<u64> {
        let length = usize::try_from(self.registers[2]).map_err(|_| "prints too much")?;
        let text = self.read(self.registers[1], length)?;
        let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
        let valid = conversions(text.iter().copied()).valid;
        Ok(if valid { text.strip_suffix(b"\n").unwrap_or(text).len() as u64 } else { INVALID })
    }
}
