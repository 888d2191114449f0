//! What can be wrong with an archive.

use core::fmt;

/// Why reading an archive ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitrdError {
    /// Where in the archive, in bytes from its start.
    pub offset: u64,
    /// What is wrong there.
    pub cause: InitrdCause,
}

/// What is wrong with an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitrdCause {
    /// Compressed with the named program.
    Compressed(Compression),
    /// A cpio archive in an older format.
    OlderFormat(OlderFormat),
    /// No newc magic where a member should begin; these six bytes instead.
    Magic([u8; 6]),
    /// This byte instead of a hexadecimal digit.
    Digit(u8),
    /// The archive ends inside a member's 110-byte header.
    HeaderTruncated,
    /// A name of this many bytes (its NUL included), where 2 to 4,096 are possible.
    NameLength(u32),
    /// The archive ends inside a member's name.
    NameTruncated,
    /// The name's only NUL is not its last byte.
    NameTerminator,
    /// The name is not UTF-8.
    NameEncoding,
    /// The archive ends inside a file's bytes.
    FileTruncated {
        /// Bytes the header promises.
        size: u32,
    },
    /// The sum of a file's bytes is not the one in its header.
    Checksum {
        /// What the header says.
        expected: u32,
        /// The sum of the bytes.
        found: u32,
    },
    /// The archive ends without `TRAILER!!!`: it was cut, or never finished.
    NoTrailer,
}

/// A compression format, known by its magic number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// The .xz file format.
    Xz,
    /// RFC 8878.
    Zstd,
    /// The LZ4 frame format, new or legacy.
    Lz4,
    /// bzip2.
    Bzip2,
}

/// A cpio format that came before newc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OlderFormat {
    /// `070707`: the portable format of POSIX.1-1988.
    Odc,
    /// Two-byte magic 070707 octal, in either byte order.
    Binary,
}

impl fmt::Display for InitrdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "initrd at byte {}: {}", self.offset, self.cause)
    }
}

impl fmt::Display for InitrdCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compressed(with) => write!(f, "compressed with {with}; give the archive uncompressed"),
            Self::OlderFormat(format) => {
                write!(f, "cpio archive in the {format} format; use `cpio -o -H newc`")
            }
            Self::Magic(found) => {
                f.write_str("no cpio archive: expected 070701 or 070702, found")?;
                found.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
            }
            Self::Digit(found) => write!(f, "expected a hexadecimal digit, found byte {found:#04x}"),
            Self::HeaderTruncated => f.write_str("archive ends inside a header"),
            Self::NameLength(found) => write!(f, "name of {found} bytes, expected 2 to 4096 with its NUL"),
            Self::NameTruncated => f.write_str("archive ends inside a name"),
            Self::NameTerminator => f.write_str("expected a name's one NUL at its end"),
            Self::NameEncoding => f.write_str("name is not UTF-8"),
            Self::FileTruncated { size } => write!(f, "archive ends inside a file of {size} bytes"),
            Self::Checksum { expected, found } => {
                write!(f, "file is damaged: header says sum {expected:#010x}, its bytes make {found:#010x}")
            }
            Self::NoTrailer => f.write_str("archive ends without its TRAILER!!!: it was cut"),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Bzip2 => "bzip2",
        })
    }
}

impl fmt::Display for OlderFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Odc => "odc",
            Self::Binary => "old binary",
        })
    }
}

impl core::error::Error for InitrdError {}
