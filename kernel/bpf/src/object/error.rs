//! Why an object is refused.

mod display;

use core::fmt;

use super::btf::BtfFault;
use super::map_definition::MapFault;

/// Why an object is refused, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectError {
    /// Where in the file, in bytes: the field or instruction that is wrong, or the entry that names what is.
    pub offset: u64,
    /// What is wrong.
    pub cause: ObjectCause,
}

/// What is wrong with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectCause {
    /// These four bytes instead of an ELF magic.
    NotElf([u8; 4]),
    /// ELF class of this number instead of 2 (64-bit).
    Class(u8),
    /// A big-endian object.
    BigEndian,
    /// Data encoding of this number, which is neither endianness.
    ByteOrder(u8),
    /// Made for this machine instead of 247 (BPF).
    Machine(u16),
    /// ELF type of this number instead of 1 (relocatable).
    NotRelocatable(u16),
    /// This many bytes: offsets in an object must fit 32 bits.
    TooLarge(u64),
    /// This part reaches past the end of the file.
    Truncated(Part),
    /// This part is not there.
    Missing(Part),
    /// This part is there a second time.
    Repeated(Part),
    /// A table whose entries (or whose size, for the symbol table) are not of the size they must be.
    EntrySize {
        /// Which table.
        part: Part,
        /// The size found, in bytes.
        found: u64,
    },
    /// More entries than a table may have.
    TooMany {
        /// Which table.
        part: Part,
        /// How many there are.
        found: u64,
        /// How many there may be.
        limit: u64,
    },
    /// A section of this index does not exist, or cannot be what it is named for.
    SectionIndex(u32),
    /// A symbol of this index does not exist.
    SymbolIndex(u32),
    /// A name that is needed lies outside its table, is longer than 1,023 bytes, or is not UTF-8.
    Name,
    /// Executable section of this many bytes, not a multiple of 8.
    TextSize(u64),
    /// An executable section whose distance from the first is no multiple of 8.
    TextAlignment,
    /// An executable section shares bytes with another part of the file.
    Overlap(Part),
    /// A function that does not consist of whole instructions of its section, or of none.
    FunctionBounds(ShortName),
    /// A wide load whose second half is missing or not blank (RFC 9669, 5.4).
    HalfWide,
    /// A wide load that names a map or function by itself: only a relocation may. Its source register field.
    Forged(u8),
    /// Relocations in the form with addends of their own, which BPF objects do not use.
    ExplicitAddends,
    /// A relocation at this offset of its section, where no instruction starts.
    RelocationOffset(u64),
    /// A relocation of this type in code.
    RelocationType(u32),
    /// A relocation of this type on an instruction it does not fit.
    RelocationInstruction {
        /// The relocation's type.
        kind: u32,
        /// The instruction's opcode byte.
        opcode: u8,
    },
    /// A pointer stored in a data section.
    DataPointer(ShortName),
    /// A symbol nobody defines.
    Undefined(ShortName),
    /// A weak symbol nobody defines.
    UndefinedWeak(ShortName),
    /// A common symbol: a variable without a section.
    Common(ShortName),
    /// A relocation that points into a section which is neither code, nor maps, nor data.
    Target(ShortName),
    /// A call that points to something other than code.
    CallTarget(ShortName),
    /// A relocation that points outside its section, or into the middle of an instruction.
    TargetOffset(ShortName),
    /// A relocation that points into a map section, where no map starts.
    NoMap(ShortName),
    /// A data section of this many bytes: a map value's size must fit 32 bits.
    DataSize(u64),
    /// A map definition that cannot be read.
    Map {
        /// The map's name.
        map: ShortName,
        /// What is wrong with it.
        fault: MapFault,
    },
    /// Maps are defined by BTF, and that cannot be read.
    Btf(BtfFault),
    /// The program wants the layout of this type of Linux's kernel, which this one does not have.
    CoRe(ShortName),
}

/// A part of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The ELF header.
    Header,
    /// The section header table.
    SectionTable,
    /// A section's contents.
    Section,
    /// The symbol table.
    SymbolTable,
    /// A string table.
    StringTable,
    /// The executable sections.
    Text,
    /// The relocations.
    Relocations,
    /// The maps, data sections included.
    Maps,
}

/// A name from the object, cut after 40 bytes so that an error stays small and needs no file to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ShortName {
    bytes: [u8; Self::CAPACITY],
    length: u8,
    whole: bool,
}

impl ShortName {
    const CAPACITY: usize = 40;

    /// The first 40 bytes of `name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let kept = &name[..name.floor_char_boundary(Self::CAPACITY)];
        let mut bytes = [0; Self::CAPACITY];
        bytes[..kept.len()].copy_from_slice(kept.as_bytes());
        Self { bytes, length: kept.len() as u8, whole: kept.len() == name.len() }
    }

    /// For a name that may be unreadable: a wrong reference must be reported even then.
    pub(super) fn of(name: Option<&str>) -> Self {
        Self::new(name.unwrap_or("?"))
    }

    /// The name as far as it was kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Cut on a character's boundary, so always text.
        core::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or("?")
    }
}

impl fmt::Display for ShortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        f.write_str(if self.whole { "" } else { "…" })
    }
}

impl fmt::Debug for ShortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl ObjectCause {
    /// Whether only the instructions that refer to a symbol are of no use, and the rest of the object is.
    pub(super) const fn is_of_one_symbol(&self) -> bool {
        matches!(
            self,
            Self::Undefined(_)
                | Self::UndefinedWeak(_)
                | Self::Common(_)
                | Self::Target(_)
                | Self::CallTarget(_)
        )
    }

    pub(super) const fn at(self, offset: usize) -> ObjectError {
        ObjectError { offset: offset as u64, cause: self }
    }
}

impl core::error::Error for ObjectError {}
