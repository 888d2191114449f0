//! One member of an archive: a header, a name, and a file's bytes.
//!
//! Offsets here count from the member's first byte.

use core::ops::Range;

use super::InitrdError;
use super::error::{Compression, InitrdCause, OlderFormat};

/// Six bytes of magic and thirteen fields of eight hexadecimal digits.
const HEADER_BYTES: usize = 110;
/// The longest name, with its NUL: Linux's `PATH_MAX`.
const LONGEST_NAME: usize = 4096;
/// Everything that is looked at before a file's bytes.
pub(super) const LONGEST_HEAD: usize = HEADER_BYTES + LONGEST_NAME;

const TRAILER: &[u8] = b"TRAILER!!!";

/// Fields by their position behind the magic.
const MODE: usize = 1;
const FILE_SIZE: usize = 6;
const NAME_SIZE: usize = 11;
const CHECK: usize = 12;
const FIELD_COUNT: usize = 13;

/// `S_IFMT` and `S_IFREG` of POSIX.
const FILE_TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

/// A member whose ranges all lie inside the bytes it was read from.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// The name, without its NUL.
    pub(super) name: Range<usize>,
    /// The file's bytes.
    pub(super) data: Range<usize>,
    /// Where the next member begins, or the archive ends.
    pub(super) next: usize,
    mode: u32,
    /// Sum of the file's bytes; only `070702` has one.
    sum: Option<u32>,
    trailer: bool,
}

/// Something wrong, at an offset from the member's first byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    offset: usize,
    cause: InitrdCause,
}

impl Fault {
    const fn new(offset: usize, cause: InitrdCause) -> Self {
        Self { offset, cause }
    }

    /// The same, for a member that begins at `start`.
    pub(super) const fn at(self, start: usize) -> InitrdError {
        InitrdError { offset: (start + self.offset) as u64, cause: self.cause }
    }
}

impl Member {
    /// Whether this is the archive's end mark.
    pub(super) const fn is_trailer(&self) -> bool {
        self.trailer
    }

    /// Whether this is a file, and no directory, link or device.
    pub(super) const fn is_regular_file(&self) -> bool {
        self.mode & FILE_TYPE == REGULAR
    }

    /// Compares the file's bytes with the header's sum, where there is one.
    pub(super) fn verify(&self, bytes: &[u8]) -> Result<(), Fault> {
        let Some(expected) = self.sum else { return Ok(()) };
        let found = bytes.iter().fold(0u32, |sum, &byte| sum.wrapping_add(byte.into()));
        if found == expected {
            return Ok(());
        }
        Err(Fault::new(self.data.start, InitrdCause::Checksum { expected, found }))
    }
}

/// Reads the member at the start of `archive`. Reading its sum and its text is left to those who need them.
pub(super) fn read(archive: &[u8]) -> Result<Member, Fault> {
    let summed = magic(archive)?;
    let header = archive.get(..HEADER_BYTES).ok_or(Fault::new(0, InitrdCause::HeaderTruncated))?;
    let fields = fields(header)?;
    let name = name(archive, fields[NAME_SIZE])?;
    let trailer = &archive[name.clone()] == TRAILER;
    let data = data(archive, padded(HEADER_BYTES + fields[NAME_SIZE] as usize), fields[FILE_SIZE])?;
    // The last member may end without its padding.
    let next = padded(data.end).min(archive.len());
    let sum = summed.then_some(fields[CHECK]);
    Ok(Member { name, data, next, mode: fields[MODE], sum, trailer })
}

/// A name as text, without leading `./`; `start` is where it begins, for the error.
pub(super) fn text(name: &[u8], start: usize) -> Result<&str, Fault> {
    core::str::from_utf8(name)
        .map(|name| name.trim_start_matches("./"))
        .map_err(|error| Fault::new(start + error.valid_up_to(), InitrdCause::NameEncoding))
}

/// Whether the files of this archive carry sums.
fn magic(archive: &[u8]) -> Result<bool, Fault> {
    let cause = match archive {
        [] => InitrdCause::NoTrailer,
        [b'0', b'7', b'0', b'7', b'0', b'1', ..] => return Ok(false),
        [b'0', b'7', b'0', b'7', b'0', b'2', ..] => return Ok(true),
        [b'0', b'7', b'0', b'7', b'0', b'7', ..] => InitrdCause::OlderFormat(OlderFormat::Odc),
        [0xc7, 0x71, ..] | [0x71, 0xc7, ..] => InitrdCause::OlderFormat(OlderFormat::Binary),
        [0x1f, 0x8b, ..] => InitrdCause::Compressed(Compression::Gzip),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => InitrdCause::Compressed(Compression::Xz),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => InitrdCause::Compressed(Compression::Zstd),
        [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => {
            InitrdCause::Compressed(Compression::Lz4)
        }
        [b'B', b'Z', b'h', ..] => InitrdCause::Compressed(Compression::Bzip2),
        [a, b, c, d, e, f, ..] => InitrdCause::Magic([*a, *b, *c, *d, *e, *f]),
        _ => InitrdCause::HeaderTruncated,
    };
    Err(Fault::new(0, cause))
}

fn fields(header: &[u8]) -> Result<[u32; FIELD_COUNT], Fault> {
    let mut fields = [0u32; FIELD_COUNT];
    for (offset, &byte) in header.iter().enumerate().skip(6) {
        let digit = char::from(byte).to_digit(16).ok_or(Fault::new(offset, InitrdCause::Digit(byte)))?;
        let field = &mut fields[(offset - 6) / 8];
        *field = *field << 4 | digit;
    }
    Ok(fields)
}

fn name(archive: &[u8], size: u32) -> Result<Range<usize>, Fault> {
    let length = size as usize;
    if !(2..=LONGEST_NAME).contains(&length) {
        return Err(Fault::new(6 + 8 * NAME_SIZE, InitrdCause::NameLength(size)));
    }
    let range = HEADER_BYTES..HEADER_BYTES + length;
    let name = archive.get(range.clone()).ok_or(Fault::new(HEADER_BYTES, InitrdCause::NameTruncated))?;
    if name.iter().position(|&byte| byte == 0) != Some(length - 1) {
        return Err(Fault::new(HEADER_BYTES, InitrdCause::NameTerminator));
    }
    Ok(range.start..range.end - 1)
}

fn data(archive: &[u8], start: usize, size: u32) -> Result<Range<usize>, Fault> {
    // A file of no bytes may lack the padding before them, at the end of an archive.
    let start = start.min(archive.len());
    if size as usize > archive.len() - start {
        return Err(Fault::new(start, InitrdCause::FileTruncated { size }));
    }
    Ok(start..start + size as usize)
}

/// The next multiple of 4. No overflow: at most 4 GiB and a header are behind `offset`.
const fn padded(offset: usize) -> usize {
    offset.next_multiple_of(4)
}
