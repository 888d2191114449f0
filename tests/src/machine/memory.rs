//! The objects of the machine.

use kernel_bpf::context::{Field, FieldAccess, FieldKind, ProgramKind};
use kernel_bpf::insn::Size;
use kernel_bpf::interpreter::FRAME_BYTES;
use kernel_bpf::object::MapAccess;

use super::{Address, Byte, Machine, Object, Step, Value, World};

/// The number fields of the context that a program of this type gets with this input.
pub(super) fn context(world: &World) -> Vec<u8> {
    let mut context = vec![0; world.kind.layout().size.into()];
    let mut set = |offset: usize, value: u32| {
        context[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
    };
    match world.kind {
        ProgramKind::Memory { .. } => {}
        ProgramKind::Xdp => set(12, 1),
        kind if kind.takes_packet() => {
            set(0, world.input.len() as u32);
            if let Some(&[high, low]) = world.input.get(12..14) {
                set(16, u32::from(u16::from_le_bytes([high, low])));
            }
            set(36, 1);
            set(40, 1);
        }
        _ => context.iter_mut().zip(&world.input).for_each(|(byte, &given)| *byte = given),
    }
    context
}

/// The place of `size` bytes at `offset` of `len`.
fn inside(len: usize, offset: i64, size: usize) -> Step<usize> {
    let start = usize::try_from(offset).map_err(|_| "accesses memory in front of an object")?;
    let fits = start.checked_add(size).is_some_and(|end| end <= len);
    if fits { Ok(start) } else { Err("accesses memory behind an object") }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

impl Machine<'_> {
    /// The bytes of an object other than a frame, and whether programs may write them.
    fn object(&mut self, object: Object) -> Step<(&mut [u8], bool)> {
        match object {
            Object::Context => Ok((&mut self.context, true)),
            Object::Packet | Object::Memory => Ok((&mut self.world.input, true)),
            Object::Value { map, index } => {
                let def = self.defs.get(map as usize).ok_or("uses a map that does not exist")?;
                let values = self.world.maps.get_mut(map as usize).ok_or("uses a map that does not exist")?;
                let start = def.value_size.next_multiple_of(8) as usize * index as usize;
                let value = values.get_mut(start..start + def.value_size as usize);
                Ok((value.ok_or("uses a value that does not exist")?, def.access == MapAccess::ReadWrite))
            }
            Object::Frame(_) | Object::Handle(_) => Err("accesses what is no memory"),
        }
    }

    /// The bytes of a frame that is still in use; notes that they were touched.
    fn frame(&mut self, number: usize, offset: i64, size: usize) -> Step<&mut [Byte]> {
        let frame = self.frames.iter_mut().find(|frame| frame.number == number);
        let frame = frame.ok_or("uses the stack of a function that has ended")?;
        let start = inside(FRAME_BYTES, offset + FRAME_BYTES as i64, size)?;
        frame.depth = frame.depth.max(FRAME_BYTES - start);
        let used = self.frames.iter().map(|frame| frame.depth.next_multiple_of(8)).sum();
        self.outcome.stack = self.outcome.stack.max(used);
        let frame = self.frames.iter_mut().find(|frame| frame.number == number);
        Ok(&mut frame.ok_or("no such frame")?.bytes[start..start + size])
    }

    pub(super) fn load(&mut self, Address { object, offset }: Address, size: Size) -> Step<Value> {
        if object == Object::Context
            && let Some(pointer) = self.pointer_field(offset, size)?
        {
            return Ok(Value::Address(pointer));
        }
        if let Object::Frame(number) = object {
            return whole(self.frame(number, offset, size.bytes())?);
        }
        let (bytes, _) = self.object(object)?;
        let start = inside(bytes.len(), offset, size.bytes())?;
        Ok(Value::Number(number(&bytes[start..start + size.bytes()])))
    }

    fn field(&self, offset: i64, size: Size) -> Step<&'static Field> {
        let place = u64::try_from(offset).map_err(|_| "accesses memory in front of the context")?;
        let field = self.world.kind.layout().field(place, size.bytes() as u64);
        field.ok_or("accesses no field of the context")
    }

    /// A context field that is an address. Fields are accessed whole and nothing beside them.
    fn pointer_field(&self, offset: i64, size: Size) -> Step<Option<Address>> {
        let offset = match self.field(offset, size)?.kind {
            FieldKind::Number | FieldKind::WholeNumber => return Ok(None),
            _ if size != Size::W => return Err("loads a part of an address"),
            FieldKind::PacketStart | FieldKind::PacketMeta => 0,
            FieldKind::PacketEnd => self.world.input.len() as i64,
        };
        Ok(Some(Address { object: Object::Packet, offset }))
    }

    pub(super) fn store(&mut self, Address { object, offset }: Address, size: Size, value: Value) -> Step {
        if let Object::Frame(number) = object {
            let bytes = self.frame(number, offset, size.bytes())?;
            return match value {
                Value::Address(address) if size == Size::DW => {
                    bytes.iter_mut().zip(0..).for_each(|(byte, part)| *byte = Byte::Part(address, part));
                    Ok(())
                }
                Value::Number(number) => {
                    let parts = number.to_le_bytes();
                    bytes.iter_mut().zip(parts).for_each(|(byte, part)| *byte = Byte::Number(part));
                    Ok(())
                }
                _ => Err("stores a part of an address"),
            };
        }
        let Value::Number(number) = value else { return Err("stores an address where others can read it") };
        if object == Object::Context && self.field(offset, size)?.access == FieldAccess::Read {
            return Err("writes a field of the context that it may only read");
        }
        let (bytes, writable) = self.object(object)?;
        if !writable {
            return Err("writes read-only memory");
        }
        let start = inside(bytes.len(), offset, size.bytes())?;
        bytes[start..start + size.bytes()].copy_from_slice(&number.to_le_bytes()[..size.bytes()]);
        Ok(())
    }

    /// So many written numbers, for a helper.
    pub(super) fn readable(&mut self, Address { object, offset }: Address, len: usize) -> Step<Vec<u8>> {
        if let Object::Frame(number) = object {
            let bytes = self.frame(number, offset, len)?;
            return bytes
                .iter()
                .map(|byte| match *byte {
                    Byte::Number(number) => Ok(number),
                    Byte::Unwritten => Err("gives unwritten stack to a helper"),
                    Byte::Part(..) => Err("gives an address to a helper"),
                })
                .collect();
        }
        let (bytes, _) = self.object(object)?;
        let start = inside(bytes.len(), offset, len)?;
        Ok(bytes[start..start + len].to_vec())
    }

    /// Writes a map's value.
    pub(super) fn write_value(&mut self, map: u32, index: u32, new: &[u8]) -> Step {
        match self.object(Object::Value { map, index })? {
            (value, true) => value.copy_from_slice(new),
            (_, false) => return Err("updates a read-only map"),
        }
        Ok(())
    }
}

/// A number, or an address that is all there.
fn whole(bytes: &[Byte]) -> Step<Value> {
    if let [Byte::Part(address, 0), rest @ ..] = bytes
        && bytes.len() == 8
        && rest.iter().zip(1..).all(|(byte, part)| *byte == Byte::Part(*address, part))
    {
        return Ok(Value::Address(*address));
    }
    let numbers = bytes.iter().rev().try_fold(0, |number, byte| match *byte {
        Byte::Number(part) => Ok(number << 8 | u64::from(part)),
        Byte::Unwritten => Err("reads unwritten stack"),
        Byte::Part(..) => Err("reads a part of an address"),
    });
    numbers.map(Value::Number)
}
