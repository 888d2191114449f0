//! Nobody outside adds a profile, whose constants the verifier would believe: what every profile must
//! implement cannot be named.

use kernel_bpf::profile::PhysicalProfile;

#[derive(Clone, Copy, Debug)]
struct Lax;

#[cfg(feature = "forbidden")]
impl kernel_bpf::profile::sealed::Sealed for Lax {} // error: E0603

fn limit<P: PhysicalProfile>() -> usize {
    P::MAX_INSN_COUNT
}

fn main() {
    let _ = (Lax, limit::<kernel_bpf::profile::ActiveProfile>());
}
