//! A program of a linked object as Linux takes it: its entry first, then the functions it reaches, and the maps by their
//! file descriptors.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use kernel_bpf::insn::{Immediate, Insn, SLOT_BYTES, decode};
use kernel_bpf::object::Object;

/// `BPF_PSEUDO_MAP_FD`, `BPF_PSEUDO_MAP_VALUE`: the meaning of the source register of a 64-bit immediate load.
const MAP_FD: u8 = 1;
const MAP_VALUE: u8 = 2;

/// The text of the function at `entry` with those it reaches. `descriptors` are the maps' by handle.
pub(super) fn text(object: &Object<'_>, entry: usize, descriptors: &[i32]) -> anyhow::Result<Vec<u8>> {
    let slots = reached(object, entry)?;
    let places: BTreeMap<usize, usize> = slots.iter().enumerate().map(|(new, &old)| (old, new)).collect();
    let place = |slot: usize| places.get(&slot).copied().context("a call leads into the middle of nowhere");
    let mut out = Vec::new();
    for &slot in &slots {
        out.extend_from_slice(&object.text()[slot * SLOT_BYTES..][..SLOT_BYTES]);
    }
    for (new, &old) in slots.iter().enumerate() {
        let insn = &mut out[new * SLOT_BYTES..][..SLOT_BYTES];
        match decode(object.text(), old) {
            Ok(Insn::CallLocal { offset }) => {
                put(insn, place(target(old + 1, offset))? as i32 - new as i32 - 1);
            }
            Ok(Insn::LoadImm { value: Immediate::Function(offset), .. }) => {
                put(insn, place(target(old + 1, offset))? as i32 - new as i32 - 1);
            }
            Ok(Insn::LoadImm { value: Immediate::Map(map), .. }) => put_map(insn, MAP_FD, map, descriptors)?,
            Ok(Insn::LoadImm { value: Immediate::MapValue { map, .. }, .. }) => {
                put_map(insn, MAP_VALUE, map, descriptors)?;
            }
            _ => {}
        }
    }
    Ok(out)
}

fn put(insn: &mut [u8], imm: i32) {
    insn[4..].copy_from_slice(&imm.to_le_bytes());
}

fn put_map(insn: &mut [u8], kind: u8, map: u32, descriptors: &[i32]) -> anyhow::Result<()> {
    insn[1] = insn[1] & 0xf | kind << 4;
    put(insn, *descriptors.get(map as usize).context("the object has no such map")?);
    Ok(())
}

fn target(base: usize, offset: i32) -> usize {
    base.wrapping_add_signed(offset as isize)
}

/// The slots of the function at `entry` and of all that it reaches, function by function.
fn reached(object: &Object<'_>, entry: usize) -> anyhow::Result<Vec<usize>> {
    let (mut functions, mut slots, mut next) = (vec![entry], Vec::new(), 0);
    while let Some(&first) = functions.get(next) {
        let is_own =
            |slot: &usize| object.function_at(*slot).is_some_and(|function| function.first_insn == first);
        let own: Vec<usize> = (first..object.text().len() / SLOT_BYTES).take_while(is_own).collect();
        ensure!(!own.is_empty(), "a call leads to no function");
        for &slot in &own {
            let callee = match decode(object.text(), slot) {
                Ok(Insn::CallLocal { offset }) => target(slot + 1, offset),
                Ok(Insn::LoadImm { value: Immediate::Function(offset), .. }) => target(slot + 1, offset),
                _ => continue,
            };
            if !functions.contains(&callee) {
                functions.push(callee);
            }
        }
        slots.extend(own);
        next += 1;
    }
    Ok(slots)
}
