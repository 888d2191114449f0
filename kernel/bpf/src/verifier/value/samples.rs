//! Random abstract values for tests, biased to the boundaries where operators go wrong.

use super::scalar::Scalar;
use super::tnum::Tnum;

/// xorshift64*
pub(super) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// `count` independent generators.
pub(super) fn seeds(count: u64) -> impl Iterator<Item = Random> {
    (1..=count).map(|seed| {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random.next();
        random
    })
}

/// A number near a boundary, or of a random length.
pub(super) fn numbers(random: &mut Random) -> u64 {
    const EDGES: [u64; 9] = [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 32, 1 << 63];
    let choice = random.next();
    match choice % 4 {
        0 => EDGES[(choice >> 8) as usize % EDGES.len()].wrapping_add((choice >> 32) % 5).wrapping_sub(2),
        1 => random.next() >> (choice >> 8 & 63),
        2 => (choice >> 8 & 0xffff) << 32 | random.next() >> (32 + (choice >> 24 & 31)),
        _ => (random.next() >> (choice >> 8 & 63)).wrapping_neg(),
    }
}

/// A value that holds `number`.
pub(super) fn scalar_with(number: u64, random: &mut Random) -> Scalar {
    let (other, choice) = (numbers(random), random.next());
    let (below, above) = (number.min(other), number.max(other));
    let (signed_below, signed_above) = ((number as i64).min(other as i64), (number as i64).max(other as i64));
    let mask = if choice & 8 == 0 { number ^ other } else { numbers(random) };
    let mut scalar = Scalar::UNKNOWN;
    if choice & 1 != 0 {
        (scalar.umin, scalar.umax) = (below, above);
    }
    if choice & 2 != 0 {
        (scalar.smin, scalar.smax) = (signed_below, signed_above);
    }
    if choice & 4 != 0 {
        scalar.bits = Tnum { value: number & !mask, mask };
    }
    if choice & 64 != 0 {
        let (low, low_other) = (number as u32, other as u32);
        (scalar.umin32, scalar.umax32) = (low.min(low_other), low.max(low_other));
    }
    if choice & 128 != 0 {
        let (low, low_other) = (number as i32, other as i32);
        (scalar.smin32, scalar.smax32) = (low.min(low_other), low.max(low_other));
    }
    if choice & 48 == 0 {
        scalar = Scalar::constant(number);
    }
    scalar.tightened().expect("it holds a number")
}
