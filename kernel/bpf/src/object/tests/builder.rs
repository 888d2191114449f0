//! Makes objects byte by byte, so that each can be wrong in one way only.

use std::collections::BTreeMap;
use std::string::String;
use std::vec;
use std::vec::Vec;

pub(super) const ALLOC: u64 = 2;
pub(super) const EXEC: u64 = 4;
pub(super) const PROGBITS: u32 = 1;
pub(super) const NOBITS: u32 = 8;
pub(super) const REL: u32 = 9;

/// `st_info` of symbols.
pub(super) const LOCAL_SECTION: u8 = 0x03;
pub(super) const LOCAL_FUNCTION: u8 = 0x02;
pub(super) const GLOBAL_OBJECT: u8 = 0x11;
pub(super) const GLOBAL_FUNCTION: u8 = 0x12;
pub(super) const GLOBAL_NONE: u8 = 0x10;
pub(super) const WEAK_NONE: u8 = 0x20;

#[derive(Clone)]
pub(super) struct SectionDraft {
    pub(super) name: String,
    pub(super) kind: u32,
    pub(super) flags: u64,
    pub(super) bytes: Vec<u8>,
    /// Overrides the size, for sections without contents.
    pub(super) size: Option<u64>,
    pub(super) link: u32,
    pub(super) info: u32,
}

#[derive(Clone, Default)]
pub(super) struct Builder {
    pub(super) sections: Vec<SectionDraft>,
    symbols: Vec<(String, u8, u16, u64, u64)>,
    relocations: BTreeMap<u16, Vec<(u64, u32, u32)>>,
}

impl Builder {
    /// Adds a section and returns its index.
    pub(super) fn section(&mut self, name: &str, kind: u32, flags: u64, bytes: Vec<u8>) -> u16 {
        let section = SectionDraft { name: name.into(), kind, flags, bytes, size: None, link: 0, info: 0 };
        self.sections.push(section);
        self.sections.len() as u16
    }

    pub(super) fn code(&mut self, name: &str, insns: &[u64]) -> u16 {
        let bytes = insns.iter().flat_map(|insn| insn.to_le_bytes()).collect();
        self.section(name, PROGBITS, ALLOC | EXEC, bytes)
    }

    pub(super) fn data(&mut self, name: &str, bytes: &[u8]) -> u16 {
        self.section(name, PROGBITS, ALLOC, bytes.into())
    }

    pub(super) fn zeros(&mut self, name: &str, size: u64) -> u16 {
        let index = self.section(name, NOBITS, ALLOC, vec![]);
        self.sections[usize::from(index) - 1].size = Some(size);
        index
    }

    /// Adds a symbol and returns its index.
    pub(super) fn symbol(&mut self, name: &str, info: u8, section: u16, value: u64, size: u64) -> u32 {
        self.symbols.push((name.into(), info, section, value, size));
        self.symbols.len() as u32
    }

    pub(super) fn relocate(&mut self, section: u16, offset: u64, kind: u32, symbol: u32) {
        self.relocations.entry(section).or_default().push((offset, kind, symbol));
    }

    /// The file: header, contents, section table. Relocation sections follow the others; the symbol table
    /// and the string table are last.
    pub(super) fn build(&self) -> Vec<u8> {
        let mut sections = self.sections.clone();
        let symbol_table = (1 + sections.len() + self.relocations.len()) as u32;
        for (&target, entries) in &self.relocations {
            let bytes = entries.iter().flat_map(|&(offset, kind, symbol)| {
                let entry = [offset.to_le_bytes(), (u64::from(symbol) << 32 | u64::from(kind)).to_le_bytes()];
                entry.concat()
            });
            let name = std::format!(".rel{}", self.sections[usize::from(target) - 1].name);
            let (link, info) = (symbol_table, target.into());
            let bytes = bytes.collect();
            sections.push(SectionDraft { name, kind: REL, flags: 0, bytes, size: None, link, info });
        }
        let mut strings = vec![0];
        let symbols = self.symbol_table(&mut strings);
        let link = symbol_table + 1;
        let plain = |name: &str, kind, bytes, link| SectionDraft {
            name: name.into(),
            kind,
            flags: 0,
            bytes,
            size: None,
            link,
            info: 0,
        };
        sections.push(plain(".symtab", 2, symbols, link));
        let names: Vec<u32> = sections.iter().map(|section| add(&mut strings, &section.name)).collect();
        let own_name = add(&mut strings, ".strtab");
        sections.push(plain(".strtab", 3, strings, 0));
        write(&sections, &[names, vec![own_name]].concat())
    }

    fn symbol_table(&self, strings: &mut Vec<u8>) -> Vec<u8> {
        let mut table = vec![0; 24];
        for (name, info, section, value, size) in &self.symbols {
            table.extend(add(strings, name).to_le_bytes());
            table.extend([*info, 0]);
            table.extend(section.to_le_bytes());
            table.extend(value.to_le_bytes());
            table.extend(size.to_le_bytes());
        }
        table
    }
}

/// Adds a string and returns its offset.
fn add(strings: &mut Vec<u8>, text: &str) -> u32 {
    let offset = strings.len() as u32;
    strings.extend(text.bytes());
    strings.push(0);
    offset
}

fn write(sections: &[SectionDraft], names: &[u32]) -> Vec<u8> {
    let mut file = vec![0; 64];
    let mut table = vec![0; 64];
    for (section, name) in sections.iter().zip(names) {
        file.resize(file.len().next_multiple_of(8), 0);
        let size = section.size.unwrap_or(section.bytes.len() as u64);
        table.extend(name.to_le_bytes());
        table.extend(section.kind.to_le_bytes());
        for number in [section.flags, 0, file.len() as u64, size] {
            table.extend(number.to_le_bytes());
        }
        table.extend(section.link.to_le_bytes());
        table.extend(section.info.to_le_bytes());
        table.extend([0; 16]);
        file.extend(&section.bytes);
    }
    file.resize(file.len().next_multiple_of(8), 0);
    let place = file.len() as u64;
    file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    file[16..18].copy_from_slice(&1u16.to_le_bytes());
    file[18..20].copy_from_slice(&247u16.to_le_bytes());
    file[40..48].copy_from_slice(&place.to_le_bytes());
    file[58..60].copy_from_slice(&64u16.to_le_bytes());
    let count = sections.len() as u16 + 1;
    file[60..62].copy_from_slice(&count.to_le_bytes());
    file[62..64].copy_from_slice(&(count - 1).to_le_bytes());
    file.extend(table);
    file
}

/// Makes `.BTF` and `.BTF.ext`.
#[derive(Clone)]
pub(super) struct BtfBuilder {
    types: Vec<u8>,
    strings: Vec<u8>,
    count: u32,
}

impl BtfBuilder {
    pub(super) fn new() -> Self {
        Self { types: vec![], strings: vec![0], count: 0 }
    }

    pub(super) fn string(&mut self, text: &str) -> u32 {
        add(&mut self.strings, text)
    }

    /// Adds a type and returns its id.
    pub(super) fn add(&mut self, kind: u32, name: &str, entries: u32, value: u32, tail: &[u32]) -> u32 {
        let name = if name.is_empty() { 0 } else { self.string(name) };
        for number in [name, kind << 24 | entries, value].iter().chain(tail) {
            self.types.extend(number.to_le_bytes());
        }
        self.count += 1;
        self.count
    }

    pub(super) fn integer(&mut self, bytes: u32) -> u32 {
        self.add(1, "int", 0, bytes, &[bytes * 8])
    }

    pub(super) fn pointer(&mut self, to: u32) -> u32 {
        self.add(2, "", 0, to, &[])
    }

    pub(super) fn array(&mut self, of: u32, length: u32) -> u32 {
        self.add(3, "", 0, 0, &[of, of, length])
    }

    /// What `__uint(name, value)` makes of a member's type.
    pub(super) fn number(&mut self, value: u32) -> u32 {
        let integer = self.integer(4);
        let array = self.array(integer, value);
        self.pointer(array)
    }

    /// A map variable's type; members are names and types. Returns the variable's id.
    pub(super) fn map(&mut self, name: &str, members: &[(&str, u32)]) -> u32 {
        let tail: Vec<u32> = members.iter().flat_map(|&(member, id)| [self.string(member), id, 0]).collect();
        let structure = self.add(4, "", members.len() as u32, 8 * members.len() as u32, &tail);
        self.add(14, name, 0, structure, &[1])
    }

    /// The type of section `.maps`.
    pub(super) fn maps(&mut self, variables: &[u32]) {
        let tail: Vec<u32> = variables.iter().flat_map(|&id| [id, 0, 8]).collect();
        self.add(15, ".maps", variables.len() as u32, 0, &tail);
    }

    pub(super) fn build(&self) -> Vec<u8> {
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        for number in [24, 0, types, types, strings] {
            bytes.extend(u32::to_le_bytes(number));
        }
        [bytes, self.types.clone(), self.strings.clone()].concat()
    }
}

/// `.BTF.ext` with these line records and CO-RE records, both as words behind the header.
pub(super) fn btf_ext(lines: &[u32], core: &[u32]) -> Vec<u8> {
    let (line_bytes, core_bytes) = (4 * lines.len() as u32, 4 * core.len() as u32);
    let mut bytes = vec![0x9f, 0xeb, 1, 0];
    for number in [32, 0, 0, 0, line_bytes, line_bytes, core_bytes].iter().chain(lines).chain(core) {
        bytes.extend(u32::to_le_bytes(*number));
    }
    bytes
}
