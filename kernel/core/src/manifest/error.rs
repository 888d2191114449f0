//! What can be wrong with a manifest, and where.

use core::fmt;

use super::{MAX_NAME_BYTES, MAX_PROGRAMS};

/// A manifest was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// Byte offset of the fault in the file.
    pub offset: usize,
    /// What is wrong there.
    pub reason: Reason,
}

/// Why a manifest was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The file is not text.
    NotUtf8,
    /// The first line is not the magic one.
    NotAManifest,
    /// The last line has no line feed: the file was cut.
    Cut,
    /// A line is neither `program` nor, before the first of these, `run_for=` or behind it `sequence=`.
    UnknownLine,
    /// A token is not `key=value` with a key that exists.
    UnknownKey,
    /// A key stands twice on a line.
    DuplicateKey,
    /// A line lacks this key.
    MissingKey(&'static str),
    /// A value is none of those the key can have; they are named here.
    BadValue(&'static str),
    /// A number is not decimal, or above 2^64 - 1.
    BadNumber,
    /// A time is 0.
    ZeroTime,
    /// A name is empty, too long, or holds a control character.
    BadName,
    /// Packets for a program that takes none.
    PacketsWithoutXdp,
    /// The same program of the same object was named before.
    DuplicateProgram,
    /// More programs than [`MAX_PROGRAMS`].
    TooManyPrograms,
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => out.write_str("not UTF-8 text"),
            Self::NotAManifest => out.write_str("the first line must be `skep-manifest 1`"),
            Self::Cut => out.write_str("the line has no line feed at its end: the file was cut"),
            Self::UnknownLine => out.write_str("expected a line starting with `program `"),
            Self::UnknownKey => out.write_str("not a `key=value` with a known key"),
            Self::DuplicateKey => out.write_str("this key was given before on the same line"),
            Self::MissingKey(key) => write!(out, "the line lacks `{key}=`"),
            Self::BadValue(expected) => write!(out, "expected {expected}"),
            Self::BadNumber => out.write_str("expected a decimal number below 2^64"),
            Self::ZeroTime => out.write_str("this time must be above 0"),
            Self::BadName => {
                write!(out, "a name has 1 to {MAX_NAME_BYTES} bytes and no control character")
            }
            Self::PacketsWithoutXdp => out.write_str("`packets=` needs `trigger=xdp`"),
            Self::DuplicateProgram => out.write_str("this program of this object was named before"),
            Self::TooManyPrograms => write!(out, "more than {MAX_PROGRAMS} programs"),
        }
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "offset {}: {}", self.offset, self.reason)
    }
}

impl core::error::Error for ManifestError {}
