//! Reading little-endian numbers and names out of bytes of any alignment.

/// Longest name that is read. Bounds the work a file without NULs can cause.
pub(super) const MAX_NAME_BYTES: usize = 1024;

/// Bytes `start..end` of a file, known to lie inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    /// `size` bytes from `offset`; `None` if they do not all lie below `limit`.
    pub(super) fn new(offset: u64, size: u64, limit: usize) -> Option<Self> {
        let end = usize::try_from(offset.checked_add(size)?).ok()?;
        // `offset <= end`, so it fits as well.
        (end <= limit).then_some(Self { start: offset as usize, end })
    }

    /// `size` bytes from `offset` of this span; `None` if they do not all lie in it.
    pub(super) fn part(self, offset: u64, size: u64) -> Option<Self> {
        let part = Self::new(offset, size, self.len())?;
        Some(Self { start: self.start + part.start, end: self.start + part.end })
    }

    pub(super) const fn len(self) -> usize {
        self.end - self.start
    }

    pub(super) const fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// Two bytes at `at`.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

/// Four bytes at `at`.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

/// Eight bytes at `at`.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

/// The NUL-terminated text at `at`. `None` without a NUL near enough, or if it is not UTF-8.
pub(super) fn text(bytes: &[u8], at: usize) -> Option<&str> {
    let tail = bytes.get(at..)?;
    let near = &tail[..tail.len().min(MAX_NAME_BYTES)];
    let end = near.iter().position(|&byte| byte == 0)?;
    core::str::from_utf8(&near[..end]).ok()
}

/// Whether the NUL-terminated text at `at` is `text`.
pub(super) fn text_is(bytes: &[u8], at: usize, text: &[u8]) -> bool {
    let tail = bytes.get(at..).and_then(|tail| tail.strip_prefix(text));
    tail.is_some_and(|tail| tail.first() == Some(&0))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
