//! A proof stays with the program it is about.

use kernel_bpf::profile::ActiveProfile;
use kernel_bpf::{BpfProgram, Verified};

fn exchange<'a>(verified: &mut Verified<'a, ActiveProfile>, program: BpfProgram<'a, ActiveProfile>) {
    let _ = (verified.wcet_insns(), program);
    #[cfg(feature = "forbidden")]
    (verified.program = program); // error: E0616
}

fn main() {
    let _ = exchange;
}
