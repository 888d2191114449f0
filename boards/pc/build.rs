//! Hands the linker the layout of the image.

use std::env;
use std::path::Path;

fn main() {
    let linker = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../linker");
    for script in ["pc.ld", "sections.ld"] {
        println!("cargo::rerun-if-changed={}", linker.join(script).display());
    }
    // `-L` is where the linker looks for what pc.ld includes.
    println!("cargo::rustc-link-arg-bins=-L{}", linker.display());
    println!("cargo::rustc-link-arg-bins=-Tpc.ld");
    // `bootloader` would map what is "read-only after relocation" read-only, and that is all of .data here.
    println!("cargo::rustc-link-arg-bins=-znorelro");
}
