//! The objects of the machine.

use kernel_bpf::context::{FieldAccess, FieldKind, ProgramKind};
use kernel_bpf::insn::Size;
use kernel_bpf::interpreter::FRAME_BYTES;
use kernel_bpf::object::MapAccess;

use super::{ARGUMENT, Flat, MOST_VALUES, PACKET, Step, value_address};

/// Bytes that may be accessed.
enum Place {
    Frame(usize, usize),
    Context(usize),
    Input(usize),
    Value(usize, usize),
}

/// The place of `size` bytes at `address` in an object of `len` bytes at `base`.
fn inside(address: u64, base: u64, len: usize, size: usize) -> Option<usize> {
    let offset = usize::try_from(address.checked_sub(base)?).ok()?;
    (offset <= len && size <= len - offset).then_some(offset)
}

impl Flat<'_> {
    /// Where `size` bytes at `address` are.
    fn find(&self, address: u64, size: usize) -> Step<Place> {
        for depth in 0..self.frames.len() {
            let base = super::frame_top(depth) - FRAME_BYTES as u64;
            if let Some(offset) = inside(address, base, FRAME_BYTES, size) {
                return Ok(Place::Frame(depth, offset));
            }
        }
        let plain = matches!(self.world.kind, ProgramKind::Memory { .. });
        let input = if plain { ARGUMENT } else { PACKET };
        if let Some(offset) = inside(address, input, self.world.input.len(), size)
            && (plain || self.world.kind.takes_packet())
        {
            return Ok(Place::Input(offset));
        }
        if let Some(offset) = inside(address, ARGUMENT, self.context.len(), size) {
            return Ok(Place::Context(offset));
        }
        for (map, def) in self.defs.iter().enumerate() {
            for index in 0..def.max_entries.min(MOST_VALUES as u32) {
                let base = value_address(map as u32, index);
                if let Some(offset) = inside(address, base, def.value_size as usize, size) {
                    let start = def.value_size.next_multiple_of(8) as usize * index as usize;
                    return Ok(Place::Value(map, start + offset));
                }
            }
        }
        Err(format!("accesses {size} bytes at {address:#x}, where nothing is"))
    }

    fn bytes(&mut self, place: &Place, size: usize) -> &mut [u8] {
        match *place {
            Place::Frame(depth, offset) => {
                let frame = &mut self.frames[depth];
                frame.depth = frame.depth.max(FRAME_BYTES - offset);
                let used = self.frames.iter().map(|frame| frame.depth.next_multiple_of(8)).sum();
                self.stack = self.stack.max(used);
                &mut self.frames[depth].bytes[offset..offset + size]
            }
            Place::Context(offset) => &mut self.context[offset..offset + size],
            Place::Input(offset) => &mut self.world.input[offset..offset + size],
            Place::Value(map, offset) => &mut self.world.maps[map][offset..offset + size],
        }
    }

    pub(super) fn read(&mut self, address: u64, size: usize) -> Step<Vec<u8>> {
        let place = self.find(address, size)?;
        Ok(self.bytes(&place, size).to_vec())
    }

    pub(super) fn load(&mut self, address: u64, size: Size) -> Step<u64> {
        let place = self.find(address, size.bytes())?;
        if let Place::Context(offset) = place {
            let field = self.world.kind.layout().field(offset as u64, size.bytes() as u64);
            match field.ok_or("accesses no field of the context")?.kind {
                FieldKind::PacketStart | FieldKind::PacketMeta => return Ok(PACKET),
                FieldKind::PacketEnd => return Ok(PACKET + self.world.input.len() as u64),
                FieldKind::Number | FieldKind::WholeNumber => {}
            }
        }
        let bytes = self.bytes(&place, size.bytes());
        Ok(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    pub(super) fn store(&mut self, address: u64, size: Size, value: u64) -> Step {
        self.write(address, &value.to_le_bytes()[..size.bytes()])
    }

    pub(super) fn write(&mut self, address: u64, new: &[u8]) -> Step {
        let place = self.find(address, new.len())?;
        match place {
            Place::Context(offset) => {
                let field = self.world.kind.layout().field(offset as u64, new.len() as u64);
                if field.is_none_or(|field| field.access == FieldAccess::Read) {
                    return Err("writes what it may only read of the context".into());
                }
            }
            Place::Value(map, _) if self.defs[map].access == MapAccess::ReadOnly => {
                return Err("writes read-only memory".into());
            }
            Place::Frame(depth, offset) => {
                self.frames[depth].written[offset..offset + new.len()].fill(true);
            }
            _ => {}
        }
        self.bytes(&place, new.len()).copy_from_slice(new);
        Ok(())
    }
}
