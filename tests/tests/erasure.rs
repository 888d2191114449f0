//! What a profile leaves out is not in its image: shown on the images, by every name in them.
//!
//! Link-time optimisation inlines most functions away, so symbols alone would show little. The names that
//! debug information keeps are read too: it names every function a line of code came from, inlined or not, with
//! the types it was made for. Each test first finds names that must be there, in the same way, so that looking
//! in the wrong place cannot pass.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use tests::given::{Given, say};

/// Every name in an ELF: its symbols, demangled, and its debug information's strings.
struct Names(BTreeSet<String>);

impl Names {
    fn of(path: &Path) -> Self {
        let bytes = fs::read(path).expect("the image can be read");
        let elf = object::File::parse(&*bytes).expect("the image is an ELF");
        let mut names = BTreeSet::new();
        for symbol in elf.symbols() {
            let name = symbol.name().expect("a symbol's name is UTF-8");
            names.insert(format!("{:#}", rustc_demangle::demangle(name)));
        }
        if let Some(strings) = elf.section_by_name(".debug_str") {
            let strings = strings.data().expect("the section is in the file");
            let texts = strings.split(|&byte| byte == 0).map(String::from_utf8_lossy);
            names.extend(texts.map(String::from));
        }
        Self(names)
    }

    /// A name that has `word` in it.
    fn find(&self, word: &str) -> Option<&str> {
        self.0.iter().map(String::as_str).find(|name| has_word(name, word))
    }

    #[track_caller]
    fn assert_has(&self, words: &[&str]) {
        assert!(self.0.len() > 1000, "only {} names were found", self.0.len());
        for word in words {
            assert!(self.find(word).is_some(), "{word} is nowhere in the image");
        }
    }

    #[track_caller]
    fn assert_has_none(&self, words: &[&str]) {
        for word in words {
            assert_eq!(self.find(word), None, "{word} is in the image");
        }
    }
}

/// Whether `word` stands in `name` by itself: neither as part of a longer identifier nor, as a crate's name
/// would not, behind another path. A word that ends with `*` may go on.
fn has_word(name: &str, word: &str) -> bool {
    let (word, is_prefix) = word.strip_suffix('*').map_or((word, false), |word| (word, true));
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    let is_crate = word.ends_with("::");
    name.match_indices(word).any(|(start, _)| {
        let (before, after) = (&name[..start], &name[start + word.len()..]);
        let begins = !(before.ends_with(is_part) || is_crate && before.ends_with(':'));
        begins && (is_prefix || is_crate || !after.starts_with(is_part))
    })
}

#[test]
fn a_word_is_found_by_itself_only() {
    assert!(has_word("<alloc::vec::Vec<u8>>::push", "alloc::"));
    assert!(!has_word("core::alloc::layout::Layout", "alloc::"));
    assert!(has_word("kernel_bpf::scheduler::deadline::Deadline", "Deadline"));
    assert!(!has_word("kernel_bpf::error::DeadlineMiss", "Deadline"));
    assert!(has_word("kernel_bpf::scheduler::deadline::DeadlineFirst", "Deadline*"));
    assert!(has_word("kernel_bpf::jit::code::Sealed", "jit"));
    assert!(!has_word("prejitter", "jit"));
}

const CLOUD_ONLY: [&str; 5] =
    ["CloudProfile", "ElasticMemory", "ThroughputFirst", "linked_list_allocator", "alloc::"];
const EMBEDDED_ONLY: [&str; 4] = ["EmbeddedProfile", "static_pool", "StaticMemory", "Deadline*"];
const ALLOCATOR: [&str; 3] = ["__rust_alloc*", "__rust_dealloc", "GlobalAlloc"];

#[test]
fn the_pi_has_no_allocator_and_no_jit() {
    let Some(given) = Given::or_skip("the_pi_has_no_allocator_and_no_jit") else { return };
    let names = Names::of(&given.rpi3_symbols);
    names.assert_has(&EMBEDDED_ONLY);
    names.assert_has_none(&CLOUD_ONLY);
    names.assert_has_none(&ALLOCATOR);
    names.assert_has_none(&["RestartRecovery", "jit"]);
}

#[test]
fn the_pc_has_no_static_pool_and_no_deadlines() {
    let Some(given) = Given::or_skip("the_pc_has_no_static_pool_and_no_deadlines") else { return };
    let names = Names::of(&given.pc_symbols);
    names.assert_has(&CLOUD_ONLY);
    names.assert_has(&ALLOCATOR);
    names.assert_has(&["jit"]);
    names.assert_has_none(&EMBEDDED_ONLY);
    names.assert_has_none(&["StaticPool", "GracefulRecovery"]);
}

#[test]
fn no_image_has_the_door_around_the_verifier() {
    let Some(given) = Given::or_skip("no_image_has_the_door_around_the_verifier") else { return };
    const DOOR: [&str; 2] = ["assume_verified", "trusted"];
    // The tool has it, for conformance vectors.
    Names::of(&given.tool).assert_has(&DOOR);
    for image in [&given.pc_symbols, &given.rpi3_symbols] {
        let names = Names::of(image);
        names.assert_has(&["kernel_bpf"]);
        names.assert_has_none(&DOOR);
    }
}

#[test]
fn the_images_are_small() {
    const KIB: u64 = 1024;
    let Some(given) = Given::or_skip("the_images_are_small") else { return };
    for (name, path, limit) in [("pc.elf", &given.pc, 1024 * KIB), ("kernel8.img", &given.rpi3, 512 * KIB)] {
        let bytes = fs::metadata(path).expect("the image can be read").len();
        say(format_args!("{name} has {bytes} bytes ({} KiB), of at most {} KiB", bytes / KIB, limit / KIB));
        assert!((1..limit).contains(&bytes), "{name} has {bytes} bytes");
    }
}

#[test]
fn what_is_shipped_for_the_pc_has_no_symbols() {
    let Some(given) = Given::or_skip("what_is_shipped_for_the_pc_has_no_symbols") else { return };
    let count = |path: &Path| {
        let bytes = fs::read(path).expect("the image can be read");
        object::File::parse(&*bytes).expect("the image is an ELF").symbols().count()
    };
    assert!(count(&given.pc_symbols) > 100);
    assert_eq!(count(&given.pc), 0);
}
