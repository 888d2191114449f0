//! The last look at machine code before it may run, by a decoder that shares nothing with the encoder: every byte
//! belongs to an instruction of a kind the compiler uses, every jump and call leads to the start of one, and the
//! only other way out is a return or the run's trampoline.

use super::NoCode;
use super::flow::filled;
use crate::memory::Vec;

/// What an instruction does to the flow of control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// Goes on.
    Next,
    /// Leads to this distance from its end, perhaps.
    Relative(i32),
}

/// The length of one instruction and where it leads.
type Decoded = (usize, Flow);

/// Accepts code.
///
/// # Errors
/// [`NoCode::Check`] with the offset of the first instruction that is wrong: a defect of the compiler.
pub(super) fn check(code: &[u8]) -> Result<(), NoCode> {
    let mut starts: Vec<u64> = filled(code.len() / 64 + 1, 0)?;
    let mut targets = Vec::with_capacity(code.len() / 16 + 1);
    let mut at = 0;
    while at < code.len() {
        let wrong = NoCode::Check(at as u32);
        let (len, flow) = decode(code.get(at..).unwrap_or_default()).ok_or(wrong)?;
        if at + len > code.len() {
            return Err(wrong);
        }
        starts[at / 64] |= 1 << (at % 64);
        at += len;
        if let Flow::Relative(distance) = flow {
            let target = at.checked_add_signed(distance as isize).ok_or(wrong)?;
            targets.push(target as u32);
        }
    }
    for &target in &targets {
        let start = starts.get(target as usize / 64).is_some_and(|word| word >> (target % 64) & 1 != 0);
        if !start || target as usize >= code.len() {
            return Err(NoCode::Check(target));
        }
    }
    Ok(())
}

/// Prefixes of an instruction.
#[derive(Clone, Copy, Default)]
struct Prefixes {
    len: usize,
    /// The operand size is 16 bits.
    half: bool,
    /// REX.W
    wide: bool,
}

fn decode(code: &[u8]) -> Option<Decoded> {
    if code.first() == Some(&0xc4) {
        return vex(code);
    }
    let mut prefixes = Prefixes::default();
    while let Some(0x66 | 0x2e) = code.get(prefixes.len) {
        prefixes.half = true;
        prefixes.len += 1;
    }
    if let Some(rex @ 0x40..=0x4f) = code.get(prefixes.len) {
        prefixes.wide = rex & 8 != 0;
        prefixes.len += 1;
    }
    let rest = code.get(prefixes.len..)?;
    let (len, flow) = match *rest.first()? {
        0x0f => secondary(rest)?,
        opcode => primary(opcode, rest, prefixes)?,
    };
    Some((prefixes.len + len, flow))
}

/// Bytes of a constant of the operand's size.
const fn full(prefixes: Prefixes) -> usize {
    if prefixes.half { 2 } else { 4 }
}

fn primary(opcode: u8, rest: &[u8], prefixes: Prefixes) -> Option<Decoded> {
    let with_place = |imm: usize| Some((1 + place(rest.get(1..)?)? + imm, Flow::Next));
    let extension = || Some(rest.get(1)? >> 3 & 7);
    match opcode {
        0x50..=0x5f | 0x90 | 0x99 | 0xc3 => Some((1, Flow::Next)),
        0x00..=0x3f if opcode & 7 < 4 => with_place(0),
        0x63 | 0x84 | 0x85 | 0x88..=0x8b | 0x8d | 0xd0..=0xd3 => with_place(0),
        0x6b | 0x80 | 0x83 | 0xc0 | 0xc1 => with_place(1),
        0x69 | 0x81 => with_place(full(prefixes)),
        0xc6 if extension()? == 0 => with_place(1),
        0xc7 if extension()? == 0 => with_place(full(prefixes)),
        0xf6 => with_place(usize::from(extension()? < 2)),
        0xf7 => with_place(if extension()? < 2 { full(prefixes) } else { 0 }),
        // Only the trampoline: call [r9], without or with a displacement.
        0xff if matches!(rest.get(1)?, 0x11 | 0x51) => with_place(0),
        0xb8..=0xbf => Some((if prefixes.wide { 9 } else { 5 }, Flow::Next)),
        0x70..=0x7f | 0xeb => Some((2, Flow::Relative(i32::from(*rest.get(1)? as i8)))),
        0xe8 | 0xe9 => relative(rest, 1),
        _ => None,
    }
}

fn secondary(rest: &[u8]) -> Option<Decoded> {
    let with_place = |opcodes: usize| Some((opcodes + place(rest.get(opcodes..)?)?, Flow::Next));
    match *rest.get(1)? {
        0x80..=0x8f => relative(rest, 2),
        0xc8..=0xcf => Some((2, Flow::Next)),
        0x1f | 0x40..=0x4f | 0x90..=0x9f | 0xaf | 0xb0 | 0xb1 | 0xb6 | 0xb7 | 0xbe | 0xbf | 0xc0 | 0xc1 => {
            with_place(2)
        }
        0x38 if matches!(rest.get(2)?, 0xf0 | 0xf1) => with_place(3),
        _ => None,
    }
}

fn relative(rest: &[u8], opcodes: usize) -> Option<Decoded> {
    let distance = rest.get(opcodes..opcodes + 4)?.try_into().ok()?;
    Some((opcodes + 4, Flow::Relative(i32::from_le_bytes(distance))))
}

fn vex(code: &[u8]) -> Option<Decoded> {
    let imm = match (code.get(1)? & 0x1f, *code.get(3)?) {
        (2, 0xf6 | 0xf7) => 0,
        (3, 0xf0) => 1,
        _ => return None,
    };
    Some((4 + place(code.get(4..)?)? + imm, Flow::Next))
}

/// Bytes of ModRM, SIB and displacement (Intel SDM vol. 2, section 2.1.3).
fn place(bytes: &[u8]) -> Option<usize> {
    let mod_rm = *bytes.first()?;
    let (mode, low) = (mod_rm >> 6, mod_rm & 7);
    if mode == 3 {
        return Some(1);
    }
    let (sib, base) = if low == 4 { (1, bytes.get(1)? & 7) } else { (0, low) };
    Some(
        1 + sib
            + match mode {
                0 if base == 5 => 4,
                0 => 0,
                1 => 1,
                _ => 4,
            },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_into_an_instruction_is_refused() {
        // jmp +1; mov eax, imm32
        let code = [0xeb, 0x01, 0xb8, 0x90, 0x90, 0x90, 0xc3];
        assert_eq!(check(&code), Err(NoCode::Check(3)));
        assert_eq!(check(&[0xeb, 0x00, 0xb8, 0x90, 0x90, 0x90, 0xc3]), Ok(()));
    }

    #[test]
    fn a_jump_out_of_the_code_is_refused() {
        assert_eq!(check(&[0xeb, 0x01, 0xc3]), Err(NoCode::Check(3)));
        assert_eq!(check(&[0xeb, 0x80, 0xc3]), Err(NoCode::Check(0)));
        assert_eq!(check(&[0xe9, 0xff, 0xff, 0xff, 0x7f, 0xc3]), Err(NoCode::Check(0x8000_0004)));
    }

    #[test]
    fn what_the_compiler_never_emits_is_refused() {
        // syscall, call rax, jmp [rax], int3, half an instruction
        for code in [&[0x0f, 0x05][..], &[0xff, 0xd0], &[0xff, 0x20], &[0xcc], &[0x48]] {
            assert_eq!(check(code), Err(NoCode::Check(0)), "{code:x?}");
        }
    }
}
