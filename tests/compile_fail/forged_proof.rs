//! A proof is made by the verifier alone, not out of another proof.

use kernel_bpf::profile::ActiveProfile;
use kernel_bpf::{BpfProgram, Verified};

fn forge<'a>(verified: Verified<'a, ActiveProfile>, program: BpfProgram<'a, ActiveProfile>) {
    let _ = (verified, program);
    #[cfg(feature = "forbidden")]
    let _ = Verified { program, ..verified }; // error: E0451
}

fn main() {
    let _ = forge;
}
