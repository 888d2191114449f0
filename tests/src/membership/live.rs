//! Which registers matter at an instruction: the verifier forgets the others.

use kernel_bpf::insn::{AluOp, Insn, Operand, Reg, decode};

/// The registers that may be read before they are written, from each slot on, as masks.
pub(super) fn live(text: &[u8]) -> Vec<u16> {
    let slots = text.len() / 8;
    let mut live = vec![0u16; slots];
    loop {
        let mut changed = false;
        for pc in (0..slots).rev() {
            let Ok(insn) = decode(text, pc) else { continue };
            let (read, written) = uses(&insn);
            let after = successors(pc, &insn).filter_map(|pc| live.get(pc)).fold(0, |one, two| one | two);
            let before = after & !written | read;
            changed |= before != live[pc];
            live[pc] = before;
        }
        if !changed {
            return live;
        }
    }
}

fn successors(pc: usize, insn: &Insn) -> impl Iterator<Item = usize> {
    let next = pc + insn.slots();
    let (next, target) = match *insn {
        Insn::Exit => (None, None),
        Insn::Jump { offset } => (None, Some(offset as isize)),
        Insn::Branch { offset, .. } => (Some(next), Some(offset as isize)),
        _ => (Some(next), None),
    };
    next.into_iter().chain(target.map(|offset| (pc + insn.slots()).wrapping_add_signed(offset)))
}

const ARGUMENTS: u16 = 0b11_1110;

fn uses(insn: &Insn) -> (u16, u16) {
    let bit = |register: Reg| 1u16 << register.index();
    let operand = |operand: Operand| match operand {
        Operand::Reg(register) => bit(register),
        Operand::Imm(_) => 0,
    };
    match *insn {
        Insn::Alu { op: AluOp::Mov, dst, src, .. } => (operand(src), bit(dst)),
        Insn::Alu { dst, src, .. } => (bit(dst) | operand(src), 0),
        Insn::Neg { dst, .. } | Insn::Swap { dst, .. } => (bit(dst), 0),
        Insn::MovSx { dst, src, .. } => (bit(src), bit(dst)),
        Insn::LoadImm { dst, .. } => (0, bit(dst)),
        Insn::Load { dst, base, .. } => (bit(base), bit(dst)),
        Insn::Store { base, value, .. } => (bit(base) | operand(value), 0),
        Insn::Atomic { base, src, .. } => (bit(base) | bit(src) | 1, 0),
        Insn::Branch { dst, src, .. } => (bit(dst) | operand(src), 0),
        Insn::Jump { .. } => (0, 0),
        Insn::CallHelper { .. } | Insn::CallLocal { .. } | Insn::CallRegister { .. } => {
            (ARGUMENTS, ARGUMENTS | 1)
        }
        Insn::Exit => (1, 0),
    }
}
