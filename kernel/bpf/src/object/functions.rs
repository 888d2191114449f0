//! Functions, by their symbols.

use super::elf::{self, Elf, Section, Symbol};
use super::error::{ObjectCause, ObjectError, ShortName};
use super::text::Text;

/// A function that can be run by itself. Its instructions lie inside the object's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramSpec<'a> {
    /// The function's name.
    pub name: &'a str,
    /// The name of its section: what kind of program it is.
    pub section: &'a str,
    /// Its first instruction, as an index into the object's text.
    pub first_insn: usize,
    /// How many instruction slots the function has; the functions it calls lie elsewhere. At least 1.
    pub insn_count: usize,
}

/// A function's name, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionName<'a> {
    /// The name.
    pub name: &'a str,
    /// Its first instruction, as an index into the object's text.
    pub first_insn: usize,
}

/// Checks that every function has a name and consists of whole instructions of an executable section.
pub(super) fn check(elf: Elf<'_>, text: Text) -> Result<(), ObjectError> {
    for symbol in elf.symbols().filter(|symbol| symbol.kind == elf::FUNCTION) {
        let Some(section) = elf.section(symbol.section.into()).filter(Section::is_code) else {
            // Declared only. Who uses it is refused.
            continue;
        };
        if elf.symbol_name(&symbol).is_none() || elf.section_name(&section).is_none() {
            return Err(ObjectCause::Name.at(symbol.entry));
        }
        if Function::read(elf, text, &symbol).is_none() {
            let name = ShortName::of(elf.symbol_name(&symbol));
            return Err(ObjectCause::FunctionBounds(name).at(symbol.entry + 8));
        }
    }
    Ok(())
}

/// See [`super::Object::programs`].
pub(super) fn programs<'a>(elf: Elf<'a>, text: Text) -> impl Iterator<Item = ProgramSpec<'a>> + use<'a> {
    let is_plain = move |section: &Section| elf.section_is_like(section, b".text", b'.');
    let only_plain = elf.sections().filter(Section::is_code).all(|section| is_plain(&section));
    elf.symbols().filter(|symbol| symbol.binding != elf::LOCAL).filter_map(move |symbol| {
        let function = Function::read(elf, text, &symbol)?;
        if is_plain(&function.section) && !only_plain {
            return None;
        }
        Some(ProgramSpec {
            name: elf.symbol_name(&symbol)?,
            section: elf.section_name(&function.section)?,
            first_insn: function.first_insn,
            insn_count: function.insn_count,
        })
    })
}

/// See [`super::Object::function_at`]. Of several functions, the one that starts last.
pub(super) fn at<'a>(elf: Elf<'a>, text: Text, insn: usize) -> Option<FunctionName<'a>> {
    let covering = elf.symbols().filter_map(|symbol| {
        let function = Function::read(elf, text, &symbol)?;
        let covers = (function.first_insn..function.first_insn + function.insn_count).contains(&insn);
        covers.then_some((function.first_insn, symbol))
    });
    let (first_insn, symbol) = covering.max_by_key(|(first_insn, _)| *first_insn)?;
    Some(FunctionName { name: elf.symbol_name(&symbol)?, first_insn })
}

/// A function symbol, placed.
struct Function {
    section: Section,
    first_insn: usize,
    insn_count: usize,
}

impl Function {
    /// `None` for a symbol that is no function, and for one [`check`] refuses.
    fn read(elf: Elf<'_>, text: Text, symbol: &Symbol) -> Option<Self> {
        if symbol.kind != elf::FUNCTION || symbol.size == 0 {
            return None;
        }
        let section = elf.section(symbol.section.into()).filter(Section::is_code)?;
        let span = section.contents()?.part(symbol.value, symbol.size)?;
        if !symbol.value.is_multiple_of(8) || !symbol.size.is_multiple_of(8) {
            return None;
        }
        Some(Self { section, first_insn: text.insn(span.start), insn_count: span.len() / 8 })
    }
}
