//! Random numbers that are the same everywhere, given the same seed: splitmix64 (Steele, Lea, Flood: Fast
//! splittable pseudorandom number generators, 2014).

/// A number at a boundary, a small one, or any.
pub fn edge(random: &mut Random) -> u64 {
    const EDGES: [u64; 8] = [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, 1 << 63, u64::MAX];
    let number = random.number();
    match number >> 62 {
        0 => random.pick(&EDGES).wrapping_add(number % 3).wrapping_sub(1),
        1 => number & 0x1f,
        2 => number >> (number & 63),
        _ => number,
    }
}

/// A generator.
#[derive(Clone, Copy, Debug)]
pub struct Random(u64);

impl Random {
    /// The generator with that seed.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which is above 0.
    pub const fn below(&mut self, limit: usize) -> usize {
        // The skew is below 2^-32 for any limit in these tests.
        (self.number() % limit as u64) as usize
    }

    /// One of `choices`, which are not empty.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// So many random bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.number() as u8).collect()
    }
}
