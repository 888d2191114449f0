//! cpio archives, newc format, written and taken apart by hand: what the kernel's reader is tested against
//! must not be the kernel's reader.

use std::ops::Range;

/// Magic and thirteen fields of eight hexadecimal digits.
pub const HEADER_BYTES: usize = 110;
/// Where the fields begin, behind the magic.
const FIELDS_AT: usize = 6;
const FIELD_BYTES: usize = 8;
/// Positions of fields in a header.
const INODE: usize = 0;
const MODE: usize = 1;
const LINKS: usize = 4;
/// The field with the length of a file, in bytes.
pub const FILE_SIZE: usize = 6;
/// The field with the length of a name, in bytes with its NUL.
pub const NAME_SIZE: usize = 11;
/// How many fields there are.
pub const FIELD_COUNT: usize = 13;

const TRAILER: &str = "TRAILER!!!";
const REGULAR_FILE: u32 = 0o100_644;

/// A file to pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl File {
    /// A file.
    #[must_use]
    pub fn new(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), bytes: bytes.into() }
    }
}

/// Where a member stands in an archive, in bytes from its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its name, without leading `./`.
    pub name: String,
    /// First byte of its header.
    pub header: usize,
    /// Its name, with leading `./` and without NUL.
    pub name_bytes: Range<usize>,
    /// The file's bytes.
    pub data: Range<usize>,
}

impl Place {
    /// Where field `index` of the header stands.
    #[must_use]
    pub const fn field(&self, index: usize) -> usize {
        self.header + FIELDS_AT + index * FIELD_BYTES
    }
}

/// Packs files as `cpio -o -H newc` does: contents begin on multiples of 4.
#[must_use]
pub fn write(files: &[File]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (inode, file) in (1..).zip(files) {
        member(&mut archive, inode, &file.name, &file.bytes, REGULAR_FILE);
    }
    member(&mut archive, 0, TRAILER, &[], 0);
    archive
}

/// Packs one more member.
pub fn member(archive: &mut Vec<u8>, inode: u32, name: &str, bytes: &[u8], mode: u32) {
    let mut fields = [0; FIELD_COUNT];
    (fields[INODE], fields[MODE], fields[LINKS]) = (inode, mode, 1);
    (fields[FILE_SIZE], fields[NAME_SIZE]) = (bytes.len() as u32, name.len() as u32 + 1);
    archive.extend(b"070701");
    fields.iter().for_each(|field| archive.extend(format!("{field:08x}").bytes()));
    archive.extend(name.bytes());
    archive.push(0);
    pad(archive);
    archive.extend(bytes);
    pad(archive);
}

fn pad(archive: &mut Vec<u8>) {
    archive.resize(archive.len().next_multiple_of(4), 0);
}

/// The members of a well-formed archive, the trailer last.
///
/// # Panics
/// The archive is not well-formed.
#[must_use]
pub fn places(archive: &[u8]) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    while places.last().is_none_or(|place| place.name != TRAILER) {
        let header = places.last().map_or(0, |place| place.data.end.next_multiple_of(4));
        places.push(place(archive, header));
    }
    places
}

fn place(archive: &[u8], header: usize) -> Place {
    let field = |index: usize| {
        let at = header + FIELDS_AT + index * FIELD_BYTES;
        let digits = std::str::from_utf8(&archive[at..at + FIELD_BYTES]).expect("digits are ASCII");
        usize::from_str_radix(digits, 16).expect("a field is hexadecimal")
    };
    let name_at = header + HEADER_BYTES;
    let name_bytes = name_at..name_at + field(NAME_SIZE) - 1;
    let name = std::str::from_utf8(&archive[name_bytes.clone()]).expect("a name is UTF-8");
    let data_at = (name_bytes.end + 1).next_multiple_of(4);
    Place {
        name: name.trim_start_matches("./").into(),
        header,
        name_bytes,
        data: data_at..data_at + field(FILE_SIZE),
    }
}

/// The files of a well-formed archive.
#[must_use]
pub fn files(archive: &[u8]) -> Vec<File> {
    let places = places(archive);
    let members = places.iter().filter(|place| place.name != TRAILER);
    members.map(|place| File::new(&place.name, &archive[place.data.clone()])).collect()
}

/// The bytes of one file of a well-formed archive.
#[must_use]
pub fn file<'a>(archive: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let place = places(archive).into_iter().find(|place| place.name == name)?;
    archive.get(place.data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_found_again() {
        let files = [File::new("a.o", b"12345"), File::new("manifest", b""), File::new("x", b"4444")];
        let archive = write(&files);
        assert_eq!(super::files(&archive), files);
        assert_eq!(file(&archive, "x"), Some(&b"4444"[..]));
        assert_eq!(file(&archive, "y"), None);
        assert!(places(&archive).iter().all(|place| place.data.start.is_multiple_of(4)));
    }
}
