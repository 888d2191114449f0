//! A third meaning of programs, for judging what the verifier says of every instruction: a machine of plain
//! numbers. Its objects lie so far apart that a number near one is near no other, so a pointer that the verifier
//! tells of has one address only. Before each instruction, a [`Witness`] may look at all of it.

mod calls;
mod memory;

use kernel_bpf::context::ProgramKind;
use kernel_bpf::insn::{AtomicOp, Extend, Fetch, Immediate, Insn, Operand, Reg, Width, decode};
use kernel_bpf::interpreter::{FRAME_BYTES, MAX_FRAMES, alu};
use kernel_bpf::maps::MapDef;

use crate::machine::World;
use crate::random::{Random, edge};

/// Objects lie this far apart.
const DISTANCE: u64 = 1 << 33;
/// The address of the context, or of the memory.
pub const ARGUMENT: u64 = 16 * DISTANCE;
/// The address of the packet.
pub const PACKET: u64 = 17 * DISTANCE;
/// Most values of one map.
const MOST_VALUES: u64 = 16;

/// The address past the frame at `depth`.
#[must_use]
pub const fn frame_top(depth: usize) -> u64 {
    (depth as u64 + 1) * DISTANCE + FRAME_BYTES as u64
}

/// The address of value `index` of `map`.
#[must_use]
pub const fn value_address(map: u32, index: u32) -> u64 {
    (32 + map as u64 * MOST_VALUES + index as u64) * DISTANCE
}

/// The handle of `map`.
#[must_use]
pub const fn handle(map: u32) -> u64 {
    map as u64 + 1
}

/// One frame of stack.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its bytes; those never written are anything.
    pub bytes: [u8; FRAME_BYTES],
    /// Which were written.
    pub written: [bool; FRAME_BYTES],
    /// r6 to r9 of the caller.
    pub saved: [u64; 4],
    /// Where the caller goes on.
    pub return_to: usize,
    /// The deepest byte touched, from the top.
    depth: usize,
}

/// The machine between two instructions.
#[derive(Debug)]
pub struct Flat<'w> {
    text: &'w [u8],
    defs: &'w [MapDef<'w>],
    /// Maps and packet.
    pub world: World,
    context: Vec<u8>,
    /// r0 to r10.
    pub registers: [u64; Reg::COUNT],
    /// Frames in use, the program's own first.
    pub frames: Vec<Frame>,
    /// The next instruction.
    pub pc: usize,
    /// Instructions executed.
    pub insns: u64,
    /// Most bytes of stack touched at once.
    pub stack: usize,
    random: Random,
}

/// Looks at the machine before every instruction.
pub trait Witness {
    /// What is wrong, if anything.
    ///
    /// # Errors
    /// In words.
    fn look(&mut self, machine: &Flat<'_>) -> Result<(), String>;
}

type Step<T = ()> = Result<T, String>;

/// Runs the program at slot 0 of `text` to its end, `limit` instructions at most; r0.
///
/// # Errors
/// What went wrong: an access outside of every object, too many instructions, or what the witness says.
pub fn run<'w>(
    text: &'w [u8],
    defs: &'w [MapDef<'w>],
    world: World,
    seed: u64,
    limit: u64,
    witness: &mut dyn Witness,
) -> Result<Flat<'w>, String> {
    let context = crate::machine::context_bytes(&world);
    let mut machine = Flat {
        text,
        defs,
        world,
        context,
        registers: [0; Reg::COUNT],
        frames: Vec::with_capacity(MAX_FRAMES),
        pc: 0,
        insns: 0,
        stack: 0,
        random: Random::seeded(seed),
    };
    machine.start();
    loop {
        let pc = machine.pc;
        let at = |what: String| format!("at {pc}, after {} instructions: {what}", machine.insns);
        witness.look(&machine).map_err(at)?;
        if machine.insns == limit {
            return Err(at("executes more instructions than were proven".into()));
        }
        match machine.step() {
            Ok(true) => {}
            Ok(false) => return Ok(machine),
            Err(what) => return Err(format!("at {pc}, after {} instructions: {what}", machine.insns)),
        }
    }
}

impl Flat<'_> {
    fn start(&mut self) {
        self.registers = std::array::from_fn(|_| edge(&mut self.random));
        match self.world.kind {
            ProgramKind::Memory { size: 0 } => self.registers[1..3].fill(0),
            ProgramKind::Memory { size } => self.registers[1..3].copy_from_slice(&[ARGUMENT, size.into()]),
            _ => self.registers[1] = ARGUMENT,
        }
        self.push_frame(0);
    }

    fn push_frame(&mut self, return_to: usize) {
        let mut saved = [0; 4];
        saved.copy_from_slice(&self.registers[6..10]);
        let bytes = std::array::from_fn(|_| self.random.number() as u8);
        self.frames.push(Frame { bytes, written: [false; FRAME_BYTES], saved, return_to, depth: 0 });
        self.registers[10] = frame_top(self.frames.len() - 1);
    }

    const fn get(&self, register: Reg) -> u64 {
        self.registers[register.index()]
    }

    const fn set(&mut self, register: Reg, value: u64) {
        self.registers[register.index()] = value;
    }

    const fn operand(&self, operand: Operand) -> u64 {
        match operand {
            Operand::Reg(register) => self.get(register),
            Operand::Imm(imm) => imm as u64,
        }
    }

    const fn address(&self, base: Reg, offset: i16) -> u64 {
        self.get(base).wrapping_add(offset as u64)
    }

    /// Executes an instruction; whether there is a next one.
    fn step(&mut self) -> Step<bool> {
        let insn = decode(self.text, self.pc).map_err(|error| error.to_string())?;
        self.insns += 1;
        let mut next = self.pc + insn.slots();
        let to = |offset: i32| next.wrapping_add_signed(offset as isize);
        match insn {
            Insn::Alu { width, op, dst, src } => {
                self.set(dst, alu::alu(op, width, self.get(dst), self.operand(src)));
            }
            Insn::Neg { width, dst } => self.set(dst, alu::negate(width, self.get(dst))),
            Insn::MovSx { width, dst, src, from } => {
                self.set(dst, alu::sign_extend(width, from, self.get(src)));
            }
            Insn::Swap { order, dst, size } => self.set(dst, alu::swap(order, size, self.get(dst))),
            Insn::LoadImm { dst, value } => self.set(dst, immediate(value)?),
            Insn::Load { dst, base, offset, size, extend } => {
                let value = self.load(self.address(base, offset), size)?;
                let sign_extended = || alu::sign_extend(Width::W64, size, value);
                self.set(dst, if extend == Extend::Sign { sign_extended() } else { value });
            }
            Insn::Store { base, offset, size, value } => {
                self.store(self.address(base, offset), size, self.operand(value))?;
            }
            Insn::Atomic { op, fetch, base, src, offset, size } => {
                let address = self.address(base, offset);
                let old = self.load(address, size)?;
                self.store(address, size, alu::atomic(op, size, old, self.get(src), self.get(Reg::R0)))?;
                match (fetch, op) {
                    (Fetch::No, _) => {}
                    (Fetch::Yes, AtomicOp::CmpXchg) => self.set(Reg::R0, old),
                    (Fetch::Yes, _) => self.set(src, old),
                }
            }
            Insn::Jump { offset } => next = to(offset),
            Insn::Branch { width, condition, dst, src, offset } => {
                if alu::holds(condition, width, self.get(dst), self.operand(src)) {
                    next = to(i32::from(offset));
                }
            }
            Insn::CallHelper { id } => self.call_helper(id)?,
            Insn::CallRegister { .. } => return Err("calls a helper by a register".into()),
            Insn::CallLocal { offset } => {
                if self.frames.len() == MAX_FRAMES {
                    return Err("calls deeper than there are frames".into());
                }
                let return_to = next;
                next = to(offset);
                self.push_frame(return_to);
            }
            Insn::Exit => match self.leave() {
                Some(return_to) => next = return_to,
                None => return Ok(false),
            },
        }
        self.pc = next;
        Ok(true)
    }

    fn leave(&mut self) -> Option<usize> {
        let Frame { saved, return_to, .. } = self.frames.pop()?;
        if self.frames.is_empty() {
            return None;
        }
        self.registers[6..10].copy_from_slice(&saved);
        self.registers[10] = frame_top(self.frames.len() - 1);
        self.lose_arguments();
        Some(return_to)
    }

    fn lose_arguments(&mut self) {
        for register in 1..6 {
            self.registers[register] = edge(&mut self.random);
        }
    }
}

fn immediate(value: Immediate) -> Step<u64> {
    match value {
        Immediate::Value(value) => Ok(value),
        Immediate::Map(map) => Ok(handle(map)),
        Immediate::MapValue { map, offset } => Ok(value_address(map, 0) + u64::from(offset)),
        Immediate::Function(_) => Err("takes the address of a function".into()),
    }
}
