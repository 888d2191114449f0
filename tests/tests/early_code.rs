//! The Pi's first instructions, disassembled: until MMU and data cache are on, none of them uses exclusive access or
//! an atomic instruction, which a Cortex-A53 would not answer there though QEMU does.
//!
//! All instructions that control can reach from the entry are followed, to the one that switches the MMU on.
//! Encodings are those of the Arm ARM (DDI 0487), C4.1.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;

use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use tests::given::Given;

const ENTRY: u64 = 0x8_0000;
const DSB_NSH: u32 = 0xd503_379f;
const ISB: u32 = 0xd503_3fdf;

/// The code of an image.
struct Code {
    words: BTreeMap<u64, u32>,
    functions: Vec<(Range<u64>, String)>,
}

impl Code {
    fn of(elf: &[u8]) -> Self {
        let elf = object::File::parse(elf).expect("the image is an ELF");
        let text = elf.section_by_name(".text").expect("the image has code");
        let bytes = text.data().expect("the section is in the file");
        let word = |piece: &[u8]| u32::from_le_bytes(piece.try_into().expect("4 bytes"));
        let words = bytes.chunks_exact(4).map(word);
        let words = (text.address()..).step_by(4).zip(words).collect();
        let functions = elf.symbols().filter(|symbol| symbol.size() > 0).map(|symbol| {
            let name = rustc_demangle::demangle(symbol.name().unwrap_or_default()).to_string();
            (symbol.address()..symbol.address() + symbol.size(), name)
        });
        Self { words, functions: functions.collect() }
    }

    fn function(&self, address: u64) -> &str {
        let found = self.functions.iter().find(|(range, _)| range.contains(&address));
        found.map_or("?", |(_, name)| name)
    }

    /// Follows control from the start of a function to its returns, and to where the MMU is switched on.
    fn walk(&self, function: u64, walk: &mut Walk) -> Returns {
        if let Some(returns) = walk.functions.get(&function) {
            return *returns;
        }
        // A function that calls itself does not return by that call alone.
        walk.functions.insert(function, Returns::Never);
        let (mut returns, mut to_do, mut seen) = (Returns::Never, vec![function], BTreeSet::new());
        while let Some(address) = to_do.pop() {
            if !seen.insert(address) {
                continue;
            }
            walk.reached.insert(address);
            let word = self.words.get(&address).copied();
            let word = word.unwrap_or_else(|| panic!("control reaches {address:#x}, which is no code"));
            if self.switches_mmu_on(address, word) {
                walk.switches.insert(address);
                continue;
            }
            let (next, at) = (address + 4, |offset| address.wrapping_add_signed(offset));
            match branch(word) {
                Branch::None => to_do.push(next),
                Branch::Always(offset) => to_do.push(at(offset)),
                Branch::Maybe(offset) => to_do.extend([next, at(offset)]),
                // A panic here ends in a report that needs the caches: it is lost on a board, whatever it says.
                Branch::Call(offset) if self.function(at(offset)).contains("panic") => {}
                Branch::Call(offset) => {
                    if self.walk(at(offset), walk) == Returns::BeforeMmu {
                        to_do.push(next);
                    }
                }
                Branch::Return => returns = Returns::BeforeMmu,
                Branch::End => {}
                Branch::Anywhere => {
                    panic!("{address:#x} in {}: a branch to an address in a register", self.function(address))
                }
            }
        }
        walk.functions.insert(function, returns);
        returns
    }

    /// `msr sctlr_el1, x…` right after the barriers that only the MMU needs.
    fn switches_mmu_on(&self, address: u64, word: u32) -> bool {
        let before = |distance| self.words.get(&(address - distance)).copied();
        word & 0xffff_ffe0 == 0xd518_1000 && before(4) == Some(ISB) && before(8) == Some(DSB_NSH)
    }
}

/// What was found on the way.
#[derive(Default)]
struct Walk {
    reached: BTreeSet<u64>,
    functions: BTreeMap<u64, Returns>,
    /// Places where the MMU is switched on.
    switches: BTreeSet<u64>,
}

/// Whether a call comes back with the MMU still off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Returns {
    BeforeMmu,
    Never,
}

/// Where control goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Branch {
    None,
    Always(i64),
    Maybe(i64),
    Call(i64),
    Return,
    /// A trap; or ERET, whose targets are branched to as well, for an image that is entered further down.
    End,
    Anywhere,
}

fn branch(word: u32) -> Branch {
    let offset = |low: u32, bits: u32| {
        let field = (word >> low) << (32 - bits);
        i64::from(field as i32 >> (32 - bits)) * 4
    };
    match word {
        _ if word & 0xfc00_0000 == 0x1400_0000 => Branch::Always(offset(0, 26)),
        _ if word & 0xfc00_0000 == 0x9400_0000 => Branch::Call(offset(0, 26)),
        // B.cond, CBZ, CBNZ; TBZ, TBNZ.
        _ if word & 0xff00_0010 == 0x5400_0000 || word & 0x7e00_0000 == 0x3400_0000 => {
            Branch::Maybe(offset(5, 19))
        }
        _ if word & 0x7e00_0000 == 0x3600_0000 => Branch::Maybe(offset(5, 14)),
        // RET, ERET; BRK and UDF.
        _ if word & 0xffff_fc1f == 0xd65f_0000 => Branch::Return,
        _ if word == 0xd69f_03e0 => Branch::End,
        _ if word & 0xffe0_001f == 0xd420_0000 || word < 0x1_0000 => Branch::End,
        // BR, BLR.
        _ if word & 0xffdf_fc1f == 0xd61f_0000 => Branch::Anywhere,
        _ => Branch::None,
    }
}

/// Load or store exclusive, compare and swap, or another atomic operation on memory.
fn is_atomic(word: u32) -> bool {
    // Bit 23 set is load-acquire and store-release, which need no monitor, unless bit 21 makes it a CAS.
    word & 0x3f80_0000 == 0x0800_0000
        || word & 0x3fa0_7c00 == 0x08a0_7c00
        || word & 0x3b20_0c00 == 0x3820_0000
}

#[test]
fn no_exclusive_access_is_reached_before_the_caches_are_on() {
    let Some(given) = Given::or_skip("no_exclusive_access_is_reached_before_the_caches_are_on") else {
        return;
    };
    let elf = fs::read(&given.rpi3_symbols).expect("the image can be read");
    let code = Code::of(&elf);
    let mut walk = Walk::default();
    assert_eq!(code.walk(ENTRY, &mut walk), Returns::Never, "the way leads to the switch");
    let Walk { reached, switches, .. } = walk;
    assert_eq!(switches.len(), 1, "the MMU is switched on in one place");
    // Everything was seen: parking the cores, three exception levels, zeroing, the tables.
    assert!(reached.len() > 150, "only {} instructions", reached.len());
    let has = |what: &str, mask: u32, value: u32| {
        assert!(
            reached.iter().any(|address| code.words[address] & mask == value),
            "{what} is not among them"
        );
    };
    has("eret", !0, 0xd69f_03e0);
    has("wfi", !0, 0xd503_207f);
    has("msr ttbr0_el1", 0xffff_ffe0, 0xd518_2000);
    has("dc ivac", 0xffff_ffe0, 0xd508_7620);
    let bad: Vec<_> = reached.iter().filter(|address| is_atomic(code.words[*address])).collect();
    let told =
        |address: &&u64| format!("{address:#x} {:08x} in {}", code.words[*address], code.function(**address));
    assert!(bad.is_empty(), "{:#?}", bad.iter().map(told).collect::<Vec<_>>());
    // The same eyes do find such instructions further on.
    let later = code.words.iter().filter(|(address, word)| !reached.contains(address) && is_atomic(**word));
    assert!(later.count() > 5, "the image has atomic instructions, and none was recognised");
}

#[test]
fn the_disassembler_knows_what_it_looks_for() {
    // ldxr, stxr, ldaxr, stlxr, ldxp, casal, ldadd, swpal.
    for word in [
        0xc85f_7c20,
        0xc802_7c20,
        0x885f_fc20,
        0x8802_fc20,
        0xc87f_0c20,
        0xc8e0_fc41,
        0xf820_0041,
        0xb8e0_8041,
    ] {
        assert!(is_atomic(word), "{word:#x}");
    }
    // ldar, stlr, ldr, str, ldp, stp, ldur, add.
    for word in [
        0xc8df_fc20,
        0xc89f_fc20,
        0xf940_0020,
        0xf900_0020,
        0xa940_0440,
        0xa900_0440,
        0xf840_0020,
        0x8b01_0000,
    ] {
        assert!(!is_atomic(word), "{word:#x}");
    }
    assert_eq!(branch(0x1400_0002), Branch::Always(8));
    assert_eq!(branch(0x17ff_ffff), Branch::Always(-4));
    assert_eq!(branch(0x9400_0001), Branch::Call(4));
    assert_eq!(branch(0x5400_0040), Branch::Maybe(8));
    assert_eq!(branch(0xb4ff_ffe0), Branch::Maybe(-4));
    assert_eq!(branch(0x3607_ffe0), Branch::Maybe(-4));
    assert_eq!(
        (branch(0xd65f_03c0), branch(0xd61f_0040), branch(0x8b01_0000)),
        (Branch::Return, Branch::Anywhere, Branch::None)
    );
}
