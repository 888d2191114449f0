//! What clang really writes. Skipped, and said so, on a machine without it.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{eprintln, format};

use super::*;

const SOURCE: &str = r#"
typedef unsigned int u32;
typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) __typeof__(val) *name
static void *(*lookup)(void *map, const void *key) = (void *)1;
static long (*repeat)(u32 n, void *f, void *context, u64 flags) = (void *)181;
struct pair { u64 a, b; };
struct { __uint(type, 1); __uint(max_entries, 8); __type(key, u32); __type(value, struct pair); } hash SEC(".maps");
struct { __uint(type, 2); __uint(max_entries, 3); __uint(key_size, 4); __uint(value_size, 24); } array SEC(".maps");
int counter = 5;
int zeros[4];
static int private_zero;
const volatile int limit = 7;
__attribute__((noinline)) int global(int a) { return a * counter; }
static __attribute__((noinline)) int local(int a) { zeros[a & 3]++; private_zero++; return a + zeros[1]; }
static int callback(u32 i, int *sum) { *sum += i; return 0; }
SEC("xdp") int first(u32 *context) {
  u32 key = 1;
  int sum = 0;
  void *value = lookup(&hash, &key);
  repeat(4, callback, &sum, 0);
  return global(*context) + local(limit) + (value != 0) + sum;
}
SEC("xdp") static __attribute__((noinline)) int beside(int a) { return a ^ private_zero; }
SEC("xdp") int second(u32 *context) { return beside(*context) + beside(3); }
SEC("tc") int third(u32 *context) { u32 key = 2; return lookup(&array, &key) ? local(*context) : 0; }
char _license[] SEC("license") = "GPL";
"#;

fn compile(source: &str, options: &[&str]) -> Option<Vec<u8>> {
    let versioned = (14..=30).rev().map(|version| format!("clang-{version}"));
    let Some(name) = versioned.chain(["clang".into()]).find(|name| makes_bpf(name)) else {
        eprintln!("skipped: no clang on this machine that makes BPF objects");
        return None;
    };
    // A file and not a pipe: clang copies its lines into the object.
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let directory = std::env::temp_dir().join(format!("skep-object-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("sample.bpf.c");
    std::fs::write(&path, source).unwrap();
    let options = [&["-target", "bpfel", "-O2", "-c", "-o", "-"], options].concat();
    let output = Command::new(&name).args(options).arg(&path).output().unwrap();
    std::fs::remove_dir_all(directory).unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

fn makes_bpf(clang: &str) -> bool {
    let targets = Command::new(clang).arg("-print-targets").output();
    targets.is_ok_and(|output| output.stdout.windows(5).any(|window| window == b"bpfel"))
}

/// Index in text of the one instruction of a function that `is_it`.
fn find(insns: &[u64], program: &ProgramSpec<'_>, is_it: impl Fn(u64) -> bool) -> Vec<usize> {
    let range = program.first_insn..program.first_insn + program.insn_count;
    range.filter(|&index| is_it(insns[index])).collect()
}

#[test]
fn clangs_object_is_linked_as_its_source_says() {
    let Some(mut file) = compile(SOURCE, &["-g"]) else { return };
    let object = Object::link(&mut file).unwrap();
    visit(&object);
    let programs: Vec<_> = object.programs().collect();
    let named: Vec<_> = programs.iter().map(|program| (program.name, program.section)).collect();
    assert_eq!(named, [("first", "xdp"), ("second", "xdp"), ("third", "tc")]);
    assert_eq!(object.license(), Some("GPL"));

    let maps: Vec<_> = object.maps().collect();
    let handle = |name: &str| maps.iter().position(|map| map.name == name).unwrap() as i32;
    let (hash, array) = (maps[handle("hash") as usize], maps[handle("array") as usize]);
    assert_eq!((hash.kind, hash.key_size, hash.value_size, hash.max_entries), (1, 4, 16, 8));
    assert_eq!((array.kind, array.key_size, array.value_size, array.max_entries), (2, 4, 24, 3));
    assert_eq!(maps[handle(".data") as usize].initial, Some(&5u32.to_le_bytes()[..]));
    assert_eq!(maps[handle(".rodata") as usize].initial, Some(&7u32.to_le_bytes()[..]));
    assert_eq!(maps[handle(".bss") as usize].value_size, 20);

    let (insns, _) = object.text().as_chunks();
    let insns: Vec<u64> = insns.iter().copied().map(u64::from_le_bytes).collect();
    let loads: Vec<_> = find(&insns, &programs[0], |insn| insn & 0xff == 0x18)
        .into_iter()
        .map(|at| (source(insns[at]), imm(insns[at]), at))
        .collect();
    let kinds: Vec<_> = loads.iter().map(|&(source, imm, _)| (source, imm)).collect();
    assert_eq!((kinds[0], kinds[2]), ((1, handle("hash")), (2, handle(".rodata"))));
    let name_at = |at: usize, imm: i32| object.function_at((at as i32 + 1 + imm) as usize).unwrap();
    assert_eq!((loads[1].0, name_at(loads[1].2, loads[1].1).name), (4, "callback"));

    let called = |program: &ProgramSpec<'_>| -> Vec<&str> {
        let calls = find(&insns, program, |insn| insn & 0xf0ff == 0x1085);
        calls.into_iter().map(|at| name_at(at, imm(insns[at])).name).collect()
    };
    assert_eq!(called(&programs[0]), ["global", "local"]);
    assert_eq!(called(&programs[1]), ["beside", "beside"]);
    assert_eq!(called(&programs[2]), ["local"]);
}

#[test]
fn clangs_lines_are_found() {
    let Some(mut file) = compile(SOURCE, &["-g"]) else { return };
    let object = Object::link(&mut file).unwrap();
    let third = object.programs().find(|program| program.name == "third").unwrap();
    let expected = SOURCE.lines().position(|line| line.contains("int third")).unwrap() as u32 + 1;
    let (insns, _) = object.text().as_chunks();
    let insns: Vec<u64> = insns.iter().copied().map(u64::from_le_bytes).collect();
    // What a rejection most often points at. Between them, older clangs say of some that they are of no line.
    let must_have_one =
        |insn: usize| insn == third.first_insn || matches!(insns[insn] as u8, 0x85 | 0x61 | 0x95);
    let mut found = 0;
    for insn in third.first_insn..third.first_insn + third.insn_count {
        let Some(line) = object.line_at(insn) else {
            assert!(!must_have_one(insn), "no line for instruction {insn}");
            continue;
        };
        assert_eq!((line.file, line.line), ("sample.bpf.c", expected));
        assert!(line.text.unwrap().contains("third(u32 *context)"));
        found += 1;
    }
    assert!(found > third.insn_count / 2, "{found} of {} instructions have a line", third.insn_count);
}

#[test]
fn an_undefined_function_of_clangs_is_named() {
    let source = r#"
        int missing(int);
        __attribute__((section("xdp"))) int entry(int *context) { return missing(*context); }
    "#;
    let Some(mut file) = compile(source, &[]) else { return };
    let object = Object::link(&mut file).unwrap();
    let faults: Vec<_> = (0..object.text().len() / 8).filter_map(|insn| object.fault_at(insn)).collect();
    assert_eq!(faults, [ObjectCause::Undefined(ShortName::new("missing"))]);
}

const CORE_SOURCE: &str = r#"
#define SEC(name) __attribute__((section(name), used))
#define CORE __attribute__((preserve_access_index))
struct xdp_md { unsigned data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; } CORE;
struct iphdr { unsigned char first, tos; unsigned short sizes[3]; unsigned char ttl, protocol; unsigned rest[2]; unsigned short sum, more; } CORE;
struct xdp_md___cut { unsigned data_end; } CORE;
struct task_struct { int pid, tgid; } CORE;
SEC("xdp") int shared(struct xdp_md *context) { return context->rx_queue_index + context->ingress_ifindex; }
SEC("xdp") int foreign(struct task_struct *task) { return task->tgid; }
SEC("xdp") int cut(struct xdp_md___cut *context) { return context->data_end; }
SEC("xdp") int asks(void *context) {
  return __builtin_preserve_field_info(((struct task_struct *)0)->tgid, 2) * 2
       + __builtin_preserve_field_info(((struct xdp_md *)0)->data_end, 2);
}
"#;

#[test]
fn types_of_ours_are_relocated_and_others_refused_where_they_are_used() {
    let Some(mut file) = compile(CORE_SOURCE, &["-g"]) else { return };
    let object = Object::link(&mut file).unwrap();
    visit(&object);
    for (name, type_name) in [("shared", None), ("foreign", Some("task_struct")), ("cut", Some("xdp_md"))] {
        let program = object.programs().find(|program| program.name == name).unwrap();
        let insns = program.first_insn..program.first_insn + program.insn_count;
        let fault = insns.filter_map(|insn| object.fault_at(insn)).next();
        assert_eq!(fault, type_name.map(|name| ObjectCause::CoRe(ShortName::new(name))), "{name}");
    }
    let asks = object.programs().find(|program| program.name == "asks").unwrap();
    let (insns, _) = object.text().as_chunks();
    let insns: Vec<u64> = insns.iter().copied().map(u64::from_le_bytes).collect();
    let moves = find(&insns, &asks, |insn| insn & 0xf0f0 == 0xb0 && insn & 7 != 0);
    let mut answers: Vec<_> = moves.into_iter().map(|at| imm(insns[at])).filter(|&imm| imm < 2).collect();
    answers.sort_unstable();
    answers.dedup();
    assert_eq!(answers, [0, 1], "a task has no field here, a packet context has");
}

const HOLDERS: &str = r#"
typedef unsigned int u32;
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) __typeof__(val) *name
#define __array(name, val) __typeof__(val) *name[]
SEC("xdp") int first(void *context) { return 1; }
SEC("xdp") int second(void *context) { return 2; }
struct inner { __uint(type, 2); __uint(max_entries, 3); __type(key, u32); __type(value, long); } one SEC(".maps"), two SEC(".maps");
struct { __uint(type, 12); __uint(max_entries, 4); __type(key, u32); __uint(pinning, 1); __array(values, struct inner); }
  maps SEC(".maps") = { .values = { [1] = &two, [3] = &one } };
struct { __uint(type, 3); __uint(max_entries, 2); __type(key, u32); __array(values, int (void *)); }
  programs SEC(".maps") = { .values = { [1] = (void *)&second } };
struct { __uint(type, 12); __uint(max_entries, 4); __type(key, u32); __array(values, struct inner); }
  wrong SEC(".maps") = { .values = { [0] = (void *)&first } };
const char *const names[] = { "a", "b" };
SEC("xdp") int third(long context) { return names[context & 1][0]; }
"#;

#[test]
fn maps_hold_maps_and_programs_from_the_start() {
    let Some(mut file) = compile(HOLDERS, &["-g"]) else { return };
    let object = Object::link(&mut file).unwrap();
    visit(&object);
    let maps: Vec<_> = object.maps().collect();
    let handle = |name: &str| maps.iter().position(|map| map.name == name).unwrap();
    let slots = |name: &str| -> Vec<u64> {
        let (slots, _) = maps[handle(name)].initial.unwrap().as_chunks();
        slots.iter().map(|slot| u64::from_le_bytes(*slot)).collect()
    };
    let outer = maps[handle("maps")];
    let inner = maps[outer.inner.unwrap() as usize];
    assert_eq!((inner.kind, inner.max_entries, inner.value_size, inner.template), (2, 3, 8, true));
    assert!(outer.pinned && !outer.template && !inner.pinned);
    assert_eq!(slots("maps"), [0, handle("two") as u64 + 1, 0, handle("one") as u64 + 1]);
    let second = object.programs().find(|program| program.name == "second").unwrap();
    assert_eq!(slots("programs"), [0, second.first_insn as u64 + 1]);
    assert_eq!(maps[handle("wrong")].fault, Some(MapFault::InitialValue(ShortName::new("first"))));
    let pointers = maps.iter().find(|map| map.name.starts_with(".rodata") && map.fault.is_some()).unwrap();
    assert_eq!(pointers.fault, Some(MapFault::Pointers));
}

#[test]
fn no_cut_and_no_flipped_bit_of_clangs_object_panics() {
    let Some(file) = compile(SOURCE, &["-g"]) else { return };
    for length in 0..file.len() {
        // The section table comes last, so no cut is complete.
        assert!(Object::link(&mut file[..length].to_vec()).is_err());
    }
    let elf = Elf::new(&file, Layout::read(&file).unwrap());
    let debug = elf.sections().filter(|section| elf.section_is_like(section, b".debug", b'_'));
    let debug: Vec<_> = debug.filter_map(|section| section.contents()).collect();
    // Nobody reads DWARF here.
    for at in (0..file.len()).filter(|&at| debug.iter().all(|span| !(span.start..span.end).contains(&at))) {
        let mut flipped = file.clone();
        flipped[at] ^= 1 << (at % 8);
        if let Ok(object) = Object::link(&mut flipped) {
            visit(&object);
        }
    }
}
