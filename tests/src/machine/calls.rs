//! Calls of helpers and functions.

use kernel_bpf::helpers::conversions;
use kernel_bpf::insn::Reg;
use kernel_bpf::interpreter::MAX_FRAMES;
use kernel_bpf::maps::{MapDef, MapKind};
use kernel_bpf::object::MapAccess;

use super::{Address, Frame, Machine, Object, Step, Value};
use crate::assembler::r;

const INVALID: u64 = -22i64 as u64;
const TOO_BIG: u64 = -7i64 as u64;
const EXISTS: u64 = -17i64 as u64;
const NO_ENTRY: u64 = -2i64 as u64;

impl Machine<'_> {
    pub(super) fn call_helper(&mut self, id: u32) -> Step {
        let r0 = match id {
            1 => self.lookup()?,
            2 => Value::Number(self.update()?),
            3 => Value::Number(self.delete()?),
            5 => Value::Number(self.services.now()),
            6 => Value::Number(self.print()?),
            7 => Value::Number(self.services.random().into()),
            8 => Value::Number(self.services.processor().into()),
            _ => return Err("calls a helper that does not exist"),
        };
        self.set(Reg::R0, r0);
        self.lose_arguments();
        Ok(())
    }

    fn lose_arguments(&mut self) {
        self.registers[1..6].fill(Value::Nothing);
    }

    fn pointer(&self, register: u8) -> Step<Address> {
        match self.get(r(register))? {
            Value::Address(address) => Ok(address),
            _ => Err("gives a helper a number for an address"),
        }
    }

    fn map(&self) -> Step<u32> {
        match self.pointer(1)? {
            Address { object: Object::Handle(map), offset: 0 } => Ok(map),
            _ => Err("gives a helper something else for a map"),
        }
    }

    fn def(&self, map: u32) -> Step<&MapDef<'_>> {
        self.defs.get(map as usize).ok_or("uses a map that does not exist")
    }

    /// The key in r2.
    fn key(&mut self, map: u32) -> Step<Vec<u8>> {
        let (key, size) = (self.pointer(2)?, self.def(map)?.key_size as usize);
        self.readable(key, size)
    }

    fn is_array(&self, map: u32) -> Step<bool> {
        Ok(matches!(self.def(map)?.kind, MapKind::Array | MapKind::PercpuArray))
    }

    /// Where the value of a key is, if the map has it.
    fn find(&self, map: u32, key: &[u8]) -> Step<Option<u32>> {
        if !self.is_array(map)? {
            return Ok(self.world.keys[map as usize].find(key).map(|entry| entry as u32));
        }
        let index = key.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte));
        Ok((index < self.def(map)?.max_entries).then_some(index))
    }

    fn lookup(&mut self) -> Step<Value> {
        let map = self.map()?;
        let key = self.key(map)?;
        Ok(match self.find(map, &key)? {
            Some(index) => Value::Address(Address { object: Object::Value { map, index }, offset: 0 }),
            None => Value::Number(0),
        })
    }

    fn update(&mut self) -> Step<u64> {
        let map = self.map()?;
        let (key, size) = (self.key(map)?, self.def(map)?.value_size as usize);
        let value = self.pointer(3)?;
        let value = self.readable(value, size)?;
        let (flags, found, is_array) = (self.number(r(4))?, self.find(map, &key)?, self.is_array(map)?);
        let index = match (flags, found) {
            (3.., _) => return Ok(INVALID),
            (1, Some(_)) => return Ok(EXISTS),
            (_, Some(index)) => index,
            (_, None) if is_array => return Ok(TOO_BIG),
            (2, None) => return Ok(NO_ENTRY),
            (_, None) => match self.world.keys[map as usize].insert(&key) {
                Some(entry) => entry as u32,
                None => return Ok(TOO_BIG),
            },
        };
        self.write_value(map, index, &value).map(|()| 0)
    }

    fn delete(&mut self) -> Step<u64> {
        let map = self.map()?;
        let key = self.key(map)?;
        if self.def(map)?.access == MapAccess::ReadOnly {
            return Err("deletes from a read-only map");
        }
        if self.is_array(map)? {
            return Ok(INVALID);
        }
        match self.find(map, &key)? {
            Some(entry) => self.world.keys[map as usize].remove(entry as usize),
            None => return Ok(NO_ENTRY),
        }
        Ok(0)
    }

    fn print(&mut self) -> Step<u64> {
        let (text, length) = (self.pointer(1)?, self.number(r(2))?);
        let text = self.readable(text, usize::try_from(length).map_err(|_| "prints too much")?)?;
        let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
        let found = conversions(text.iter().copied());
        if !found.valid {
            return Ok(INVALID);
        }
        for register in 3..3 + found.count as u8 {
            self.number(r(register)).map_err(|_| "prints what is no number")?;
        }
        Ok(text.strip_suffix(b"\n").unwrap_or(text).len() as u64)
    }

    pub(super) fn enter(&mut self, return_to: usize) -> Step {
        if self.frames.len() == MAX_FRAMES {
            return Err("calls deeper than there are frames");
        }
        let mut saved = [Value::Nothing; 4];
        saved.copy_from_slice(&self.registers[6..10]);
        self.registers[6..10].fill(Value::Nothing);
        self.registers[0] = Value::Nothing;
        self.push_frame(return_to, saved);
        Ok(())
    }

    /// Leaves a function; `None` from the program itself.
    pub(super) fn leave(&mut self) -> Step<Option<usize>> {
        let Some(Frame { saved, return_to, .. }) = self.frames.pop() else {
            return Err("leaves more functions than it entered");
        };
        let Some(caller) = self.frames.last() else { return Ok(None) };
        let top = Address { object: Object::Frame(caller.number), offset: 0 };
        self.registers[6..10].copy_from_slice(&saved);
        self.registers[Reg::FRAME.index()] = Value::Address(top);
        self.lose_arguments();
        Ok(Some(return_to))
    }
}
