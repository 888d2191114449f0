//! Writes what a solver is asked about the verifier's operators: a file in SMT-LIB 2 for each, in the folder given
//! first, for registers of as many bits as given second (8, 16, 32 or 64).

use std::process::ExitCode;
use std::{env, fs, path::Path};

use tests::operators::query::{Query, queries};
use tests::operators::term::Term;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, bits] = &arguments[..] else {
        eprintln!("usage: operator_queries FOLDER 8|16|32|64");
        return ExitCode::from(2);
    };
    let queries = match bits.as_str() {
        "8" => queries::<Term<8>>(),
        "16" => queries::<Term<16>>(),
        "32" => queries::<Term<32>>(),
        "64" => queries::<Term<64>>(),
        _ => {
            eprintln!("{bits} is no width: 8, 16, 32 or 64");
            return ExitCode::from(2);
        }
    };
    match write(Path::new(folder), &queries) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write the queries to {folder}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path, queries: &[Query]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    queries
        .iter()
        .try_for_each(|query| fs::write(folder.join(&query.name).with_extension("smt2"), &query.text))
}
