//! The door around the verifier is not there unless a host tool asks for it.

use kernel_bpf::BpfProgram;
use kernel_bpf::profile::ActiveProfile;
#[cfg(feature = "forbidden")]
use kernel_bpf::trusted::assume_verified as verify; // error: E0432
#[cfg(not(feature = "forbidden"))]
use kernel_bpf::verify;

fn prove(program: BpfProgram<'_, ActiveProfile>, workspace: &mut [u64]) {
    let _ = verify(program, workspace);
}

fn main() {
    let _ = prove;
}
