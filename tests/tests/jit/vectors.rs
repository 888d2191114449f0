//! The vectors of RFC 9669, and those of the public suite, as machine code.

use std::fs;

use kernel_bpf::jit::Passes;
use kernel_bpf::trusted::assume_verified;
use tests::given::{self, say};
use tests::{compiled, rfc9669, trusted};

/// Every pass, none, and each one left out.
fn selections() -> Vec<Passes> {
    let without = Passes::NAMES.iter().map(|(_, pass)| Passes::ALL.without(*pass));
    [Passes::ALL, Passes::NONE].into_iter().chain(without).collect()
}

fn run(name: &str, program: &[u8], memory: &[u8], result: u64) {
    for passes in selections() {
        let mut memory = memory.to_vec();
        let verified = assume_verified(trusted::untrusted(program, &memory), trusted::LIMIT);
        let found = compiled::run(verified, &mut memory, passes).map(|completion| completion.r0);
        assert_eq!(found, Ok(result), "{name} with {passes:?}");
    }
}

#[test]
fn every_vector_of_our_own_has_its_result_whatever_is_optimized() {
    let vectors = rfc9669::vectors();
    for vector in &vectors {
        run(&vector.name, &vector.program, &vector.memory, vector.result);
    }
    say(format_args!("{} vectors of our own passed", vectors.len()));
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("hex is ASCII"));
    digits.map(|pair| u8::from_str_radix(pair, 16).expect("two hex digits")).collect()
}

#[test]
fn every_public_vector_has_its_result_whatever_is_optimized() {
    let path = given::workspace().join("../shared/conformance/vectors.tsv");
    let Ok(table) = fs::read_to_string(&path) else {
        return say(format_args!("this test skips: there is no {}", path.display()));
    };
    let mut count = 0;
    for line in table.lines().skip(1) {
        let columns: Vec<_> = line.split('\t').collect();
        let [name, _, memory, program, result] = columns[..] else { panic!("five columns expected: {line}") };
        let result = match result.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => result.parse(),
        };
        run(name, &bytes(program), &bytes(memory), result.expect("a number"));
        count += 1;
    }
    assert!(count > 0);
    say(format_args!("{count} public vectors passed"));
}
