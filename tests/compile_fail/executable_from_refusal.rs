//! What the verifier returns may be a refusal, and nobody can overlook that.

use kernel_bpf::profile::ActiveProfile;
use kernel_bpf::{BpfProgram, Executable, verify};

fn bind(program: BpfProgram<'_, ActiveProfile>, workspace: &mut [u64]) {
    if let Ok(verified) = verify(program, workspace) {
        let _ = Executable::new(verified, &[]);
    }
    #[cfg(feature = "forbidden")]
    let _ = Executable::new(verify(program, workspace), &[]); // error: E0308
}

fn main() {
    let _ = bind;
}
