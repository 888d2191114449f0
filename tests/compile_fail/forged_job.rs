//! A job is made by an executable alone, so its text was verified.

use kernel_bpf::Job;
use kernel_bpf::profile::{ActiveProfile, PhysicalProfile};

type Memory = <ActiveProfile as PhysicalProfile>::MemoryStrategy;

fn forge<'a>(job: Job<'a, Memory>, text: &'a [u8]) {
    let _ = (&job, text);
    #[cfg(feature = "forbidden")]
    let _ = Job { text, ..job }; // error: E0451
}

fn main() {
    let _ = forge;
}
