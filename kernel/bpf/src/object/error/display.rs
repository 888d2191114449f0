//! Refusals in words: what was found, what was expected.

use core::fmt;

use super::{ObjectCause, ObjectError, Part};

impl ObjectCause {
    fn write_container(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotElf([a, b, c, d]) => {
                write!(f, "not an ELF file: expected 7f 45 4c 46, found {a:02x} {b:02x} {c:02x} {d:02x}")
            }
            Self::Class(1) => f.write_str("32-bit ELF file, expected 64-bit"),
            Self::Class(class) => write!(f, "ELF class {class}, expected 2 (64-bit)"),
            Self::BigEndian => f.write_str("big-endian BPF object; compile with -target bpfel"),
            Self::ByteOrder(order) => write!(f, "ELF data encoding {order}, expected 1 (little-endian)"),
            Self::Machine(machine) => write!(f, "made for ELF machine {machine}, expected 247 (BPF)"),
            Self::NotRelocatable(kind) => {
                write!(f, "ELF type {kind}, expected 1 (relocatable, as `clang -c` writes)")
            }
            Self::TooLarge(size) => write!(f, "file of {size} bytes, expected less than 4 GiB"),
            Self::Truncated(part) => write!(f, "{part} reaches past the end of the file"),
            Self::Missing(part) => write!(f, "no {part} where one is expected"),
            Self::Repeated(part) => write!(f, "a second {part}, expected one"),
            Self::EntrySize { part, found } => {
                write!(f, "{part} does not divide into entries: {found} bytes")
            }
            Self::TooMany { part, found, limit } => {
                write!(f, "{part}: {found} entries, at most {limit} are read")
            }
            Self::SectionIndex(index) => write!(f, "section {index} is not what it is referred to as"),
            Self::SymbolIndex(index) => write!(f, "symbol {index} does not exist"),
            _ => f.write_str("name outside its table, longer than 1023 bytes, or not UTF-8"),
        }
    }

    fn write_code(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TextSize(size) => write!(f, "code of {size} bytes, expected a multiple of 8"),
            Self::TextAlignment => f.write_str("executable sections are no multiple of 8 bytes apart"),
            Self::Overlap(part) => write!(f, "executable section shares bytes with {part}"),
            Self::FunctionBounds(name) => {
                write!(f, "function `{name}` does not cover whole instructions of its section")
            }
            Self::HalfWide => f.write_str("wide load without a blank second half"),
            Self::Forged(source) => {
                write!(f, "wide load names a map or function itself (source {source}), without a relocation")
            }
            Self::ExplicitAddends => f.write_str("RELA relocations, expected REL"),
            Self::RelocationOffset(offset) => {
                write!(f, "relocation at {offset:#x}: no instruction starts there")
            }
            Self::RelocationType(kind) => {
                write!(f, "relocation of type {kind} in code, expected 1 (R_BPF_64_64) or 10 (R_BPF_64_32)")
            }
            Self::RelocationInstruction { kind: 1, opcode } => {
                write!(f, "R_BPF_64_64 on opcode {opcode:#04x}, expected 0x18 (wide load)")
            }
            Self::RelocationInstruction { opcode, .. } => {
                write!(f, "R_BPF_64_32 on opcode {opcode:#04x}, expected 0x85 (call) with source 1")
            }
            Self::CoRe(name) => write!(
                f,
                "CO-RE relocation against `{name}`, a type of Linux's kernel that does not exist here"
            ),
            other => other.write_reference(f),
        }
    }

    fn write_reference(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DataPointer(name) => {
                write!(f, "section `{name}` holds pointers (a table of strings or functions?), not supported")
            }
            Self::Undefined(name) => write!(f, "symbol `{name}` is undefined"),
            Self::UndefinedWeak(name) => write!(f, "weak symbol `{name}` is undefined"),
            Self::Common(name) => write!(f, "variable `{name}` has no section; compile with -fno-common"),
            Self::Target(name) => {
                write!(f, "reference to `{name}`, which is neither code, nor map, nor data")
            }
            Self::CallTarget(name) => write!(f, "call to `{name}`, which is no code"),
            Self::TargetOffset(name) => {
                write!(f, "reference to a place outside of `{name}`'s section, or inside an instruction")
            }
            Self::NoMap(name) => write!(f, "reference to `{name}`: no map starts there"),
            Self::DataSize(size) => write!(f, "data section of {size} bytes, expected less than 4 GiB"),
            Self::Map { map, fault } => write!(f, "map `{map}`: {fault}"),
            Self::Btf(fault) => write!(f, "BTF: {fault}"),
            other => other.write_container(f),
        }
    }
}

impl fmt::Display for ObjectCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TextSize(_)
            | Self::TextAlignment
            | Self::Overlap(_)
            | Self::FunctionBounds(_)
            | Self::HalfWide
            | Self::Forged(_)
            | Self::ExplicitAddends
            | Self::RelocationOffset(_)
            | Self::RelocationType(_)
            | Self::RelocationInstruction { .. }
            | Self::CoRe(_) => self.write_code(f),
            other => other.write_reference(f),
        }
    }
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {:#x})", self.cause, self.offset)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "ELF header",
            Self::SectionTable => "section table",
            Self::Section => "section",
            Self::SymbolTable => "symbol table",
            Self::StringTable => "string table",
            Self::Text => "code",
            Self::Relocations => "relocations",
            Self::Maps => "maps",
        })
    }
}
