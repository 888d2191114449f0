//! The executable sections, taken together.

use super::bytes::Span;
use super::elf::{Elf, Section};
use super::error::{ObjectCause, ObjectError, Part};

/// Every executable section is compared with every other section, hence a limit of its own.
const MAX_EXECUTABLE: u64 = 1024;

/// Opcode of the 64-bit immediate load, the one instruction of two slots (RFC 9669, 5.4).
pub(super) const WIDE_LOAD: u8 = 0x18;

/// The span of the executable sections, whole instructions of which lie in sections of their own.
#[derive(Clone, Copy)]
pub(super) struct Text(Span);

impl Text {
    /// Checks size, place and wide loads of all code, before any relocation.
    pub(super) fn check(elf: Elf<'_>) -> Result<Self, ObjectError> {
        let mut count = 0;
        let mut text: Option<Span> = None;
        for section in elf.sections().filter(Section::is_code) {
            count += 1;
            if count > MAX_EXECUTABLE {
                let limit = MAX_EXECUTABLE;
                let cause = ObjectCause::TooMany { part: Part::Text, found: count, limit };
                return Err(cause.at(section.header));
            }
            let span = check_section(elf, &section)?;
            let so_far = text.unwrap_or(span);
            if !so_far.start.abs_diff(span.start).is_multiple_of(8) {
                return Err(ObjectCause::TextAlignment.at(section.header + 24));
            }
            text = Some(Span { start: so_far.start.min(span.start), end: so_far.end.max(span.end) });
        }
        Ok(Self(text.unwrap_or(Span { start: 0, end: 0 })))
    }

    pub(super) const fn span(self) -> Span {
        self.0
    }

    /// Where instruction `insn` lies in the file.
    pub(super) fn file_offset(self, insn: usize) -> Option<usize> {
        (insn < self.0.len() / 8).then(|| self.0.start + insn * 8)
    }

    /// The instruction at an offset of the file, which must be one of code.
    pub(super) const fn insn(self, file_offset: usize) -> usize {
        (file_offset - self.0.start) / 8
    }
}

fn check_section(elf: Elf<'_>, section: &Section) -> Result<Span, ObjectError> {
    if !section.size.is_multiple_of(8) {
        return Err(ObjectCause::TextSize(section.size).at(section.header + 32));
    }
    let span = section.contents().ok_or(ObjectCause::Truncated(Part::Section).at(section.header))?;
    check_alone(elf, section, span)?;
    check_wide_loads(elf.contents(span)).map_err(|(offset, cause)| cause.at(span.start + offset))?;
    Ok(span)
}

/// Linking writes into a section. What was checked elsewhere must not change by that, so it shares no byte.
pub(super) fn check_alone(elf: Elf<'_>, section: &Section, span: Span) -> Result<(), ObjectError> {
    let header = Span { start: 0, end: 64 };
    for (other, part) in [(header, Part::Header), (elf.layout().section_table(), Part::SectionTable)] {
        if span.overlaps(other) {
            return Err(ObjectCause::Overlap(part).at(section.header + 24));
        }
    }
    for other in elf.sections().filter(|other| other.index != section.index && other.size > 0) {
        if other.contents().is_some_and(|other| span.overlaps(other)) {
            return Err(ObjectCause::Overlap(Part::Section).at(other.header + 24));
        }
    }
    Ok(())
}

/// Every slot with a wide load's opcode must start one that names nothing, and every second slot be blank
/// but for its immediate. Then no slot is both halves, from wherever one starts to decode.
fn check_wide_loads(code: &[u8]) -> Result<(), (usize, ObjectCause)> {
    let (slots, _) = code.as_chunks::<8>();
    for (index, slot) in slots.iter().enumerate().filter(|(_, slot)| slot[0] == WIDE_LOAD) {
        if slots.get(index + 1).is_none_or(|second| second[..4] != [0; 4]) {
            return Err((index * 8, ObjectCause::HalfWide));
        }
        if slot[1] >> 4 != 0 {
            return Err((index * 8, ObjectCause::Forged(slot[1] >> 4)));
        }
    }
    Ok(())
}
