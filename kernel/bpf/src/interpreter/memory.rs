//! Checked access to the objects a program may touch. The one file of the interpreter with unsafe code: it
//! turns an address a program made into an access, after finding the object that holds it.

use core::cell::Cell;
use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::context::{FieldKind, Layout};
use crate::insn::Size;
use crate::packet::Window;

/// An access outside every object, and its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidAccess(pub u64);

/// More objects than a [`Memory`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyRegions;

/// Most objects of one run: stack, context, packet, keys, and the maps of an object.
pub const MAX_REGIONS: usize = 68;

#[derive(Clone, Copy, Debug)]
enum Access<'a> {
    ReadOnly,
    ReadWrite,
    /// Of all its memory, what lies in the window.
    Packet(&'a Window<'a>),
    Context(&'static Layout, &'a Window<'a>),
}

/// An object a program may touch: so many bytes at an address.
///
/// Holding one proves that for `'a` the bytes may be read and, unless it is read-only, written through
/// shared access on this core.
#[derive(Clone, Copy, Debug)]
pub struct Region<'a> {
    base: NonNull<u8>,
    len: usize,
    access: Access<'a>,
    bytes: PhantomData<&'a [Cell<u8>]>,
}

impl<'a> Region<'a> {
    /// Memory the program may read and write.
    #[must_use]
    pub fn read_write(cells: &'a [Cell<u8>]) -> Self {
        Self::new(NonNull::from(cells).cast(), cells.len(), Access::ReadWrite)
    }

    /// Memory the program may read.
    #[must_use]
    pub fn read_only(bytes: &'a [u8]) -> Self {
        Self::new(NonNull::from(bytes).cast(), bytes.len(), Access::ReadOnly)
    }

    /// Memory others may write while the program may only read it.
    #[must_use]
    pub fn read_only_cells(cells: &'a [Cell<u8>]) -> Self {
        Self::new(NonNull::from(cells).cast(), cells.len(), Access::ReadOnly)
    }

    /// A context: memory whose pointer fields yield whole addresses from 4-byte loads.
    #[must_use]
    pub fn context(cells: &'a [Cell<u8>], layout: &'static Layout, packet: &'a Window<'a>) -> Self {
        Self::new(NonNull::from(cells).cast(), cells.len(), Access::Context(layout, packet))
    }

    /// The packet with its metadata, as long as it is at the time of an access.
    #[must_use]
    pub fn packet(window: &'a Window<'a>) -> Self {
        let cells = window.memory();
        Self::new(NonNull::from(cells).cast(), cells.len(), Access::Packet(window))
    }

    /// Address of the first byte.
    #[must_use]
    pub fn address(&self) -> u64 {
        self.base.as_ptr().expose_provenance() as u64
    }

    const fn new(base: NonNull<u8>, len: usize, access: Access<'a>) -> Self {
        Self { base, len, access, bytes: PhantomData }
    }

    /// The offset of `address` if `size` bytes from it lie inside. Written so that nothing can overflow.
    #[inline]
    fn offset(&self, address: u64, size: usize) -> Option<usize> {
        let offset = address.wrapping_sub(self.base.as_ptr().addr() as u64);
        let len = self.len as u64;
        let inside = offset <= len && size as u64 <= len - offset;
        match self.access {
            Access::Packet(window) if inside => {
                let in_window = address >= window.meta.get() && address + size as u64 <= window.end.get();
                in_window.then_some(offset as usize)
            }
            _ => inside.then_some(offset as usize),
        }
    }
}

/// The part of an object that plain accesses may touch: a cache of what [`Memory::cached`] found.
///
/// Holding one proves that for `'a` the first `readable` bytes at its base may be read, and the first `writable` ones
/// written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cached<'a> {
    base: NonNull<u8>,
    readable: u64,
    writable: u64,
    bytes: PhantomData<&'a [Cell<u8>]>,
}

impl Cached<'_> {
    /// One that no access lies in.
    pub(super) const NONE: Self =
        Self { base: NonNull::dangling(), readable: 0, writable: 0, bytes: PhantomData };

    #[inline]
    fn offset(&self, address: u64, size: Size, len: u64) -> Option<usize> {
        let offset = address.wrapping_sub(self.base.as_ptr().addr() as u64);
        (offset < len && size.bytes() as u64 <= len - offset).then_some(offset as usize)
    }

    /// `size` bytes at `address` as a number, if they lie in it.
    #[inline]
    pub(super) fn load(&self, address: u64, size: Size) -> Option<u64> {
        let offset = self.offset(address, size, self.readable)?;
        // SAFETY: 1. `offset + size` is at most `readable`, so the bytes may be read.
        Some(unsafe { read(self.base.add(offset), size) })
    }

    /// Stores the low `size` bytes of `value` at `address`, if they lie in it.
    #[inline]
    pub(super) fn store(&self, address: u64, size: Size, value: u64) -> Option<()> {
        let offset = self.offset(address, size, self.writable)?;
        // SAFETY: 1. `offset + size` is at most `writable`, so the bytes may be written.
        unsafe { write(self.base.add(offset), size, value) };
        Some(())
    }
}

/// The objects of one run.
#[derive(Debug)]
pub struct Memory<'a> {
    regions: [Option<Region<'a>>; MAX_REGIONS],
    count: usize,
}

impl Default for Memory<'_> {
    fn default() -> Self {
        Self { regions: [None; MAX_REGIONS], count: 0 }
    }
}

/// Bytes a helper may read.
#[derive(Clone, Copy, Debug)]
pub struct Readable<'a> {
    base: NonNull<u8>,
    len: usize,
    bytes: PhantomData<&'a [Cell<u8>]>,
}

impl Readable<'_> {
    /// Number of bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Byte `index`.
    ///
    /// # Panics
    /// If `index` is not below [`Self::len`].
    #[must_use]
    #[inline]
    pub fn byte(&self, index: usize) -> u8 {
        assert!(index < self.len);
        // SAFETY: 1. `index` is below `len`, and `Memory::readable` found `len` bytes at `base` in a region,
        // which proves they may be read for its lifetime.
        unsafe { self.base.add(index).read() }
    }

    /// Copies the bytes to `to`.
    ///
    /// # Panics
    /// If `to` has another length.
    #[inline]
    pub fn copy_to(&self, to: &mut [u8]) {
        assert!(to.len() == self.len);
        // SAFETY: 1. `len` bytes at `base` may be read (`Memory::readable`). 2. `to` has as many, and is a `&mut`
        // from outside of the program's memory, so they do not overlap.
        unsafe { core::ptr::copy_nonoverlapping(self.base.as_ptr(), to.as_mut_ptr(), self.len) };
    }

    /// Copies the bytes to `to`, which may be where they are.
    ///
    /// # Panics
    /// If `to` has another length.
    pub fn copy_to_cells(&self, to: &[Cell<u8>]) {
        assert!(to.len() == self.len);
        // SAFETY: 1. `len` bytes at `base` may be read (`Memory::readable`). 2. `to` has as many, and cells may be
        // written. 3. `copy` lets them overlap.
        unsafe { core::ptr::copy(self.base.as_ptr(), to.as_ptr().cast::<u8>().cast_mut(), self.len) };
    }
}

impl<'a> Memory<'a> {
    /// Adds an object.
    ///
    /// # Errors
    /// [`TooManyRegions`].
    pub fn add(&mut self, region: Region<'a>) -> Result<(), TooManyRegions> {
        *self.regions.get_mut(self.count).ok_or(TooManyRegions)? = Some(region);
        self.count += 1;
        Ok(())
    }

    #[inline]
    fn find(&self, address: u64, size: usize) -> Option<(&Region<'a>, usize)> {
        let regions = self.regions[..self.count].iter().flatten();
        regions.filter_map(|region| Some((region, region.offset(address, size)?))).next()
    }

    /// `size` bytes at `address` as a number, zero-extended.
    ///
    /// # Errors
    /// [`InvalidAccess`] if no object holds all of them.
    #[inline]
    pub fn load(&self, address: u64, size: Size) -> Result<u64, InvalidAccess> {
        let (region, offset) = self.find(address, size.bytes()).ok_or(InvalidAccess(address))?;
        if let Access::Context(layout, packet) = region.access
            && let Some(pointer) = pointer_field(layout, packet, offset, size)
        {
            return Ok(pointer);
        }
        // SAFETY: 1. `find` saw `offset + size` inside the region, whose bytes may be read.
        Ok(unsafe { read(region.base.add(offset), size) })
    }

    /// Stores the low `size` bytes of `value` at `address`.
    ///
    /// # Errors
    /// [`InvalidAccess`] if no writable object holds all of them; nothing is written then.
    #[inline]
    pub fn store(&self, address: u64, size: Size, value: u64) -> Result<(), InvalidAccess> {
        let (region, offset) = self.find(address, size.bytes()).ok_or(InvalidAccess(address))?;
        if matches!(region.access, Access::ReadOnly) {
            return Err(InvalidAccess(address));
        }
        // SAFETY: 1. `find` saw `offset + size` inside the region. 2. It is not read-only, so its bytes are
        // cells, which may be written.
        unsafe { write(region.base.add(offset), size, value) };
        Ok(())
    }

    /// What plain accesses near `address` may touch; nothing if it is in no object.
    pub(super) fn cached(&self, address: u64, size: Size) -> Cached<'a> {
        let Some((region, _)) = self.find(address, size.bytes()) else { return Cached::NONE };
        let len = region.len as u64;
        let whole = |readable, writable| Cached { base: region.base, readable, writable, bytes: PhantomData };
        match region.access {
            Access::ReadOnly => whole(len, 0),
            Access::ReadWrite => whole(len, len),
            // Loads of its pointer fields are no plain ones.
            Access::Context(..) => whole(0, len),
            Access::Packet(window) => {
                let (skipped, len) =
                    (window.meta.get() - region.address(), window.end.get() - window.meta.get());
                // SAFETY: 1. The window lies in the region, which is all of its memory.
                let base = unsafe { region.base.add(skipped as usize) };
                Cached { base, readable: len, writable: len, bytes: PhantomData }
            }
        }
    }

    /// `len` bytes at `address`, for a helper to read.
    ///
    /// # Errors
    /// [`InvalidAccess`] if no object holds all of them.
    #[inline]
    pub fn readable(&self, address: u64, len: usize) -> Result<Readable<'a>, InvalidAccess> {
        if len == 0 {
            // Of nothing, null is a good address.
            return Ok(Readable { base: NonNull::dangling(), len, bytes: PhantomData });
        }
        let (region, offset) = self.find(address, len).ok_or(InvalidAccess(address))?;
        // SAFETY: 1. `find` saw `offset + len` inside the region.
        Ok(Readable { base: unsafe { region.base.add(offset) }, len, bytes: PhantomData })
    }

    /// `len` bytes at `address`, for a helper to write.
    ///
    /// # Errors
    /// [`InvalidAccess`] if no writable object holds all of them.
    pub fn writable(&self, address: u64, len: usize) -> Result<&'a [Cell<u8>], InvalidAccess> {
        if len == 0 {
            return Ok(&[]);
        }
        let (region, offset) = self.find(address, len).ok_or(InvalidAccess(address))?;
        if matches!(region.access, Access::ReadOnly | Access::Context(..)) {
            return Err(InvalidAccess(address));
        }
        // SAFETY: 1. `find` saw `offset + len` inside the region. 2. It is not read-only, so its bytes are cells for
        // `'a`.
        Ok(unsafe { core::slice::from_raw_parts(region.base.add(offset).cast::<Cell<u8>>().as_ptr(), len) })
    }

    /// The text at `address`, up to its NUL, which must lie in the same object.
    ///
    /// # Errors
    /// [`InvalidAccess`] without one.
    pub fn text(&self, address: u64) -> Result<Readable<'a>, InvalidAccess> {
        let (region, offset) = self.find(address, 1).ok_or(InvalidAccess(address))?;
        let rest = self.readable(address, region.len - offset)?;
        let len = (0..rest.len()).find(|&at| rest.byte(at) == 0).ok_or(InvalidAccess(address))?;
        Ok(Readable { len, ..rest })
    }
}

fn pointer_field(layout: &Layout, packet: &Window<'_>, offset: usize, size: Size) -> Option<u64> {
    if size != Size::W {
        return None;
    }
    match layout.field(offset as u64, 4)?.kind {
        FieldKind::PacketStart => Some(packet.start.get()),
        FieldKind::PacketMeta => Some(packet.meta.get()),
        FieldKind::PacketEnd => Some(packet.end.get()),
        FieldKind::Number | FieldKind::WholeNumber => None,
    }
}

/// # Safety
/// 1. `size` bytes at `from` may be read.
#[inline]
unsafe fn read(from: NonNull<u8>, size: Size) -> u64 {
    // SAFETY: 1. The caller's first duty; `read_unaligned` asks for no alignment, and every bit pattern is a
    // number.
    unsafe {
        match size {
            Size::B => u64::from(from.read()),
            Size::H => u64::from(from.cast::<u16>().read_unaligned()),
            Size::W => u64::from(from.cast::<u32>().read_unaligned()),
            Size::DW => from.cast::<u64>().read_unaligned(),
        }
    }
}

/// # Safety
/// 1. `size` bytes at `to` may be written.
#[inline]
unsafe fn write(to: NonNull<u8>, size: Size, value: u64) {
    // SAFETY: 1. The caller's first duty; `write_unaligned` asks for no alignment.
    unsafe {
        match size {
            Size::B => to.write(value as u8),
            Size::H => to.cast::<u16>().write_unaligned(value as u16),
            Size::W => to.cast::<u32>().write_unaligned(value as u32),
            Size::DW => to.cast::<u64>().write_unaligned(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_must_lie_inside_one_object() {
        let mut bytes = [7u8; 16];
        let cells = Cell::from_mut(&mut bytes[..]).as_slice_of_cells();
        let mut memory = Memory::default();
        memory.add(Region::read_write(&cells[4..12])).unwrap();
        let base = Region::read_write(&cells[4..12]).address();
        assert_eq!(memory.load(base, Size::DW), Ok(0x0707_0707_0707_0707));
        assert_eq!(memory.load(base + 1, Size::DW), Err(InvalidAccess(base + 1)));
        assert_eq!(memory.load(base + 7, Size::B), Ok(7));
        for address in [base - 1, base + 8, 0, u64::MAX, u64::MAX - 3, base.wrapping_add(1 << 63)] {
            assert_eq!(memory.load(address, Size::B), Err(InvalidAccess(address)));
            assert_eq!(memory.store(address, Size::W, 0), Err(InvalidAccess(address)));
            assert!(memory.readable(address, 9).is_err());
        }
    }

    #[test]
    fn read_only_objects_are_not_written() {
        let bytes = [1u8, 2, 3, 4];
        let mut memory = Memory::default();
        memory.add(Region::read_only(&bytes)).unwrap();
        let base = Region::read_only(&bytes).address();
        assert_eq!(memory.load(base, Size::W), Ok(0x0403_0201));
        assert_eq!(memory.store(base, Size::B, 9), Err(InvalidAccess(base)));
    }

    #[test]
    fn pointer_fields_of_a_context_yield_whole_addresses() {
        let mut bytes = [0u8; 24];
        let cells = Cell::from_mut(&mut bytes[..]).as_slice_of_cells();
        let packet = Window::none();
        packet.start.set(0x1_0000_0000);
        packet.end.set(0x1_0000_0040);
        let region = Region::context(cells, crate::context::ProgramKind::Xdp.layout(), &packet);
        let mut memory = Memory::default();
        memory.add(region).unwrap();
        assert_eq!(memory.load(region.address(), Size::W), Ok(packet.start.get()));
        assert_eq!(memory.load(region.address() + 4, Size::W), Ok(packet.end.get()));
        assert_eq!(memory.load(region.address() + 12, Size::W), Ok(0));
    }
}
