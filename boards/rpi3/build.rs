//! Hands the linker script to the linker.

fn main() {
    let linker = concat!(env!("CARGO_MANIFEST_DIR"), "/../../linker");
    println!("cargo::rustc-link-arg-bins=-L{linker}");
    println!("cargo::rustc-link-arg-bins=-T{linker}/rpi3.ld");
    for script in ["rpi3.ld", "sections.ld"] {
        println!("cargo::rerun-if-changed={linker}/{script}");
    }
}
