//! ELF objects as clang makes them, linked where they lie.
//!
//! An object is a hostile file until the verifier has spoken. What this module promises about it is small
//! and complete: every offset in an [`Object`] lies inside the file, every relocation was understood and
//! applied, and every reference to a map came from a relocation. It promises nothing about what the
//! instructions do.
//!
//! No heap and no copy: relocations are written into the file, which is then sealed for as long as the
//! object is used. A file may start at any address, so nothing is cast; all numbers are read by bytes.
//!
//! Formats: the System V ABI's ELF-64, the relocations of LLVM's BPF target as described in Linux's
//! Documentation/bpf/llvm_reloc.rst, and Documentation/bpf/btf.rst. Instruction encoding: RFC 9669.
//!
//! Limits, so that a hostile count costs little: 4,096 sections, 1,024 of them executable, 65,536 symbols,
//! 1,048,576 relocations, 65,536 BTF types, [`MAX_MAPS`] maps, names of 1,024 bytes, files below 4 GiB.

mod btf;
mod bytes;
mod core_relocation;
mod elf;
mod error;
mod functions;
mod initial_values;
mod lines;
mod map_definition;
mod maps;
mod relocation;
mod text;

#[cfg(test)]
mod tests;

pub use btf::BtfFault;
pub use error::{ObjectCause, ObjectError, Part, ShortName};
pub use functions::{FunctionName, ProgramSpec};
pub use lines::SourceLine;
pub use map_definition::MapFault;
pub use maps::{MAX_MAPS, MapAccess, MapSpec};

use elf::{Elf, Layout};
use lines::Lines;
use maps::MapTable;
use text::Text;

/// A linked object: a shared view of its file, cheap to ask and to copy (about 3 KiB).
#[derive(Clone, Copy)]
pub struct Object<'a> {
    elf: Elf<'a>,
    text: Text,
    maps: MapTable,
    lines: Option<Lines>,
}

impl<'a> Object<'a> {
    /// Checks and links `file` in place.
    ///
    /// # Errors
    /// The first thing that is wrong, and where. The file may then be partly linked; it is of no use any more.
    pub fn link(file: &'a mut [u8]) -> Result<Self, ObjectError> {
        let layout = Layout::read(file)?;
        let elf = Elf::new(file, layout);
        let text = Text::check(elf)?;
        functions::check(elf, text)?;
        let mut maps = MapTable::collect(elf)?;
        let lines = lines::find(elf);
        initial_values::link(file, layout, text, &mut maps)?;
        relocation::link(file, layout, text, &maps)?;
        core_relocation::link(file, layout);
        Ok(Self { elf: Elf::new(file, layout), text, maps, lines })
    }

    /// Instruction bytes, eight an instruction: one span of the file, from the first executable section to
    /// the end of the last.
    ///
    /// Other sections may lie between executable ones, and their bytes are then here too. No program
    /// covers them, but a jump may lead there.
    #[must_use]
    pub fn text(&self) -> &'a [u8] {
        self.elf.contents(self.text.span())
    }

    /// How many maps the object has.
    #[must_use]
    pub fn map_count(&self) -> usize {
        self.maps.len()
    }

    /// The maps by handle: the `i`-th is the one a wide load with immediate `i` names. Defined maps come
    /// first, in the order of the symbol table; then data sections, in the order of the section table.
    pub fn maps(&self) -> impl Iterator<Item = MapSpec<'a>> + use<'a> {
        self.maps.specs(self.elf)
    }

    /// The programs: global functions outside `.text`, or inside it when there is no other code.
    pub fn programs(&self) -> impl Iterator<Item = ProgramSpec<'a>> + use<'a> {
        functions::programs(self.elf, self.text)
    }

    /// The function that covers instruction `insn` of [`Object::text`], for reports.
    #[must_use]
    pub fn function_at(&self, insn: usize) -> Option<FunctionName<'a>> {
        functions::at(self.elf, self.text, insn)
    }

    /// The source line instruction `insn` of [`Object::text`] was made from, if the object says (clang: `-g`).
    #[must_use]
    pub fn line_at(&self, insn: usize) -> Option<SourceLine<'a>> {
        self.lines?.at(self.elf, self.text.file_offset(insn)?)
    }

    /// Why instruction `insn` of [`Object::text`] could not be linked: it refers to something nobody defines.
    /// No program that comes to it is accepted; the others are of use.
    #[must_use]
    pub fn fault_at(&self, insn: usize) -> Option<ObjectCause> {
        let place = self.text.file_offset(insn)?;
        let number = bytes::u32_at(self.text(), insn * 8 + 4)?;
        if number != relocation::UNRESOLVED {
            return None;
        }
        relocation::fault_at(self.elf, self.text, &self.maps, place)
            .or_else(|| core_relocation::fault_at(self.elf, place))
    }

    /// What the `license` section says.
    #[must_use]
    pub fn license(&self) -> Option<&'a str> {
        let section = self.elf.sections().find(|section| self.elf.section_is(section, b"license"))?;
        bytes::text(self.elf.contents(section.contents()?), 0)
    }

    /// The number in the `version` section: which Linux its author had in mind, if it says.
    #[must_use]
    pub fn version(&self) -> Option<u32> {
        let section = self.elf.sections().find(|section| self.elf.section_is(section, b"version"))?;
        bytes::u32_at(self.elf.contents(section.contents()?), 0)
    }
}

impl core::fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut out = f.debug_struct("Object");
        out.field("insns", &(self.text().len() / 8)).field("maps", &self.map_count()).finish_non_exhaustive()
    }
}
