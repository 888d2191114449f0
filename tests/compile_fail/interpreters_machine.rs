//! The interpreter has no door but the engine's.

#[cfg(not(feature = "forbidden"))]
use kernel_bpf::interpreter::Interpreter as Machine;
#[cfg(feature = "forbidden")]
use kernel_bpf::interpreter::Machine; // error: E0603

fn main() {
    let _ = size_of::<Machine>();
}
