//! The interpreter means what RFC 9669 says: our own vectors, and those of the public bpf_conformance suite.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tests::given::{self, Given, say};
use tests::{rfc9669, trusted};

#[test]
fn every_instruction_of_rfc_9669_does_what_the_rfc_says() {
    let vectors = rfc9669::vectors();
    for vector in &vectors {
        let found = trusted::run(&vector.program, &mut vector.memory.clone()).map(|completion| completion.r0);
        assert_eq!(found, Ok(vector.result), "{}", vector.name);
    }
    assert!(vectors.len() > 300, "only {} vectors were made", vectors.len());
    say(format_args!("{} vectors of our own passed", vectors.len()));
}

#[test]
fn what_the_verifier_accepts_has_the_same_result_within_its_bound() {
    let mut accepted = 0;
    for vector in rfc9669::vectors() {
        if let Ok((completion, bound)) = trusted::run_verified(&vector.program, &mut vector.memory.clone()) {
            assert_eq!(completion.r0, vector.result, "{}", vector.name);
            let insns = completion.insns.expect("the interpreter counts");
            assert!(insns <= bound, "{}: {insns} over {bound}", vector.name);
            accepted += 1;
        }
    }
    assert!(accepted > 250, "the verifier accepts {accepted} vectors only");
    say(format_args!("{accepted} of them are accepted by the verifier"));
}

/// A line of `vectors.tsv`.
struct Public {
    name: String,
    memory_hex: String,
    program_hex: String,
    result: u64,
}

impl Public {
    fn read(line: &str) -> Self {
        let columns: Vec<_> = line.split('\t').collect();
        let [name, _licence, memory_hex, program_hex, result] = columns[..] else {
            panic!("five columns expected: {line}");
        };
        let [name, memory_hex, program_hex] = [name, memory_hex, program_hex].map(String::from);
        Self { name, memory_hex, program_hex, result: number(result) }
    }
}

/// A number as C writes it.
fn number(text: &str) -> u64 {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.unwrap_or_else(|error| panic!("`{text}` is no number: {error}"))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("hex is ASCII"));
    digits.map(|pair| u8::from_str_radix(pair, 16).expect("two hex digits")).collect()
}

/// The vectors beside the source tree, which is where a clone may have them.
fn public_vectors(test: &str) -> Option<Vec<Public>> {
    let path: PathBuf = given::workspace().join("../shared/conformance/vectors.tsv");
    let Ok(table) = fs::read_to_string(&path) else {
        say(format_args!("{test} skips: there is no {}", path.display()));
        return None;
    };
    let vectors: Vec<_> = table.lines().skip(1).map(Public::read).collect();
    assert!(!vectors.is_empty(), "{} has no vectors", path.display());
    Some(vectors)
}

#[test]
fn every_public_vector_passes() {
    let Some(vectors) = public_vectors("every_public_vector_passes") else { return };
    for vector in &vectors {
        let (program, mut memory) = (bytes(&vector.program_hex), bytes(&vector.memory_hex));
        let found = trusted::run(&program, &mut memory).map(|completion| completion.r0);
        assert_eq!(found, Ok(vector.result), "{}", vector.name);
    }
    say(format_args!("{} of {0} public vectors passed", vectors.len()));
}

#[test]
fn every_public_vector_passes_by_the_tools_plugin_interface() {
    let test = "every_public_vector_passes_by_the_tools_plugin_interface";
    let (Some(given), Some(vectors)) = (Given::or_skip(test), public_vectors(test)) else { return };
    for engine in ["interpreter", "jit"] {
        for vector in &vectors {
            let printed = execute(&given.tool, engine, vector);
            let found = u64::from_str_radix(printed.trim(), 16);
            assert_eq!(found, Ok(vector.result), "{engine} on {}: printed {printed}", vector.name);
        }
        say(format_args!("{} of {0} public vectors passed `skep exec --engine {engine}`", vectors.len()));
    }
}

fn execute(tool: &Path, engine: &str, vector: &Public) -> String {
    let mut command = Command::new(tool);
    command.args(["exec", "--engine", engine, "--trusted"]);
    if !vector.memory_hex.is_empty() {
        command.arg(&vector.memory_hex);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the tool starts");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    stdin.write_all(vector.program_hex.as_bytes()).expect("the tool reads the program");
    drop(stdin);
    let output = child.wait_with_output().expect("the tool ends");
    assert!(output.status.success(), "{}: {}", vector.name, output.status);
    String::from_utf8(output.stdout).expect("the tool prints hex")
}
