//! The boards, and what the tool must know about each.

use clap::ValueEnum;

use crate::profile::Profile;

/// A board: one image, one profile, one processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Board {
    /// Virtual machines on x86_64, cloud profile
    Pc,
    /// Raspberry Pi 3, embedded profile
    Rpi3,
}

impl Board {
    /// The package that builds it; also its name in reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pc => "pc",
            Self::Rpi3 => "rpi3",
        }
    }

    pub(crate) const fn profile(self) -> Profile {
        match self {
            Self::Pc => Profile::Cloud,
            Self::Rpi3 => Profile::Embedded,
        }
    }

    /// The compiler's target.
    pub(crate) const fn target(self) -> &'static str {
        match self {
            Self::Pc => "x86_64-unknown-none",
            Self::Rpi3 => "aarch64-unknown-none-softfloat",
        }
    }

    /// The crate that knows its processor.
    pub(crate) const fn architecture_crate(self) -> &'static str {
        match self {
            Self::Pc => "kernel_x86_64",
            Self::Rpi3 => "kernel_aarch64",
        }
    }

    /// The parts of the standard library it uses; the embedded profile has no heap.
    pub(crate) const fn std_crates(self) -> &'static str {
        match self {
            Self::Pc => "core,alloc,compiler_builtins",
            Self::Rpi3 => "core,compiler_builtins",
        }
    }

    /// What cargo is told besides: the Pi's image stays below 512 KiB without the last round of inlining.
    pub(crate) const fn size_options(self) -> &'static [&'static str] {
        match self {
            Self::Pc => &[],
            Self::Rpi3 => &["--config", "profile.release.opt-level=2"],
        }
    }

    /// The file that is booted.
    pub(crate) const fn image_name(self) -> &'static str {
        match self {
            Self::Pc => "pc.elf",
            Self::Rpi3 => "kernel8.img",
        }
    }
}
