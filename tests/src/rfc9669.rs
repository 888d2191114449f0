//! What each instruction of RFC 9669 means, as programs with the result the RFC gives them: our own vectors,
//! written from its text. An engine that agrees with all of them has every class, width, source and corner
//! case of division right.

mod arithmetic;
mod atomics;
mod calls;
mod jumps;
mod memory;

use crate::insn::Slot;

/// A program and what it must return.
#[derive(Clone, Debug)]
pub struct Vector {
    /// What it shows.
    pub name: String,
    /// Its instructions, 8 bytes each.
    pub program: Vec<u8>,
    /// The bytes r1 points at; r2 is their number. Both are 0 if there are none.
    pub memory: Vec<u8>,
    /// r0 at its end.
    pub result: u64,
}

impl Vector {
    fn new(name: impl Into<String>, program: &[Slot], result: u64) -> Self {
        Self { name: name.into(), program: program.concat(), memory: Vec::new(), result }
    }

    fn with_memory(self, memory: &[u8]) -> Self {
        Self { memory: memory.into(), ..self }
    }
}

/// All of them.
#[must_use]
pub fn vectors() -> Vec<Vector> {
    [arithmetic::vectors(), memory::vectors(), atomics::vectors(), jumps::vectors(), calls::vectors()]
        .concat()
}

/// The ways to write a second operand of this value: a register that was given it, and, if it fits, an
/// immediate. Each is the slots that come before, and the operand.
fn operands(value: u64, register: u8) -> Vec<(Vec<Slot>, crate::insn::Source)> {
    use crate::insn::{Source, load_imm};
    let mut forms = vec![(load_imm(register, value).to_vec(), Source::Reg(register))];
    if let Ok(imm) = i32::try_from(value as i64) {
        forms.push((Vec::new(), Source::Imm(imm)));
    }
    forms
}
