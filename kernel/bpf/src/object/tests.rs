mod builder;
mod clang;
mod code;
mod container;
mod hostile;
mod map_forms;

use std::string::{String, ToString};
use std::vec::Vec;

use super::*;
use builder::*;

/// Opcodes and whole instructions, as little-endian numbers.
const EXIT: u64 = 0x95;
const CALL: u64 = 0xffff_ffff_0000_1085;
const WIDE: u64 = 0x0118;

/// Relocation types.
const R_WIDE: u32 = 1;
const R_CALL: u32 = 10;

fn refusal(file: &[u8]) -> ObjectError {
    Object::link(&mut file.to_vec()).expect_err("a refusal")
}

fn message(file: &[u8]) -> String {
    refusal(file).to_string()
}

/// The instructions of a linked file, as little-endian numbers.
fn linked(file: &[u8]) -> Vec<u64> {
    let mut file = file.to_vec();
    let object = Object::link(&mut file).unwrap();
    let (insns, _) = object.text().as_chunks();
    insns.iter().copied().map(u64::from_le_bytes).collect()
}

const fn imm(insn: u64) -> i32 {
    (insn >> 32) as i32
}

const fn source(insn: u64) -> u64 {
    insn >> 12 & 0xf
}

/// Reads everything an object offers, and checks what it promises.
fn visit(object: &Object<'_>) {
    let insns = object.text().len() / 8;
    assert_eq!(object.text().len() % 8, 0);
    assert_eq!(object.maps().count(), object.map_count());
    for map in object.maps() {
        let references = matches!(map.kind, 3 | 12 | 13) || map.fault.is_some();
        assert!(map.initial.is_none_or(|initial| references || initial.len() == map.value_size as usize));
    }
    for program in object.programs() {
        assert!(program.insn_count > 0 && program.first_insn + program.insn_count <= insns);
        assert!(object.function_at(program.first_insn).is_some());
        let _ = object.line_at(program.first_insn);
    }
    for insn in [0, insns / 2, insns, usize::MAX] {
        let _ = object.function_at(insn);
        let _ = object.line_at(insn);
    }
    let _ = object.license();
}

/// An object with everything in it: two programs, calls, maps of both forms, data, lines.
fn rich() -> Builder {
    let mut object = Builder::default();
    let text = object.code(".text", &[EXIT, CALL, EXIT]);
    let xdp = object.code("xdp", &[WIDE, 0, WIDE, 0, WIDE, 0, WIDE, 0, CALL, EXIT]);
    let maps = object.data(".maps", &[0; 16]);
    let legacy = object.data("maps", &[[1, 0, 0, 0]; 5].concat());
    let rodata = object.data(".rodata.str1.1", b"hello\0");
    let bss = object.zeros(".bss", 64);
    object.data("license", b"GPL\0");

    let mut btf = BtfBuilder::new();
    let integer = btf.integer(4);
    let (kind, key) = (btf.number(1), btf.pointer(integer));
    let (room, size) = (btf.number(77), btf.number(12));
    let members = [("type", kind), ("key", key), ("value_size", size), ("max_entries", room)];
    let variable = btf.map("counts", &members);
    btf.maps(&[variable]);
    let (section, path) = (btf.string("xdp"), btf.string("dir/rich.c"));
    let source = btf.string("\treturn XDP_PASS;");
    let record = |insn: u32, line: u32| [insn * 8, path, source, line << 10 | 5];
    let lines = [&[16, section, 3][..], &record(0, 11), &record(8, 12), &record(9, 0)].concat();
    object.section(".BTF", PROGBITS, 0, btf.build());
    object.section(".BTF.ext", PROGBITS, 0, btf_ext(&lines, &[]));

    object.symbol("", LOCAL_SECTION, text, 0, 0);
    let helper = object.symbol("helper", LOCAL_FUNCTION, text, 8, 16);
    let counts = object.symbol("counts", GLOBAL_OBJECT, maps, 0, 16);
    object.symbol("main", GLOBAL_FUNCTION, xdp, 0, 80);
    let old = object.symbol("old", GLOBAL_OBJECT, legacy, 0, 20);
    let hello = object.symbol("", LOCAL_SECTION, rodata, 0, 0);
    let zeros = object.symbol("zeros", GLOBAL_OBJECT, bss, 32, 4);
    for (slot, symbol) in [(0, counts), (16, old), (32, hello), (48, zeros)] {
        object.relocate(xdp, slot, R_WIDE, symbol);
    }
    object.relocate(xdp, 64, R_CALL, helper);
    object
}

#[test]
fn a_linked_object_offers_everything_it_holds() {
    let mut file = rich().build();
    let object = Object::link(&mut file).unwrap();
    visit(&object);
    let programs: Vec<_> = object.programs().collect();
    assert_eq!(programs, [ProgramSpec { name: "main", section: "xdp", first_insn: 3, insn_count: 10 }]);
    let names: Vec<_> = object.maps().map(|map| map.name).collect();
    assert_eq!(names, ["counts", "old", ".rodata.str1.1", ".bss"]);
    assert_eq!(object.license(), Some("GPL"));
    assert_eq!(object.function_at(2), Some(FunctionName { name: "helper", first_insn: 1 }));
    assert_eq!(object.function_at(0), None);
    let line = |line| Some(SourceLine { file: "rich.c", line, column: 5, text: Some("return XDP_PASS;") });
    assert_eq!((object.line_at(3), object.line_at(10), object.line_at(11)), (line(11), line(11), line(12)));
    // Line 0 is no line, and not the one before.
    assert_eq!((object.line_at(12), object.line_at(1)), (None, None));
}

#[test]
fn data_comes_with_its_bytes_and_its_access() {
    let mut file = rich().build();
    let object = Object::link(&mut file).unwrap();
    let maps: Vec<_> = object.maps().collect();
    assert_eq!(maps[0].initial, None);
    assert_eq!((maps[0].kind, maps[0].key_size, maps[0].value_size, maps[0].max_entries), (1, 4, 12, 77));
    let (strings, zeros) = (maps[2], maps[3]);
    assert_eq!((strings.initial, strings.access), (Some(&b"hello\0"[..]), MapAccess::ReadOnly));
    assert_eq!((strings.kind, strings.key_size, strings.value_size, strings.max_entries), (2, 4, 6, 1));
    assert_eq!((zeros.initial, zeros.value_size, zeros.access), (None, 64, MapAccess::ReadWrite));
}
