//! An executable is made from a proof, not from a program.

use kernel_bpf::profile::ActiveProfile;
use kernel_bpf::{BpfProgram, Executable, verify};

fn bind(program: BpfProgram<'_, ActiveProfile>, workspace: &mut [u64]) {
    let _ = verify(program, workspace).map(|verified| Executable::new(verified, &[]));
    #[cfg(feature = "forbidden")]
    let _ = Executable::new(program, &[]); // error: E0308
}

fn main() {
    let _ = bind;
}
