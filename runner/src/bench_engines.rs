//! `skep bench`: programs on our engines and on others, side by side in one run.

mod engines;
#[expect(unsafe_code, reason = "bpf(2) takes structures of addresses")]
mod linux;
mod measure;
#[expect(unsafe_code, reason = "calls a shared library's function")]
mod native;
#[expect(unsafe_code, reason = "another crate's machine code is entered by an unsafe call")]
mod peers;
mod programs;
mod results;

use std::process::ExitCode;

use anyhow::{Context, bail};
use engines::Engine;
use kernel_bpf::jit::Passes;
use programs::Program;
use results::{Measured, Results};

use crate::cli::BenchArgs;
use crate::output;
use crate::packages::{self, Need, OnMissing};

pub(crate) fn run(args: &BenchArgs, on_missing: OnMissing) -> anyhow::Result<ExitCode> {
    let passes = passes(&args.without)?;
    packages::require(&[Need::Clang], on_missing)?;
    let sources = if args.programs.is_empty() { programs::built_in()? } else { args.programs.clone() };
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let mut programs = Vec::new();
    for source in &sources {
        programs.push(Program::build(source, folder.path())?);
    }
    if cfg!(debug_assertions) {
        output::note(format_args!(
            "skep: this tool was built without optimization: the interpreter's times mean nothing (--release)"
        ));
    }
    let mut results = Results::new(&programs);
    for pass in 0..args.passes {
        for (index, program) in programs.iter().enumerate() {
            output::note(format_args!("skep: pass {} of {}: {}", pass + 1, args.passes, program.name));
            for engine in Engine::ALL {
                results.add(index, engine, Measured::of(engine.measure(program, passes)));
            }
        }
    }
    if args.json {
        results.print_json()?
    } else {
        results.print_table()
    }
    Ok(if results.agree() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every pass but those.
fn passes(without: &[String]) -> anyhow::Result<Passes> {
    let names: Vec<_> = Passes::NAMES.iter().map(|(name, _)| *name).collect();
    without.iter().try_fold(Passes::ALL, |passes, name| match Passes::named(name) {
        Some(pass) => Ok(passes.without(pass)),
        None if name == "all" => Ok(Passes::NONE),
        None => bail!("no pass is named `{name}`; there are all, {}", names.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_pass_is_told_with_the_known_ones() {
        let error = passes(&["speed".into()]).unwrap_err().to_string();
        assert!(error.contains("speed") && error.contains("rotate"), "{error}");
        assert!(!passes(&["rotate".into()]).unwrap().has(Passes::ROTATE));
    }
}
