//! What maps of maps and of programs hold from the start: `__array(values, …)` with an initialiser, which clang
//! leaves to relocations (`R_BPF_64_ABS64`). They are written into the variable's own bytes, slot by slot: one
//! more than the map's handle, or than the program's first instruction.
//!
//! Pointers in plain data would need addresses that do not exist before a run, so whoever uses such a section is
//! refused.

use super::bytes::{Span, u32_at, u64_at};
use super::elf::{Elf, Layout, Section, Symbol};
use super::error::{ObjectCause, ObjectError, ShortName};
use super::map_definition::{Holds, MapFault, Style};
use super::maps::{MapTable, data_access};
use super::relocation::{RELOCATION_BYTES, entries};
use super::text::{Text, check_alone};

/// `R_BPF_64_ABS64`.
const ABSOLUTE: u32 = 2;
/// Bytes of a slot.
const SLOT: u64 = 8;

/// Fills the slots; `maps` was collected from this file. What is wrong with one map is noted there.
pub(super) fn link(
    file: &mut [u8],
    layout: Layout,
    text: Text,
    maps: &mut MapTable,
) -> Result<(), ObjectError> {
    let mut index = 0;
    while let Some(table) = Elf::new(file, layout).section(index) {
        index += 1;
        let elf = Elf::new(file, layout);
        let Some((relocations, target)) = entries(elf, &table)? else { continue };
        if relocations.len() == 0 {
            continue;
        }
        if data_access(elf, &target).is_some() {
            maps.section(target.index).iter().for_each(|&map| maps.set_fault(map, MapFault::Pointers));
            continue;
        }
        match Style::of(elf, &target) {
            None => continue,
            Some(Style::Btf) => {}
            Some(Style::Legacy) => {
                let name = ShortName::of(elf.section_name(&target));
                return Err(ObjectCause::DataPointer(name).at(table.offset as usize));
            }
        }
        // What is written here must not be read as anything else.
        let Some(contents) = target.contents() else { continue };
        check_alone(elf, &target, contents)?;
        for entry in (relocations.start..relocations.end).step_by(RELOCATION_BYTES) {
            fill(file, layout, text, maps, entry, &target);
        }
    }
    Ok(())
}

/// One relocation, at offset `entry` of the file.
fn fill(file: &mut [u8], layout: Layout, text: Text, maps: &mut MapTable, entry: usize, target: &Section) {
    let elf = Elf::new(file, layout);
    let bytes = elf.contents(Span { start: entry, end: entry + RELOCATION_BYTES });
    let offset = u64_at(bytes, 0).unwrap_or(u64::MAX);
    let (kind, symbol) = (u32_at(bytes, 8).unwrap_or(0), u32_at(bytes, 12).unwrap_or(0));
    let Some((map, holds, start)) = maps.holder_at(elf, target.index, offset) else { return };
    let symbol = elf.symbol(symbol);
    let value = symbol.filter(|_| kind == ABSOLUTE).and_then(|symbol| {
        let slots = match holds {
            Holds::Maps { slots } | Holds::Programs { slots } => u64::from(slots),
            Holds::Values => return None,
        };
        let inside = offset.checked_sub(start)?.checked_sub(slots)?;
        let number = referred(elf, text, maps, holds, &symbol)?;
        inside.is_multiple_of(SLOT).then_some(u64::from(number) + 1)
    });
    let place = target.contents().and_then(|contents| contents.part(offset, SLOT));
    match (value, place) {
        (Some(value), Some(place)) => {
            file[place.start..place.end].copy_from_slice(&value.to_le_bytes());
        }
        _ => {
            let name = symbol.and_then(|symbol| elf.symbol_name(&symbol));
            maps.set_fault(map, MapFault::InitialValue(ShortName::of(name)));
        }
    }
}

/// The map's handle or the program's first instruction.
fn referred(elf: Elf<'_>, text: Text, maps: &MapTable, holds: Holds, symbol: &Symbol) -> Option<u32> {
    let section = elf.section(symbol.section.into())?;
    if matches!(holds, Holds::Maps { .. }) {
        return maps.variable_at(section.index, symbol.value);
    }
    let place = section.contents().filter(|_| section.is_code())?.part(symbol.value, 8)?;
    symbol.value.is_multiple_of(8).then(|| text.insn(place.start) as u32)
}
