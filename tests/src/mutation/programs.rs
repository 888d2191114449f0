//! Programs made from others by small changes that leave every jump its target.

use crate::generator::Sample;
use crate::random::{Random, edge};

const SLOT: usize = 8;

/// `sample` with up to three changes.
#[must_use]
pub fn mutate(sample: &Sample, random: &mut Random) -> Sample {
    let mut mutant = sample.clone();
    for _ in 0..=random.below(3) {
        change(&mut mutant.text, random);
    }
    mutant
}

fn change(text: &mut [u8], random: &mut Random) {
    let slot = random.below(text.len() / SLOT) * SLOT;
    let other = random.below(text.len() / SLOT) * SLOT;
    let insn: &mut [u8] = &mut text[slot..slot + SLOT];
    match random.below(12) {
        // The constant, by a little or to an edge.
        0..=2 if has_constant(insn[0]) => {
            let imm = i32::from_le_bytes([insn[4], insn[5], insn[6], insn[7]]);
            let new = match random.below(4) {
                0 => edge(random) as i32,
                1 => imm.wrapping_neg(),
                _ => imm.wrapping_add(random.below(5) as i32 - 2),
            };
            insn[4..].copy_from_slice(&new.to_le_bytes());
        }
        // Where it goes, or the offset.
        3 | 4 if has_offset(insn[0]) => {
            let offset = i16::from_le_bytes([insn[2], insn[3]]);
            let by = *random.pick(&[-8, -4, -1, 1, 4, 8]);
            insn[2..4].copy_from_slice(&offset.wrapping_add(by).to_le_bytes());
        }
        5 => insn[1] = insn[1] & 0xf0 | random.below(10) as u8,
        6 if insn[0] & 8 != 0 => insn[1] = insn[1] & 0x0f | (random.below(11) as u8) << 4,
        // The width: classes ALU and ALU64, JMP and JMP32.
        7 => {
            insn[0] = match insn[0] & 7 {
                4 => insn[0] | 7,
                7 => insn[0] & !7 | 4,
                5 if insn[0] >> 4 != 8 && insn[0] >> 4 != 9 && insn[0] >> 4 != 0 => insn[0] & !7 | 6,
                6 if insn[0] >> 4 != 0 => insn[0] & !7 | 5,
                _ => insn[0],
            }
        }
        // The operation.
        8 | 9 => {
            let code = match insn[0] & 7 {
                4 | 7 => *random.pick(&[0x00u8, 0x10, 0x20, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0]),
                5 | 6 if !matches!(insn[0] >> 4, 0 | 8 | 9) => {
                    *random.pick(&[0x10u8, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0])
                }
                _ => insn[0] & 0xf0,
            };
            insn[0] = insn[0] & 0x0f | code;
        }
        // Nothing instead.
        10 if insn[0] != 0 && insn[0] != 0x18 => insn.copy_from_slice(&[0x05, 0, 0, 0, 0, 0, 0, 0]),
        // Another instruction's constant.
        11 if has_constant(insn[0]) && has_constant(text[other]) => {
            let imm: [u8; 4] = text[other + 4..other + 8].try_into().unwrap_or_default();
            text[slot + 4..slot + 8].copy_from_slice(&imm);
        }
        _ => {}
    }
}

/// Whether an instruction with this opcode takes any constant.
const fn has_constant(opcode: u8) -> bool {
    match opcode & 7 {
        2 => true,
        4 | 7 => opcode & 8 == 0 && !matches!(opcode >> 4, 8 | 13),
        5 | 6 => opcode & 8 == 0 && !matches!(opcode >> 4, 0 | 8 | 9),
        _ => false,
    }
}

/// Whether it takes any offset.
const fn has_offset(opcode: u8) -> bool {
    match opcode & 7 {
        1..=3 => true,
        5 => !matches!(opcode >> 4, 8 | 9),
        6 => opcode >> 4 != 0,
        _ => false,
    }
}
