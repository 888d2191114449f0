//! From instructions to machine code, one function after another.
//!
//! Within a block an instruction's result need not exist yet: [`values`] keeps it as an expression until something
//! needs it in a register. What nothing needs is never computed.

mod arithmetic;
mod atomic;
mod branch;
mod call;
mod division;
mod emit;
mod frame;
mod homes;
mod memory;
mod shift;
mod values;

use super::assembler::{Assembler, Label};
use super::contexts::{self, Holds};
use super::flow::{Function, Op, Program, Set, VIRTUALS, filled};
use super::x86_64::{RAX, Register};
use super::{Features, NoCode, Passes, facts};
use crate::context::ProgramKind;
use crate::insn::{Immediate, Insn, Operand, Width};
use crate::memory::Vec;
use values::Value;

/// What the compiler knows about a map.
#[derive(Clone, Copy, Debug)]
pub(super) struct MapPlace {
    /// Address of the first value.
    pub(super) values: u64,
    /// Bytes from one value to the next and their number, if it is an array.
    pub(super) array: Option<(u32, u32)>,
}

/// What a program is compiled for.
pub(super) struct Target<'t> {
    pub(super) kind: ProgramKind,
    pub(super) maps: &'t dyn Fn(u32) -> Option<MapPlace>,
    pub(super) features: Features,
    pub(super) passes: Passes,
}

/// Machine code before its layout.
pub(super) struct Lowered {
    pub(super) assembler: Assembler,
    /// Where a run that ends early goes on.
    pub(super) landing: Label,
}

/// Compiles `program`, which has been analysed.
pub(super) fn lower(program: &Program, target: &Target<'_>) -> Result<Lowered, NoCode> {
    let ops = &program.ops;
    let mut zero_high = filled(ops.len(), 0)?;
    program.functions.iter().for_each(|function| facts::find(ops, function, &mut zero_high));
    let bases = if target.kind.takes_packet() { contexts::find(program)? } else { Vec::new() };
    let any_perhaps = bases.contains(&Holds::Perhaps);
    let mut assembler = Assembler::with_capacity(ops.len());
    let labels = filled(ops.len(), assembler.label())?;
    let mut entries = Vec::with_capacity(program.functions.len());
    program.functions.iter().for_each(|_| entries.push(assembler.label()));
    let landing = assembler.label();
    let mut lowering = Lowering {
        assembler,
        program,
        target,
        function: Function::default(),
        homes: [RAX; VIRTUALS],
        values: [Value::Home; VIRTUALS],
        later: 0,
        constants: 0,
        labels,
        entries,
        landing,
        epilogue: landing,
        abort: None,
        before: zero_high,
        bases,
        zero_high: 0,
        live: 0,
        frame: frame::Frame::default(),
        any_perhaps,
    };
    for number in 0..program.functions.len() {
        lowering.function(number)?;
    }
    Ok(Lowered { assembler: lowering.assembler, landing })
}

struct Lowering<'c> {
    assembler: Assembler,
    program: &'c Program,
    target: &'c Target<'c>,
    function: Function,
    homes: [Register; VIRTUALS],
    values: [Value; VIRTUALS],
    /// Those that are expressions, and those that are constants.
    later: Set,
    constants: Set,
    /// Of each leader.
    labels: Vec<Label>,
    /// Of each function.
    entries: Vec<Label>,
    landing: Label,
    epilogue: Label,
    /// Where a failed helper call goes, once one needs it.
    abort: Option<Label>,
    /// Registers with zeros in their high halves, before each operation.
    before: Vec<Set>,
    /// What the base of each 4-byte load holds; empty if there is no packet.
    bases: Vec<Holds>,
    /// Registers with zeros in their high halves now.
    zero_high: Set,
    /// Registers whose values are still needed.
    live: Set,
    frame: frame::Frame,
    /// Some load compares addresses as it runs.
    any_perhaps: bool,
}

impl Lowering<'_> {
    fn function(&mut self, number: usize) -> Result<(), NoCode> {
        let mut function = self.program.functions[number];
        function.needs_run |= self.any_perhaps;
        self.function = function;
        self.homes = homes::assign(&function, self.passes());
        let ops = &self.program.ops[function.first..function.end];
        for (index, op) in ops.iter().enumerate() {
            if op.is_leader {
                self.labels[function.first + index] = self.assembler.label();
            }
        }
        self.epilogue = if number == 0 { self.landing } else { self.assembler.label() };
        self.abort = None;
        self.prologue(number);
        if function.start != function.first {
            self.assembler.jump(self.labels[function.start]);
        }
        let mut index = function.first;
        while index < function.end {
            index = self.step(index)?;
        }
        self.finish_function();
        Ok(())
    }

    /// Lowers the operation at `index`, perhaps with some after it; returns the next one.
    fn step(&mut self, index: usize) -> Result<usize, NoCode> {
        let op = self.program.ops[index];
        if op.is_leader {
            self.start_block(index, &op);
        }
        self.live = op.live_before | op.live_after;
        self.zero_high = self.before[index];
        let taken = match op.insn {
            Insn::Load { .. } => self.load(index, &op),
            Insn::Branch { .. } => self.branch(index, &op),
            _ => {
                self.single(index, &op)?;
                1
            }
        };
        let next = index + taken;
        // A branch over a jump goes on behind it.
        let last = &self.program.ops[next - 1];
        let falls =
            !matches!(last.insn, Insn::Exit) && (!matches!(last.insn, Insn::Jump { .. }) || taken > 1);
        if falls && next < self.function.end && self.program.ops[next].is_leader {
            self.flush(self.program.ops[next].live_before);
        }
        Ok(next)
    }

    fn start_block(&mut self, index: usize, op: &Op) {
        if op.is_loop && self.passes().has(Passes::ALIGN) {
            self.assembler.align();
        }
        self.assembler.bind(self.labels[index]);
        self.forget(Set::MAX);
    }

    fn single(&mut self, index: usize, op: &Op) -> Result<(), NoCode> {
        match op.insn {
            Insn::Alu { width, op: alu, dst, src } => self.alu(op, width, alu, dst, src),
            Insn::Neg { width, dst } => self.negate(op, width, dst.index()),
            Insn::MovSx { width, dst, src, from } => {
                self.sign_extend(op, width, dst.index(), src.index(), from)
            }
            Insn::Swap { order, dst, size } => self.swap(op, order, dst.index(), size),
            Insn::LoadImm { dst, value } => {
                let value = self.immediate(value)?;
                self.define_constant(op, dst.index(), value);
            }
            Insn::Store { base, offset, size, value } => self.store(op, base, offset, size, value),
            Insn::Atomic { .. } => self.atomic(op),
            Insn::Jump { .. } => {
                self.flush(op.live_after);
                if op.target as usize != index + 1 {
                    self.assembler.jump(self.labels[op.target as usize]);
                }
            }
            Insn::CallHelper { id } => self.call_helper(op, call::Callee::Number(id)),
            Insn::CallRegister { target } => self.call_helper(op, call::Callee::Register(target.index())),
            Insn::CallLocal { .. } => self.call_local(op)?,
            Insn::Exit => self.exit(index),
            Insn::Load { .. } | Insn::Branch { .. } => {}
        }
        Ok(())
    }

    /// From here on these registers' values are in their homes.
    fn forget(&mut self, registers: Set) {
        for number in 0..VIRTUALS {
            if registers & (self.later | self.constants) & set_of(number) != 0 {
                self.values[number] = Value::Home;
            }
        }
        self.later &= !registers;
        self.constants &= !registers;
    }

    fn passes(&self) -> Passes {
        self.target.passes
    }

    fn immediate(&self, value: Immediate) -> Result<u64, NoCode> {
        match value {
            Immediate::Value(value) => Ok(value),
            Immediate::Map(map) => Ok(crate::helpers::handle(map)),
            Immediate::MapValue { map, offset } => {
                // The verifier has seen that a map which is not there is never reached.
                let values = (self.target.maps)(map).map_or(0, |place| place.values);
                Ok(values.wrapping_add(u64::from(offset)))
            }
            Immediate::Function(_) => Err(NoCode::FunctionAddress),
        }
    }

    /// The operation after `index`, if nothing jumps between them.
    fn follower(&self, index: usize) -> Option<&Op> {
        self.program.ops[..self.function.end].get(index + 1).filter(|op| !op.is_leader)
    }

    /// Whether a register is known to have zeros in its high half.
    const fn is_short(&self, virtual_register: usize) -> bool {
        self.zero_high >> virtual_register & 1 != 0
    }

    /// The constant an operand is, at `width`, sign-extended as instructions have it.
    fn constant(&self, width: Width, operand: Operand) -> Option<u64> {
        let value = match operand {
            Operand::Imm(imm) => Some(imm as u64),
            Operand::Reg(reg) => match self.values[reg.index()] {
                Value::Constant(value) => Some(value),
                _ => None,
            },
        };
        value.map(|value| match width {
            Width::W64 => value,
            Width::W32 => value as i32 as u64,
        })
    }
}

const fn set_of(register: usize) -> Set {
    1 << register
}

/// Operands as virtual registers.
const fn virtual_of(operand: Operand) -> Option<usize> {
    match operand {
        Operand::Reg(reg) => Some(reg.index()),
        Operand::Imm(_) => None,
    }
}
