//! Files nobody would write by accident.

use super::*;

fn try_link(mut file: Vec<u8>) -> bool {
    let length = file.len() as u64;
    match Object::link(&mut file) {
        Ok(object) => {
            visit(&object);
            true
        }
        Err(error) => {
            assert!(error.offset <= length, "{error}");
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

#[test]
fn every_cut_is_refused() {
    let file = rich().build();
    for length in 0..file.len() {
        assert!(!try_link(file[..length].into()), "cut at {length}");
    }
}

#[test]
fn no_flipped_bit_panics() {
    let file = rich().build();
    for bit in 0..file.len() * 8 {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        try_link(flipped);
    }
}

#[test]
fn no_extreme_number_panics() {
    let file = rich().build();
    let extremes = [0, 1, 7, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_ffff];
    for at in (0..file.len() - 8).step_by(2) {
        for low in extremes {
            for width in [2, 4] {
                let mut changed = file.clone();
                changed[at..at + width].copy_from_slice(&u32::to_le_bytes(low)[..width]);
                try_link(changed);
            }
            for high in [0x7fff_ffff, 0xffff_ffff] {
                let mut changed = file.clone();
                let number = u64::from(low) | high << 32;
                changed[at..at + 8].copy_from_slice(&number.to_le_bytes());
                try_link(changed);
            }
        }
    }
}

#[test]
fn as_many_relocations_as_allowed_stay_quick() {
    let mut object = Builder::default();
    let xdp = object.code("xdp", &[CALL, EXIT]);
    let main = object.symbol("main", GLOBAL_FUNCTION, xdp, 0, 16);
    // Names without a near end are the slowest to read.
    let long = object.symbol(&"x".repeat(100_000), LOCAL_SECTION, xdp, 0, 0);
    for index in 0..100_000 {
        object.relocate(xdp, 0, R_CALL, if index % 2 == 0 { main } else { long });
    }
    // `main` again and again: -1 becomes -1.
    assert!(try_link(object.build()));
}
