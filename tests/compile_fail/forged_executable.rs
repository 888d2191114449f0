//! An executable is made by its constructor alone.

use kernel_bpf::Executable;
use kernel_bpf::profile::ActiveProfile;

fn forge<'a>(one: &'a Executable<'a, ActiveProfile>, other: Executable<'a, ActiveProfile>) {
    let _ = (one.verified(), other.verified());
    #[cfg(feature = "forbidden")]
    let _ = Executable { verified: *one.verified(), ..other }; // error: E0451
}

fn main() {
    let _ = forge;
}
