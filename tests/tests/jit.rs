//! Compiled code means what the interpreter means.

#[cfg(feature = "cloud-profile")]
#[path = "jit/encoder.rs"]
mod encoder;
#[cfg(feature = "cloud-profile")]
#[path = "jit/random.rs"]
mod random;
#[cfg(feature = "cloud-profile")]
#[path = "jit/vectors.rs"]
mod vectors;
