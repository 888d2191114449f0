//! ELF itself: header, sections, symbol table.

use super::*;

#[test]
fn what_is_no_bpf_object_is_called_what_it_is() {
    let with = |at: usize, byte: u8| {
        let mut file = rich().build();
        file[at] = byte;
        message(&file)
    };
    assert!(message(b"").contains("not an ELF file"));
    assert!(message(b"#!/bin/sh\n").contains("found 23 21 2f 62"));
    assert!(message(b"\x7fELF\x02\x01").contains("ELF header reaches past the end"));
    assert!(with(4, 1).contains("32-bit"));
    assert!(with(4, 9).contains("ELF class 9"));
    assert!(with(5, 2).contains("big-endian BPF object; compile with -target bpfel"));
    assert!(with(5, 3).contains("data encoding 3"));
    assert!(with(18, 62).contains("made for ELF machine 62, expected 247"));
    assert!(with(16, 2).contains("ELF type 2, expected 1"));
    assert!(with(58, 40).contains("section table does not divide into entries"));
    assert!(with(61, 0x40).contains("section table: 16397 entries, at most 4096"));
    assert!(with(60, 0).contains("no section table"));
    assert!(with(62, 1).contains("no string table"));
    assert!(with(62, 200).contains("section 200 is not"));
    assert!(with(46, 1).contains("section table reaches past"));
}

/// Where in a file the header of the section with this index is.
fn header_of(file: &[u8], index: usize) -> usize {
    let table = u64::from_le_bytes(file[40..48].try_into().unwrap());
    table as usize + 64 * index
}

fn patched(index: usize, field: usize, value: &[u8]) -> ObjectError {
    let mut file = rich().build();
    let at = header_of(&file, index) + field;
    file[at..at + value.len()].copy_from_slice(value);
    refusal(&file)
}

/// Sections of `rich` behind its nine own.
const REL_XDP: usize = 10;
const SYMTAB: usize = 11;

#[test]
fn a_section_lies_inside_the_file() {
    for (field, value) in [(24, u64::MAX), (32, u64::MAX), (24, 1 << 20), (32, 1 << 63)] {
        let error = patched(4, field, &value.to_le_bytes());
        assert_eq!(error.cause, ObjectCause::Truncated(Part::Section), "{field} {value:#x}");
    }
}

#[test]
fn a_broken_symbol_table_is_refused() {
    let cause = |field, value: &[u8]| patched(SYMTAB, field, value).cause;
    assert_eq!(cause(4, &[7]), ObjectCause::Missing(Part::SymbolTable));
    assert_eq!(cause(32, &[25]), ObjectCause::EntrySize { part: Part::SymbolTable, found: 25 });
    assert_eq!(cause(40, &[3]), ObjectCause::Missing(Part::StringTable));
    assert_eq!(cause(40, &[99]), ObjectCause::SectionIndex(99));
    assert_eq!(
        patched(REL_XDP, 4, &[2]).cause,
        ObjectCause::EntrySize { part: Part::SymbolTable, found: 80 }
    );
    assert_eq!(
        patched(4, 4, &[2, 0, 0, 0]).cause,
        ObjectCause::EntrySize { part: Part::SymbolTable, found: 20 }
    );
}

#[test]
fn a_second_symbol_table_is_refused() {
    let mut object = rich();
    object.section("another", 2, 0, std::vec![]);
    let last = object.sections.len() - 1;
    object.sections[last].link = 13;
    assert_eq!(refusal(&object.build()).cause, ObjectCause::Repeated(Part::SymbolTable));
}

#[test]
fn a_broken_relocation_section_is_refused() {
    let cause = |field, value: &[u8]| patched(REL_XDP, field, value).cause;
    assert_eq!(cause(32, &[79]), ObjectCause::EntrySize { part: Part::Relocations, found: 79 });
    assert_eq!(cause(40, &[2]), ObjectCause::SectionIndex(2));
    assert_eq!(cause(44, &[99]), ObjectCause::SectionIndex(99));
    assert_eq!(cause(4, &[4]), ObjectCause::ExplicitAddends);
}

#[test]
fn code_shares_no_byte_with_anything() {
    let file = rich().build();
    let place = |index: usize| {
        let at = header_of(&file, index) + 24;
        u64::from_le_bytes(file[at..at + 8].try_into().unwrap())
    };
    // Section 1 is `.text`, 24 bytes.
    for other in [2, REL_XDP, SYMTAB, SYMTAB + 1] {
        let error = patched(1, 24, &(place(other) - 16).to_le_bytes());
        assert_eq!(error.cause, ObjectCause::Overlap(Part::Section), "section {other}");
    }
    assert_eq!(patched(1, 24, &56u64.to_le_bytes()).cause, ObjectCause::Overlap(Part::Header));
    let table = (header_of(&file, 0) as u64).to_le_bytes();
    assert_eq!(patched(1, 24, &table).cause, ObjectCause::Overlap(Part::SectionTable));
}

#[test]
fn code_is_made_of_aligned_instructions() {
    assert_eq!(patched(1, 32, &[20]).cause, ObjectCause::TextSize(20));
    let mut object = Builder::default();
    object.data("pad", &[0; 4]);
    object.code("xdp", &[EXIT]);
    object.code("tc", &[EXIT, EXIT]);
    let mut file = object.build();
    let at = header_of(&file, 3);
    file[at + 24] -= 4;
    file[at + 32] -= 8;
    // `tc` now starts 4 bytes behind the end of `xdp`, less 8: in it.
    assert_eq!(refusal(&file).cause, ObjectCause::Overlap(Part::Section));
    file[at + 24] += 8;
    assert_eq!(refusal(&file).cause, ObjectCause::TextAlignment);
}

#[test]
fn too_many_of_anything_is_refused() {
    let mut object = Builder::default();
    for index in 0..1025 {
        object.code(&std::format!("x{index}"), &[EXIT]);
    }
    assert_eq!(
        refusal(&object.build()).cause,
        ObjectCause::TooMany { part: Part::Text, found: 1025, limit: 1024 }
    );

    let mut object = Builder::default();
    for index in 0..65_536 {
        object.symbol(if index == 0 { "first" } else { "" }, LOCAL_SECTION, 0, 0, 0);
    }
    assert_eq!(
        refusal(&object.build()).cause,
        ObjectCause::TooMany { part: Part::SymbolTable, found: 65_537, limit: 65_536 }
    );
}

#[test]
fn an_object_may_start_at_any_address() {
    let file = rich().build();
    let expected = linked(&file);
    for shift in 1..8 {
        let mut memory = [std::vec![0; shift], file.clone()].concat();
        let object = Object::link(&mut memory[shift..]).unwrap();
        let (insns, _) = object.text().as_chunks();
        assert!(insns.iter().copied().map(u64::from_le_bytes).eq(expected.iter().copied()));
    }
}
