//! Object files without a compiler: programs of hand-written instructions, with maps.

use std::collections::BTreeMap;

use object::write::{Object, Relocation, SectionId, StandardSegment, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope, elf,
};

use crate::insn::Slot;

/// An object file being made.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    functions: Vec<Function>,
    maps: Vec<ArrayMap>,
}

#[derive(Clone, Debug)]
struct Function {
    section: String,
    name: String,
    code: Vec<Slot>,
    /// 64-bit immediate loads, by their first slot, that stand for the handle of a map.
    map_uses: Vec<(usize, String)>,
}

#[derive(Clone, Debug)]
struct ArrayMap {
    name: String,
    value_bytes: u32,
    entries: u32,
}

impl Draft {
    /// Adds a program.
    #[must_use]
    pub fn program(self, section: &str, name: &str, code: &[Slot]) -> Self {
        self.program_with_maps(section, name, code, &[])
    }

    /// Adds a program some of whose 64-bit immediate loads, given by their first slot, load maps.
    #[must_use]
    pub fn program_with_maps(
        mut self,
        section: &str,
        name: &str,
        code: &[Slot],
        map_uses: &[(usize, &str)],
    ) -> Self {
        let map_uses = map_uses.iter().map(|&(slot, map)| (slot, map.into())).collect();
        self.functions.push(Function {
            section: section.into(),
            name: name.into(),
            code: code.into(),
            map_uses,
        });
        self
    }

    /// Adds an array map.
    #[must_use]
    pub fn array(mut self, name: &str, value_bytes: u32, entries: u32) -> Self {
        self.maps.push(ArrayMap { name: name.into(), value_bytes, entries });
        self
    }

    /// The file.
    ///
    /// # Panics
    /// A program uses a map that is not there.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let mut object = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
        let maps = self.add_maps(&mut object);
        let mut sections = BTreeMap::new();
        for function in &self.functions {
            let section = *sections
                .entry(function.section.as_str())
                .or_insert_with(|| add_section(&mut object, &function.section, SectionKind::Text));
            let start =
                add_symbol(&mut object, section, &function.name, SymbolKind::Text, &function.code.concat()).1;
            for (slot, map) in &function.map_uses {
                let relocation = Relocation {
                    offset: start + 8 * *slot as u64,
                    symbol: maps[map.as_str()],
                    addend: 0,
                    flags: RelocationFlags::Elf { r_type: elf::R_BPF_64_64 },
                };
                object.add_relocation(section, relocation).expect("BPF relocations have no addend");
            }
        }
        object.write().expect("the file can be laid out")
    }

    /// In section `maps`, as `struct bpf_map_def` of older libbpf describes them.
    fn add_maps(&self, object: &mut Object<'_>) -> BTreeMap<&str, SymbolId> {
        const ARRAY: u32 = 2;
        const KEY_BYTES: u32 = 4;
        const NO_FLAGS: u32 = 0;
        let mut symbols = BTreeMap::new();
        if !self.maps.is_empty() {
            let section = add_section(object, "maps", SectionKind::Data);
            for ArrayMap { name, value_bytes, entries } in &self.maps {
                let definition = [ARRAY, KEY_BYTES, *value_bytes, *entries, NO_FLAGS].map(u32::to_le_bytes);
                let symbol = add_symbol(object, section, name, SymbolKind::Data, &definition.concat()).0;
                symbols.insert(name.as_str(), symbol);
            }
        }
        symbols
    }
}

fn add_section(object: &mut Object<'_>, name: &str, kind: SectionKind) -> SectionId {
    let segment = object.segment_name(StandardSegment::Data).to_vec();
    object.add_section(segment, name.as_bytes().to_vec(), kind)
}

/// Adds bytes to a section and a global symbol for them; returns the symbol and where the bytes begin.
fn add_symbol(
    object: &mut Object<'_>,
    section: SectionId,
    name: &str,
    kind: SymbolKind,
    bytes: &[u8],
) -> (SymbolId, u64) {
    let symbol = object.add_symbol(Symbol {
        name: name.as_bytes().to_vec(),
        value: 0,
        size: bytes.len() as u64,
        kind,
        scope: SymbolScope::Dynamic,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    });
    let start = object.add_symbol_data(symbol, section, bytes, 8);
    (symbol, start)
}
