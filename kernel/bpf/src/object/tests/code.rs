//! Calls, wide loads, functions.

use super::*;

#[test]
fn references_become_handles_and_offsets() {
    let insns = linked(&rich().build());
    let loads: Vec<_> =
        [3, 5, 7, 9].iter().map(|&at| (source(insns[at]), imm(insns[at]), imm(insns[at + 1]))).collect();
    assert_eq!(loads, [(1, 0, 0), (1, 1, 0), (2, 2, 0), (2, 3, 32)]);
    // From instruction 12 to 1.
    assert_eq!((source(insns[11]), imm(insns[11])), (1, -11));
}

#[test]
fn a_call_reaches_its_target_from_either_kind_of_symbol() {
    let mut object = Builder::default();
    let text = object.code(".text", &[EXIT, EXIT, EXIT]);
    let tc = object.code("tc", &[CALL, 0x0000_0001_0000_1085, EXIT]);
    let section = object.symbol("", LOCAL_SECTION, text, 0, 0);
    let function = object.symbol("last", GLOBAL_FUNCTION, text, 16, 8);
    object.symbol("main", GLOBAL_FUNCTION, tc, 0, 24);
    object.relocate(tc, 0, R_CALL, function);
    object.relocate(tc, 8, R_CALL, section);
    let insns = linked(&object.build());
    // Instruction 3 calls instruction 2; instruction 4 calls the section's third, which is 2 as well.
    assert_eq!((imm(insns[3]), imm(insns[4])), (-2, -3));
}

#[test]
fn a_function_pointer_becomes_a_distance() {
    let mut object = Builder::default();
    let text = object.code(".text", &[EXIT, EXIT]);
    let tc = object.code("tc", &[8 << 32 | WIDE, 0, EXIT]);
    let section = object.symbol("", LOCAL_SECTION, text, 0, 0);
    object.relocate(tc, 0, R_WIDE, section);
    let insns = linked(&object.build());
    assert_eq!((source(insns[2]), imm(insns[2]), imm(insns[3])), (4, -2, 0));
    assert_eq!(insns[2] & 0xffff_0fff, WIDE, "all else stays");
    object.sections[usize::from(tc) - 1].bytes[4] = 4;
    assert!(message(&object.build()).contains("outside of `.text`'s section, or inside an instruction"));
}

#[test]
fn of_nested_functions_the_inner_one_is_named() {
    let mut object = Builder::default();
    let xdp = object.code("xdp", &[EXIT, EXIT, EXIT]);
    object.symbol("inner", GLOBAL_FUNCTION, xdp, 8, 8);
    object.symbol("outer", GLOBAL_FUNCTION, xdp, 0, 24);
    let mut file = object.build();
    let object = Object::link(&mut file).unwrap();
    let names: Vec<_> = (0..4).map(|insn| object.function_at(insn).map(|found| found.name)).collect();
    assert_eq!(names, [Some("outer"), Some("inner"), Some("outer"), None]);
}

#[test]
fn code_stays_one_span_though_data_lies_between() {
    let mut object = Builder::default();
    let first = object.code("xdp", &[EXIT]);
    object.data(".rodata", b"12345678");
    let second = object.code("tc", &[EXIT, EXIT]);
    object.symbol("a", GLOBAL_FUNCTION, first, 0, 8);
    object.symbol("b", GLOBAL_FUNCTION, second, 8, 8);
    let mut file = object.build();
    let object = Object::link(&mut file).unwrap();
    let places: Vec<_> = object.programs().map(|program| (program.name, program.first_insn)).collect();
    assert_eq!(places, [("a", 0), ("b", 3)]);
    assert_eq!(object.text().len(), 32);
}

#[test]
fn global_functions_of_text_are_programs_only_when_there_is_no_other_code() {
    let mut object = Builder::default();
    let text = object.code(".text", &[EXIT, EXIT]);
    let cold = object.code(".text.unlikely", &[EXIT]);
    object.symbol("static", LOCAL_FUNCTION, text, 0, 8);
    object.symbol("global", GLOBAL_FUNCTION, text, 8, 8);
    object.symbol("panic", GLOBAL_FUNCTION, cold, 0, 8);
    let names = |object: &Builder| -> Vec<String> {
        let mut file = object.build();
        Object::link(&mut file).unwrap().programs().map(|program| program.name.to_string()).collect()
    };
    assert_eq!(names(&object), ["global", "panic"]);
    object.code("empty", &[]);
    assert_eq!(names(&object), ["global", "panic"]);
    let xdp = object.code("xdp", &[EXIT]);
    object.symbol("main", GLOBAL_FUNCTION, xdp, 0, 8);
    assert_eq!(names(&object), ["main"]);
}

/// `main` in `xdp`, made of these instructions, with one relocation at its start.
fn with_relocation(insns: &[u64], offset: u64, kind: u32, info: u8, section: u16) -> Vec<u8> {
    let mut object = Builder::default();
    let xdp = object.code("xdp", insns);
    object.data(".data", &[0; 16]);
    object.section("other", PROGBITS, 0, std::vec![0; 16]);
    object.symbol("main", GLOBAL_FUNCTION, xdp, 0, insns.len() as u64 * 8);
    let symbol = object.symbol("thing", info, section, 8, 0);
    object.relocate(xdp, offset, kind, symbol);
    object.build()
}

#[test]
fn what_cannot_be_resolved_is_told_by_name_where_it_is_used() {
    let call = [CALL, EXIT];
    let load = [WIDE, 0, EXIT];
    let cases: &[(&[u64], u32, u8, u16, &str)] = &[
        (&call, R_CALL, GLOBAL_NONE, 0, "symbol `thing` is undefined"),
        (&call, R_CALL, WEAK_NONE, 0, "weak symbol `thing` is undefined"),
        (&load, R_WIDE, GLOBAL_NONE, 0, "symbol `thing` is undefined"),
        (&load, R_WIDE, GLOBAL_OBJECT, 0xfff2, "variable `thing` has no section; compile with -fno-common"),
        (&load, R_WIDE, GLOBAL_OBJECT, 0xfff1, "neither code, nor map, nor data"),
        (&load, R_WIDE, GLOBAL_OBJECT, 3, "neither code, nor map, nor data"),
        (&call, R_CALL, GLOBAL_OBJECT, 2, "call to `thing`, which is no code"),
    ];
    for (insns, kind, info, section, expected) in cases {
        let mut file = with_relocation(insns, 0, *kind, *info, *section);
        let object = Object::link(&mut file).unwrap();
        let message = object.fault_at(0).unwrap().to_string();
        assert!(message.contains(expected), "{message}, expected {expected}");
        assert_eq!(object.fault_at(insns.len() - 1), None);
        // What stands there now names a helper or a map that cannot exist.
        let (insns, _) = object.text().as_chunks();
        assert_eq!(imm(u64::from_le_bytes(insns[0])) as u32, relocation::UNRESOLVED);
    }
    assert_eq!(imm(linked(&with_relocation(&load, 0, R_WIDE, WEAK_NONE, 0))[0]), 0, "whether it is there");
}

#[test]
fn what_is_no_reference_is_refused() {
    let (call, load) = ([CALL, EXIT], [WIDE, 0, EXIT]);
    let cases: &[(&[u64], u32, u8, u16, &str)] = &[
        (&load, R_CALL, GLOBAL_OBJECT, 2, "R_BPF_64_32 on opcode 0x18"),
        (&call, R_WIDE, GLOBAL_OBJECT, 2, "R_BPF_64_64 on opcode 0x85"),
        (&[0x85, EXIT], R_CALL, GLOBAL_NONE, 1, "expected 0x85 (call) with source 1"),
        (&load, 3, GLOBAL_OBJECT, 2, "relocation of type 3"),
    ];
    for (insns, kind, info, section, expected) in cases {
        let message = message(&with_relocation(insns, 0, *kind, *info, *section));
        assert!(message.contains(expected), "{message}, expected {expected}");
    }
}

#[test]
fn a_relocation_belongs_on_an_instruction_of_its_section() {
    for offset in [4, 16, 1 << 40, u64::MAX, u64::MAX - 7] {
        let file = with_relocation(&[CALL, EXIT], offset, R_CALL, GLOBAL_NONE, 1);
        assert_eq!(refusal(&file).cause, ObjectCause::RelocationOffset(offset));
    }
}

#[test]
fn a_reference_stays_inside_its_section() {
    // `thing` is byte 8 of 16; the addend is in the instruction.
    let at = |addend: u64| with_relocation(&[addend << 32 | WIDE, 0, EXIT], 0, R_WIDE, GLOBAL_OBJECT, 2);
    assert_eq!(imm(linked(&at(0))[1]), 8);
    assert_eq!(imm(linked(&at(8))[1]), 16, "one past the end is an address");
    assert!(message(&at(9)).contains("outside of `thing`'s section"));
    assert!(message(&at(0xffff_fff8)).contains("outside of `thing`'s section"));
    let below =
        with_relocation(&[0xffff_fff8 << 32 | WIDE, 0xffff_ffff << 32, EXIT], 0, R_WIDE, GLOBAL_OBJECT, 2);
    assert_eq!(imm(linked(&below)[1]), 0, "a negative addend has 64 bits");
}

#[test]
fn a_call_stays_inside_its_section() {
    let at = |imm: i32| {
        let call = u64::from(imm.cast_unsigned()) << 32 | 0x1085;
        with_relocation(&[call, EXIT], 0, R_CALL, GLOBAL_NONE, 1)
    };
    assert_eq!(imm(linked(&at(-1))[0]), 0);
    for beyond in [0, -3, i32::MAX, i32::MIN] {
        assert!(message(&at(beyond)).contains("outside of `thing`'s section"));
    }
}

#[test]
fn a_file_cannot_name_maps_by_itself() {
    for source in 1..16 {
        let file = with_relocation(&[CALL, source << 12 | WIDE, 0, EXIT], 0, R_CALL, GLOBAL_NONE, 1);
        let error = refusal(&file);
        assert_eq!(error.cause, ObjectCause::Forged(source as u8));
        assert_eq!(error.offset, 64 + 8);
    }
}

#[test]
fn an_instruction_is_relocated_once() {
    let mut object = rich();
    let zeros = 7;
    object.relocate(2, 48, R_WIDE, zeros);
    assert!(matches!(refusal(&object.build()).cause, ObjectCause::Forged(2)));
}

#[test]
fn a_wide_load_has_a_blank_second_half() {
    for insns in [&[EXIT, WIDE][..], &[WIDE, EXIT], &[WIDE, WIDE, 0], &[WIDE, 0x100], &[WIDE, 1 << 31]] {
        let mut object = Builder::default();
        object.code("xdp", insns);
        object.data(".rodata", &[0; 8]);
        assert_eq!(refusal(&object.build()).cause, ObjectCause::HalfWide);
    }
}

#[test]
fn a_function_is_made_of_whole_instructions() {
    for (value, size) in [(4, 8), (0, 12), (0, 0), (8, 16), (16, 8), (u64::MAX - 7, 8), (8, u64::MAX)] {
        let mut object = Builder::default();
        let xdp = object.code("xdp", &[EXIT, EXIT]);
        object.symbol("main", GLOBAL_FUNCTION, xdp, value, size);
        let message = message(&object.build());
        assert!(message.contains("function `main` does not cover whole instructions"), "{message}");
    }
}

#[test]
fn a_table_of_pointers_is_of_no_use() {
    let with_pointer = |name: &str| {
        let mut object = Builder::default();
        let data = object.data(name, &[0; 8]);
        let symbol = object.symbol("string", LOCAL_SECTION, data, 0, 0);
        object.relocate(data, 0, 2, symbol);
        object.build()
    };
    for name in [".data", ".rodata.table"] {
        let mut file = with_pointer(name);
        let map = Object::link(&mut file).unwrap().maps().next().unwrap();
        assert_eq!((map.name, map.fault), (name, Some(MapFault::Pointers)));
    }
    assert!(message(&with_pointer("maps")).contains("section `maps` holds pointers"));
}

#[test]
fn a_long_name_is_cut_in_an_error() {
    let mut object = Builder::default();
    let xdp = object.code("xdp", &[CALL, EXIT]);
    let name = "é".repeat(30);
    let symbol = object.symbol(&name, GLOBAL_NONE, 0, 0, 0);
    object.relocate(xdp, 0, R_CALL, symbol);
    let mut file = object.build();
    let fault = Object::link(&mut file).unwrap().fault_at(0).unwrap();
    assert!(fault.to_string().contains(&std::format!("`{}…`", "é".repeat(20))));
}
