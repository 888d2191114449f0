//! What the verifier found out cannot even be named outside.

#[cfg(not(feature = "forbidden"))]
use kernel_bpf::Verified as Proof;
use kernel_bpf::profile::ActiveProfile;
#[cfg(feature = "forbidden")]
use kernel_bpf::program::Proof; // error: E0603

fn main() {
    let _: Option<Proof<'static, ActiveProfile>> = None;
}
