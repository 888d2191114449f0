//! `skep exec`: one program, by hex, on the host. The plugin interface of the public bpf_conformance suite.

use std::cell::Cell;
use std::io::Read;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow, bail};
use kernel_bpf::context::ProgramKind;
use kernel_bpf::helpers::Services;
use kernel_bpf::profile::{ActiveProfile, PhysicalProfile};
use kernel_bpf::{BpfProgram, Executable, Input, RunSpace, trusted, verify};

use crate::cli::{EngineName, ExecArgs};
#[cfg(feature = "cloud-profile")]
use crate::compiled::machine_code;
use crate::output;
#[cfg(feature = "embedded-profile")]
use crate::profile::machine_code;
use crate::unchecked;

/// A trusted program may loop for ever; this many instructions take a few seconds.
const TRUSTED_LIMIT: u64 = 100_000_000;

pub(crate) fn run(args: &ExecArgs) -> anyhow::Result<ExitCode> {
    if args.engine == EngineName::Jit && args.trusted && !args.in_child {
        return unchecked::run_in_child(args);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read the program from stdin")?;
    let program = bytes(&text).context("the program on stdin is not hex")?;
    let mut memory = bytes(args.memory.as_deref().unwrap_or_default()).context("MEMORY_HEX is not hex")?;
    Ok(match execute(&program, &mut memory, args) {
        Ok(r0) => {
            output::line(format_args!("{r0:x}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            output::note(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    })
}

/// Runs `program` with r1 at `memory` and r2 its length, or both 0 if there is none; returns r0.
fn execute(program: &[u8], memory: &mut [u8], args: &ExecArgs) -> anyhow::Result<u64> {
    if !program.len().is_multiple_of(8) {
        bail!("the program has {} bytes; instructions have 8 each", program.len());
    }
    let bytes = program.len();
    let kind = ProgramKind::Memory { size: u32::try_from(memory.len())? };
    let program = BpfProgram::<ActiveProfile>::new(program, 0, program.len() / 8, kind, &[])?;
    let verified = if args.trusted {
        trusted::assume_verified(program, TRUSTED_LIMIT)
    } else {
        verify(program, &mut vec![0; ActiveProfile::verifier_words(bytes)])
            .map_err(|rejection| anyhow!("rejected at insn {}: {rejection}", rejection.pc))?
    };
    let space = RunSpace::new(verified.frames())?;
    let input = Input::Memory(Cell::from_mut(memory).as_slice_of_cells());
    let mut executable = Executable::new(verified, &[])?;
    if args.engine == EngineName::Jit {
        executable = machine_code(executable)?;
    }
    Ok(executable.run(&space, input, &mut HostServices)?.r0)
}

/// Hex digits, with white space anywhere between bytes.
fn bytes(hex: &str) -> anyhow::Result<Vec<u8>> {
    let digits: Vec<char> = hex.chars().filter(|character| !character.is_whitespace()).collect();
    let value = |digit: char| digit.to_digit(16).with_context(|| format!("`{digit}` is no hex digit"));
    let pairs = digits.chunks(2).map(|pair| match *pair {
        [high, low] => Ok((value(high)? * 16 + value(low)?) as u8),
        _ => bail!("an odd number of hex digits"),
    });
    pairs.collect()
}

/// What helpers find on a host.
struct HostServices;

impl Services for HostServices {
    fn now(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
    }

    fn random(&mut self) -> u32 {
        // Enough for a program that only wants to see a number.
        self.now() as u32 ^ (self.now() >> 32) as u32
    }

    fn processor(&self) -> u32 {
        0
    }

    fn print(&mut self, text: std::fmt::Arguments<'_>) {
        output::note(format_args!("{text}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `r0 = *(u8 *)(r1 + 1)`
    const LOAD: &str = "71 10 01 00 00 00 00 00  95 00 00 00 00 00 00 00";

    const fn args(engine: EngineName, trusted: bool) -> ExecArgs {
        ExecArgs { engine, trusted, in_child: true, memory: None }
    }

    #[test]
    fn a_program_reads_its_memory() {
        let program = bytes(LOAD).unwrap();
        assert_eq!(execute(&program, &mut [7, 8], &args(EngineName::Interpreter, false)).unwrap(), 8);
    }

    #[test]
    fn only_the_cloud_profile_makes_machine_code() {
        let program = bytes(LOAD).unwrap();
        let result = execute(&program, &mut [7, 8], &args(EngineName::Jit, false));
        match crate::profile::BUILT_FOR {
            crate::profile::Profile::Cloud => assert_eq!(result.unwrap(), 8),
            crate::profile::Profile::Embedded => assert!(result.unwrap_err().to_string().contains("JIT")),
        }
    }

    #[test]
    fn an_access_outside_is_rejected_or_faults() {
        let program = bytes(LOAD).unwrap();
        let error = |memory: &mut [u8], trusted| {
            let args = args(EngineName::Interpreter, trusted);
            execute(&program, memory, &args).unwrap_err().to_string()
        };
        assert!(error(&mut [7], false).contains("rejected at insn 0"));
        assert!(error(&mut [7], true).contains("InvalidAccess"));
        assert!(error(&mut [], true).contains("InvalidAccess"));
    }

    #[test]
    fn what_is_not_hex_is_told() {
        assert!(bytes("9").is_err());
        assert!(bytes("9g").is_err());
        assert_eq!(bytes("0a\nFf").unwrap(), [10, 255]);
    }
}
