//! The initrd: a cpio archive in the *newc* format, read in place.
//!
//! `cpio -o -H newc` writes it (`070701`), `-H crc` writes the variant with a sum of each file's bytes
//! (`070702`); the format is the one of Linux's Documentation/driver-api/early-userspace/buffer-format.rst.
//! An archive comes from outside: every number in it is checked before it is used, and what is wrong is
//! reported with its place, so that "nothing was loaded" never stays unexplained.

mod error;
mod member;

pub use error::{InitrdCause, InitrdError};

use member::Member;

/// One regular file of an archive.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Path as the archive spells it, without leading `./`.
    pub name: &'a str,
    /// Where the file's bytes begin, in bytes from the start of the archive. A multiple of 4.
    pub offset: u64,
    /// The file's bytes. No other entry shares them, so an object can be linked where it lies.
    pub bytes: &'a mut [u8],
}

/// The regular files of an archive, in its order. Directories, links and devices are passed over.
///
/// Ends after the trailer or after the first error, whichever comes first.
#[derive(Debug)]
pub struct Entries<'a> {
    /// What lies behind the members read so far; `None` once ended.
    rest: Option<&'a mut [u8]>,
    /// Where `rest` begins in the archive.
    offset: usize,
}

/// Reads `archive`. Bytes after its trailer are padding and never looked at.
#[must_use]
pub fn entries(archive: &mut [u8]) -> Entries<'_> {
    Entries { rest: Some(archive), offset: 0 }
}

/// Length in bytes of the archive at the start of `memory`, for boards that are told where an initrd
/// begins and not where it ends.
///
/// A malformed archive has no end; then the answer is long enough for [`entries`] to find the same thing
/// wrong at the same offset.
#[must_use]
pub fn extent(memory: &[u8]) -> usize {
    let mut offset = 0;
    loop {
        match member::read(&memory[offset..]) {
            Ok(member) if member.is_trailer() => return offset + member.next,
            Ok(member) => offset += member.next,
            Err(_) => return memory.len().min(offset + member::LONGEST_HEAD),
        }
    }
}

impl<'a> Entries<'a> {
    /// Cuts the next member off `rest`. `None` for one that is no regular file.
    fn cut(&mut self, rest: &'a mut [u8]) -> Result<Option<Entry<'a>>, InitrdError> {
        let start = self.offset;
        let member = member::read(rest).map_err(|fault| fault.at(start))?;
        if member.is_trailer() {
            return Ok(None);
        }
        let Member { name, data, next, .. } = member.clone();
        let (this, after) = rest.split_at_mut(next);
        self.rest = Some(after);
        self.offset += next;
        if !member.is_regular_file() {
            return Ok(None);
        }
        let (head, bytes) = this.split_at_mut(data.start);
        let bytes = &mut bytes[..data.len()];
        member.verify(bytes).map_err(|fault| fault.at(start))?;
        let head: &'a [u8] = head;
        let name = member::text(&head[name.clone()], name.start).map_err(|fault| fault.at(start))?;
        Ok(Some(Entry { name, offset: (start + data.start) as u64, bytes }))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, InitrdError>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(rest) = self.rest.take() {
            match self.cut(rest) {
                Ok(None) => {}
                Ok(Some(entry)) => return Some(Ok(entry)),
                Err(error) => {
                    self.rest = None;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl core::iter::FusedIterator for Entries<'_> {}

#[cfg(test)]
mod tests;
