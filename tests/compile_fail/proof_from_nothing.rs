//! There is no proof of nothing.

use kernel_bpf::Verified;
use kernel_bpf::profile::ActiveProfile;

fn main() {
    let _: Option<Verified<'static, ActiveProfile>> = None;
    #[cfg(feature = "forbidden")]
    let _ = Verified::<'static, ActiveProfile>::default(); // error: E0599
}
