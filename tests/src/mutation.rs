//! Initrds that are wrong in a thousand ways, each made from its seed alone.
//!
//! A [`Base`] is an initrd that is right. Its mutants go through the kinds of damage in turn: cut off, bits
//! flipped, and hostile numbers at the places where a reader believes numbers.

mod archives;
mod judgement;
mod objects;
pub mod programs;
mod texts;

use std::ops::Range;

pub use judgement::{Answer, Demand, judge};

use crate::archive::{self, File, Place};
use crate::random::Random;

/// A well-formed initrd with a manifest, to make mutants from.
#[derive(Clone, Debug)]
pub struct Base {
    archive: Vec<u8>,
    files: Vec<File>,
    /// The places of the files, in the same order.
    places: Vec<Place>,
    /// The end of the trailer's name: what is cut behind it is missed by nobody.
    needed: usize,
}

/// One damaged initrd.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// It is made from this alone.
    pub seed: u64,
    /// What was done to the base, for people.
    pub what: String,
    /// The initrd.
    pub bytes: Vec<u8>,
    /// What the report must say.
    pub demand: Demand,
}

/// What a kind of damage makes.
struct Damage {
    what: String,
    bytes: Vec<u8>,
    demand: Demand,
}

impl Damage {
    /// Damage that may turn out to change nothing, or that makes a program another one.
    fn any(what: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { what: what.into(), bytes, demand: Demand::Explanation }
    }

    /// Damage that no reader can overlook.
    fn refused(what: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { what: what.into(), bytes, demand: Demand::Refusal }
    }
}

type Kind = fn(&Base, &mut Random) -> Damage;

const KINDS: [Kind; 16] = [
    archives::cut,
    archives::one_bit,
    archives::several_bits,
    archives::stretch,
    archives::header_field,
    archives::members,
    objects::file_header,
    objects::section_header,
    objects::symbol,
    objects::relocation,
    objects::instruction,
    objects::type_information,
    objects::data,
    texts::manifest,
    texts::capture,
    archives::another_format,
];

impl Base {
    /// # Panics
    /// `archive` is not well-formed, or not what the mutations need: objects with relocations, and a manifest.
    #[must_use]
    pub fn new(archive: Vec<u8>) -> Self {
        let files = archive::files(&archive);
        let mut places = archive::places(&archive);
        let trailer = places.pop().expect("an archive has a trailer");
        assert!(files.iter().any(|file| file.name == "manifest"), "the base has a manifest");
        Self { archive, files, places, needed: trailer.name_bytes.end + 1 }
    }

    /// The initrd itself.
    #[must_use]
    pub fn archive(&self) -> &[u8] {
        &self.archive
    }

    /// The mutant with that seed. The kinds of damage take turns.
    #[must_use]
    pub fn mutant(&self, seed: u64) -> Mutant {
        let kind = KINDS[(seed % KINDS.len() as u64) as usize];
        let Damage { what, bytes, demand } = kind(self, &mut Random::seeded(seed));
        Mutant { seed, what, bytes, demand }
    }

    /// A copy with `bytes` in place of those at `at`.
    fn with(&self, at: usize, bytes: &[u8]) -> Vec<u8> {
        let mut archive = self.archive.clone();
        archive[at..at + bytes.len()].copy_from_slice(bytes);
        archive
    }

    /// A copy packed again, with other contents for one file.
    fn with_file(&self, name: &str, bytes: Vec<u8>) -> Vec<u8> {
        let mut files = self.files.clone();
        files.iter_mut().filter(|file| file.name == name).for_each(|file| file.bytes.clone_from(&bytes));
        archive::write(&files)
    }

    /// One of the objects.
    fn object(&self, random: &mut Random) -> (&Place, &[u8]) {
        let objects: Vec<_> = self.places.iter().filter(|place| place.name.ends_with(".o")).collect();
        let place = random.pick(&objects);
        (place, &self.archive[place.data.clone()])
    }

    fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.iter().find(|file| file.name == name).map(|file| &*file.bytes)
    }
}

/// A number in a file: where, and of how many bytes.
#[derive(Clone, Copy, Debug)]
struct Field {
    name: &'static str,
    at: usize,
    bytes: usize,
}

impl Field {
    fn range(self) -> Range<usize> {
        self.at..self.at + self.bytes
    }

    fn value(self, file: &[u8]) -> u64 {
        file[self.range()].iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
    }
}

/// A number that a reader must not believe, for a place where `value` stands in a file of `length` bytes.
fn hostile(value: u64, length: u64, random: &mut Random) -> u64 {
    *random.pick(&[
        0,
        1,
        2,
        8,
        value.wrapping_add(1),
        value.wrapping_sub(1),
        value.wrapping_mul(2),
        length,
        length.wrapping_add(1),
        length.wrapping_sub(1),
        0x7fff,
        0xffff,
        (1 << 31) - 1,
        1 << 31,
        (1 << 32) - 1,
        1 << 32,
        (1 << 63) - 1,
        1 << 63,
        u64::MAX,
        u64::MAX - 7,
    ])
}
