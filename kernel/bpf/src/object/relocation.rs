//! Linking: relocations are resolved one by one and written into the code.
//!
//! What clang writes and what it becomes (instruction encoding: RFC 9669, 4.3.1, 5.4):
//!
//! | relocation | on | refers to | becomes |
//! |---|---|---|---|
//! | `R_BPF_64_32` | call | code | call by distance |
//! | `R_BPF_64_64` | wide load | a map | source 1, the map's handle |
//! | `R_BPF_64_64` | wide load | data | source 2, handle of the section's map, offset in its value |
//! | `R_BPF_64_64` | wide load | code | source 4, distance |
//!
//! Addends lie in the immediates. A distance counts instructions from the one that follows the first slot.

use super::bytes::{Span, u32_at, u64_at};
use super::elf::{self, Elf, Layout, Section, Symbol};
use super::error::{ObjectCause, ObjectError, Part, ShortName};
use super::map_definition::Style;
use super::maps::{MapTable, data_access};
use super::text::{Text, WIDE_LOAD};

const MAX_RELOCATIONS: usize = 1_048_576;
pub(super) const RELOCATION_BYTES: usize = 16;

/// `R_BPF_64_64`.
const WIDE: u32 = 1;
/// `R_BPF_64_32`.
const CALL: u32 = 10;

/// Opcode of `call` (RFC 9669, 4.3) with an immediate.
const CALL_OPCODE: u8 = 0x85;
/// What the source field of a call or a wide load says of the immediates.
const CALL_BY_NUMBER: u8 = 0;
const CALL_BY_DISTANCE: u8 = 1;
const MAP_BY_HANDLE: u8 = 1;
const MAP_VALUE_BY_HANDLE: u8 = 2;
const CODE_BY_DISTANCE: u8 = 4;

/// Helper and map that do not exist: what stands for something unresolved.
pub(super) const UNRESOLVED: u32 = 0x7fff_fffe;

/// Applies all relocations of code. `text` and `maps` must have been read from this file.
pub(super) fn link(file: &mut [u8], layout: Layout, text: Text, maps: &MapTable) -> Result<(), ObjectError> {
    let mut count = 0;
    let mut index = 0;
    while let Some(table) = Elf::new(file, layout).section(index) {
        index += 1;
        let Some((entries, code)) = code_relocations(Elf::new(file, layout), &table)? else { continue };
        count += entries.len() / RELOCATION_BYTES;
        if count > MAX_RELOCATIONS {
            let (found, limit) = (count as u64, MAX_RELOCATIONS as u64);
            return Err(ObjectCause::TooMany { part: Part::Relocations, found, limit }.at(table.header));
        }
        for entry in (entries.start..entries.end).step_by(RELOCATION_BYTES) {
            let linker = Linker { elf: Elf::new(file, layout), text, maps };
            let patch = match linker.resolve(entry, code) {
                Err(error) if error.cause.is_of_one_symbol() => {
                    Patch::unresolved(file, error.offset as usize)
                }
                patch => patch?,
            };
            patch.apply(file);
        }
    }
    Ok(())
}

/// The entries of a relocation section and the code they change. `None` if it changes no code.
fn code_relocations(elf: Elf<'_>, table: &Section) -> Result<Option<(Span, Span)>, ObjectError> {
    let found = entries(elf, table)?.filter(|(_, target)| target.is_code());
    Ok(found.and_then(|(entries, target)| Some((entries, target.contents()?))))
}

/// The entries of a relocation section and the section they change. `None` if it changes nothing that
/// programs use.
pub(super) fn entries(elf: Elf<'_>, table: &Section) -> Result<Option<(Span, Section)>, ObjectError> {
    if table.kind != elf::REL && table.kind != elf::RELA {
        return Ok(None);
    }
    let Some(target) = elf.section(table.info) else {
        return Err(ObjectCause::SectionIndex(table.info).at(table.header + 44));
    };
    let used = target.is_code() || data_access(elf, &target).is_some() || Style::of(elf, &target).is_some();
    let (true, Some(entries)) = (used, table.contents()) else {
        return Ok(None);
    };
    if table.kind == elf::RELA {
        return Err(ObjectCause::ExplicitAddends.at(table.header + 4));
    }
    if !elf.layout().is_symbol_table(table.link) {
        return Err(ObjectCause::SectionIndex(table.link).at(table.header + 40));
    }
    if !entries.len().is_multiple_of(RELOCATION_BYTES) {
        let found = table.size;
        return Err(ObjectCause::EntrySize { part: Part::Relocations, found }.at(table.header + 32));
    }
    Ok(Some((entries, target)))
}

/// What one relocation changes: the source field and the immediates of an instruction.
struct Patch {
    /// Where the instruction lies in the file.
    at: usize,
    source: u8,
    imm: u32,
    /// The second slot's immediate, for a wide load.
    second: Option<u32>,
}

impl Patch {
    /// Makes an instruction one that the verifier refuses, should a program come to it: a call of a helper, or
    /// the handle of a map, that does not exist. A weak symbol's address is 0 instead, for programs that ask.
    fn unresolved(file: &[u8], at: usize) -> Self {
        let is_wide = file[at] == WIDE_LOAD;
        let source = if is_wide { MAP_BY_HANDLE } else { CALL_BY_NUMBER };
        Self { at, source, imm: UNRESOLVED, second: is_wide.then_some(0) }
    }

    fn apply(&self, file: &mut [u8]) {
        let registers = &mut file[self.at + 1];
        *registers = *registers & 0xf | self.source << 4;
        file[self.at + 4..self.at + 8].copy_from_slice(&self.imm.to_le_bytes());
        if let Some(second) = self.second {
            file[self.at + 12..self.at + 16].copy_from_slice(&second.to_le_bytes());
        }
    }
}

/// Why the instruction at offset `at` of a linked file was not resolved, if it was not.
pub(super) fn fault_at(elf: Elf<'_>, text: Text, maps: &MapTable, at: usize) -> Option<ObjectCause> {
    let linker = Linker { elf, text, maps };
    elf.sections().find_map(|table| {
        let (entries, code) = code_relocations(elf, &table).ok()??;
        let offset = at.checked_sub(code.start).filter(|_| at < code.end)? as u64;
        (entries.start..entries.end).step_by(RELOCATION_BYTES).find_map(|entry| {
            let bytes = elf.contents(Span { start: entry, end: entry + RELOCATION_BYTES });
            let symbol = elf.symbol(u32_at(bytes, 12)?).filter(|_| u64_at(bytes, 0) == Some(offset))?;
            Some(linker.symbol_fault(u32_at(bytes, 8)?, &symbol, Span { start: at, end: at + 8 }))
        })
    })
}

struct Linker<'a> {
    elf: Elf<'a>,
    text: Text,
    maps: &'a MapTable,
}

impl Linker<'_> {
    /// Resolves the relocation at offset `entry` of the file.
    fn resolve(&self, entry: usize, code: Span) -> Result<Patch, ObjectError> {
        let bytes = self.elf.contents(Span { start: entry, end: entry + RELOCATION_BYTES });
        let offset = u64_at(bytes, 0).unwrap_or(u64::MAX);
        let (kind, symbol) = (u32_at(bytes, 8).unwrap_or(0), u32_at(bytes, 12).unwrap_or(0));
        let slot = code.part(offset, 8).filter(|_| offset.is_multiple_of(8));
        let slot = slot.ok_or(ObjectCause::RelocationOffset(offset).at(entry))?;
        let Some(symbol) = self.elf.symbol(symbol) else {
            return Err(ObjectCause::SymbolIndex(symbol).at(entry + 12));
        };
        let opcode = self.elf.contents(slot)[0];
        let misfit = ObjectCause::RelocationInstruction { kind, opcode }.at(slot.start);
        match kind {
            CALL if opcode == CALL_OPCODE => self.call(slot, &symbol, misfit),
            // Its second slot was checked with all wide loads.
            WIDE if opcode == WIDE_LOAD => self.wide_load(slot, &symbol),
            CALL | WIDE => Err(misfit),
            _ => Err(ObjectCause::RelocationType(kind).at(entry + 8)),
        }
    }

    fn call(&self, slot: Span, symbol: &Symbol, misfit: ObjectError) -> Result<Patch, ObjectError> {
        let bytes = self.elf.contents(slot);
        if bytes[1] >> 4 != CALL_BY_DISTANCE {
            return Err(misfit);
        }
        let section = self.defined(symbol, slot)?;
        if !section.is_code() {
            return Err(ObjectCause::CallTarget(self.name_of(symbol)).at(slot.start));
        }
        // The addend counts instructions, from the one behind the target: -1 is the symbol itself.
        let imm = u32_at(bytes, 4).unwrap_or(0).cast_signed();
        let addend = (i64::from(imm) + 1) * 8;
        let target = symbol.value.wrapping_add_signed(addend);
        let imm = self.distance(slot, &section, target, symbol)?;
        Ok(Patch { at: slot.start, source: CALL_BY_DISTANCE, imm, second: None })
    }

    fn wide_load(&self, slot: Span, symbol: &Symbol) -> Result<Patch, ObjectError> {
        let bytes = self.elf.contents(Span { start: slot.start, end: slot.end + 8 });
        if bytes[1] >> 4 != 0 {
            // The file has none of these, so this is a second relocation.
            return Err(ObjectCause::Forged(bytes[1] >> 4).at(slot.start));
        }
        if symbol.section == elf::UNDEFINED && symbol.binding == elf::WEAK {
            return Ok(Patch { at: slot.start, source: 0, imm: 0, second: Some(0) });
        }
        let section = self.defined(symbol, slot)?;
        let low = u32_at(bytes, 4).unwrap_or(0);
        let high = u32_at(bytes, 12).unwrap_or(0);
        let target = symbol.value.wrapping_add(u64::from(high) << 32 | u64::from(low));
        let (source, imm, second) = self.reference(slot, &section, target, symbol)?;
        Ok(Patch { at: slot.start, source, imm, second: Some(second) })
    }

    /// Source field and both immediates of a wide load of the address `target` of `section`.
    fn reference(
        &self,
        slot: Span,
        section: &Section,
        target: u64,
        symbol: &Symbol,
    ) -> Result<(u8, u32, u32), ObjectError> {
        let refused = |cause: fn(ShortName) -> ObjectCause| cause(self.name_of(symbol)).at(slot.start);
        if section.is_code() {
            return Ok((CODE_BY_DISTANCE, self.distance(slot, section, target, symbol)?, 0));
        }
        if let Some(handle) = self.maps.section(section.index) {
            // One past the end is an address a loop may compare with; using it is the verifier's matter.
            let offset = u32::try_from(target).ok().filter(|_| target <= section.size);
            let offset = offset.ok_or_else(|| refused(ObjectCause::TargetOffset))?;
            return Ok((MAP_VALUE_BY_HANDLE, handle, offset));
        }
        if Style::of(self.elf, section).is_none() {
            return Err(refused(ObjectCause::Target));
        }
        let handle = self.maps.variable_at(section.index, target);
        Ok((MAP_BY_HANDLE, handle.ok_or_else(|| refused(ObjectCause::NoMap))?, 0))
    }

    /// What is wrong with a symbol that could not be resolved.
    fn symbol_fault(&self, kind: u32, symbol: &Symbol, slot: Span) -> ObjectCause {
        let by_kind = if kind == CALL { ObjectCause::CallTarget } else { ObjectCause::Target };
        self.defined(symbol, slot).map_or_else(|error| error.cause, |_| by_kind(self.name_of(symbol)))
    }

    /// Instructions from the one behind `slot` to byte `target` of `section`.
    fn distance(
        &self,
        slot: Span,
        section: &Section,
        target: u64,
        symbol: &Symbol,
    ) -> Result<u32, ObjectError> {
        let place = section.contents().and_then(|code| code.part(target, 8));
        let Some(place) = place.filter(|_| target.is_multiple_of(8)) else {
            return Err(ObjectCause::TargetOffset(self.name_of(symbol)).at(slot.start));
        };
        // Both are below 2^29: a file has less than 4 GiB.
        let distance = self.text.insn(place.start) as i32 - (self.text.insn(slot.start) as i32 + 1);
        Ok(distance.cast_unsigned())
    }

    /// The section a symbol is defined in.
    fn defined(&self, symbol: &Symbol, slot: Span) -> Result<Section, ObjectError> {
        let cause: fn(ShortName) -> ObjectCause = match symbol.section {
            elf::UNDEFINED if symbol.binding == elf::WEAK => ObjectCause::UndefinedWeak,
            elf::UNDEFINED => ObjectCause::Undefined,
            elf::COMMON => ObjectCause::Common,
            index => match self.elf.section(index.into()) {
                Some(section) => return Ok(section),
                None => ObjectCause::Target,
            },
        };
        Err(cause(self.name_of(symbol)).at(slot.start))
    }

    /// A symbol's name, or that of the section it stands for.
    fn name_of(&self, symbol: &Symbol) -> ShortName {
        let named = self.elf.symbol_name(symbol).filter(|name| !name.is_empty());
        ShortName::of(named.or_else(|| {
            let section = self.elf.section(symbol.section.into())?;
            self.elf.section_name(&section)
        }))
    }
}
