//! Machine code on this host, for the profile that makes it.

use anyhow::anyhow;
use kernel_bpf::Executable;
use kernel_bpf::jit::Passes;
use kernel_bpf::profile::ActiveProfile;
use kernel_host::code_memory;

/// The program as machine code.
///
/// # Errors
/// Why there is none.
pub(crate) fn machine_code(
    executable: Executable<'_, ActiveProfile>,
) -> anyhow::Result<Executable<'_, ActiveProfile>> {
    let executable = executable.compiled(code_memory(), Passes::ALL);
    match executable.code() {
        Some(Err(reason)) => Err(anyhow!("no machine code: {reason}")),
        _ => Ok(executable),
    }
}
