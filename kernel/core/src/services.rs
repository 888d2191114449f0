//! What running programs ask of the world, answered by the platform.

use core::fmt;

use kernel_bpf::helpers::Services;
use kernel_report::Line;

use crate::platform::Platform;

/// Random numbers for programs: a permuted congruential generator (PCG-XSH-RR, 64 bits of state), seeded by
/// the board. Not for secrets, as `bpf_get_prandom_u32` is not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u32 {
        let state = self.0;
        self.0 = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = ((state >> 18) ^ state) >> 27;
        (mixed as u32).rotate_right((state >> 59) as u32)
    }
}

/// The services of one run of one program.
pub(crate) struct RunServices<'r, P: Platform> {
    pub(crate) platform: &'r P,
    pub(crate) random: &'r mut Random,
    pub(crate) program: &'r str,
}

impl<P: Platform> Services for RunServices<'_, P> {
    fn now(&self) -> u64 {
        self.platform.now()
    }

    fn random(&mut self) -> u32 {
        self.random.next()
    }

    fn processor(&self) -> u32 {
        0 // the others are parked
    }

    fn print(&mut self, text: fmt::Arguments<'_>) {
        let line = Line::human(self.platform.now(), format_args!("{}: {text}", self.program));
        self.platform.try_send(line.as_bytes());
    }
}
