//! The interpreter: the meaning of a program. Every access is checked against the objects of the run, so
//! even a program the verifier was wrong about cannot touch anything else.
//!
//! Instructions are executed in place, straight from their encoding, by one `match` on the opcode byte; each arm is
//! the meaning of one opcode, by the pure functions of [`mod@alu`]. What is rare goes by the decoder.

pub mod alu;
mod calls;
#[expect(unsafe_code, reason = "turns checked addresses into accesses")]
mod memory;
mod rare;

use core::convert::Infallible;
use core::fmt;
use core::sync::atomic::Ordering;

pub use memory::{InvalidAccess, Memory, Readable, Region, TooManyRegions};

use crate::error::{BpfError, Fault};
use crate::executable::{Completion, Engine, Job};
use crate::helpers::Services;
use crate::insn::{AluOp, ByteOrder, Condition, Reg, SLOT_BYTES, Size, Width};
use crate::maps::Map;
use crate::memory::Reclaim;
use crate::profile::PhysicalProfile;
use crate::program::Verified;
use alu::{alu, holds, negate, sign_extend, swap};
use calls::Frame;
use memory::Cached;

/// Bytes of one stack frame.
pub const FRAME_BYTES: usize = 512;
/// Most frames of nested calls.
pub const MAX_FRAMES: usize = 8;

/// Executes instructions one by one.
#[derive(Clone, Copy, Debug)]
pub struct Interpreter;

impl Engine for Interpreter {
    const NAME: &'static str = "interpreter";
    type Code<'a> = ();
    type CodeMemory = Infallible;
    type Options = ();

    fn compile<'a, P: PhysicalProfile>(
        _: &Verified<'a, P>,
        _: &'a [&'a Map<P::MemoryStrategy>],
        _: Option<&'a Infallible>,
        (): (),
    ) {
    }

    fn code_bytes((): &()) -> Result<usize, Option<&dyn fmt::Display>> {
        Err(None)
    }

    fn execute<M: Reclaim>(
        job: &Job<'_, M>,
        _: Option<&()>,
        services: &mut dyn Services,
    ) -> Result<Completion, Fault> {
        let mut machine = Machine::new(job);
        let r0 = machine.run(job.entry, 0, services)?;
        Ok(Completion { r0, insns: Some(machine.executed) })
    }
}

/// Registers as instructions name them in four bits; five of them do not exist.
const NAMES: usize = 16;
/// First and past-last of the registers a callee keeps: r6 to r9.
const KEPT: core::ops::Range<usize> = 6..10;
const FRAME_POINTER: usize = Reg::FRAME.index();

struct Machine<'j, 'a, M: Reclaim> {
    job: &'j Job<'a, M>,
    registers: [u64; NAMES],
    /// For each register the object that the last access through it was in: most often the next one is too.
    windows: [Cached<'a>; NAMES],
    frames: [Frame; MAX_FRAMES - 1],
    depth: usize,
    /// Instructions so far. While [`Self::run`] goes on it has its own count.
    executed: u64,
    /// Instructions that tail calls brought with them.
    lent: u64,
}

/// The raw fields of an instruction.
#[derive(Clone, Copy)]
struct Fields(u64);

impl Fields {
    #[inline]
    const fn opcode(self) -> u8 {
        self.0 as u8
    }

    #[inline]
    const fn dst(self) -> usize {
        (self.0 >> 8) as usize & (NAMES - 1)
    }

    #[inline]
    const fn src(self) -> usize {
        (self.0 >> 12) as usize & (NAMES - 1)
    }

    #[inline]
    const fn offset(self) -> i16 {
        (self.0 >> 16) as i16
    }

    /// Sign-extended to 64 bits.
    #[inline]
    const fn imm(self) -> u64 {
        (self.0 as i64 >> 32) as u64
    }

    #[inline]
    const fn target(self, next: usize) -> usize {
        next.wrapping_add_signed(self.offset() as isize)
    }
}

const fn fault(error: BpfError, pc: usize) -> Fault {
    Fault { error, pc, address: 0 }
}

const fn outside(InvalidAccess(address): InvalidAccess, pc: usize) -> Fault {
    Fault { error: BpfError::InvalidAccess, pc, address }
}

/// The opcodes of an arithmetic operation: 64 bits with a constant and a register, 32 bits with each.
macro_rules! arithmetic {
    ($self:ident, $insn:ident, $op:expr, $width:expr, $src:expr) => {{
        let dst = $insn.dst();
        $self.registers[dst] = alu($op, $width, $self.registers[dst], $src);
    }};
}

/// A conditional jump.
macro_rules! branch {
    ($self:ident, $insn:ident, $pc:ident, $condition:ident, $width:ident, $src:expr) => {
        if holds(Condition::$condition, Width::$width, $self.registers[$insn.dst()], $src) {
            $pc = $insn.target($pc);
        }
    };
}

impl<'j, 'a, M: Reclaim> Machine<'j, 'a, M> {
    fn new(job: &'j Job<'a, M>) -> Self {
        let mut registers = [0; NAMES];
        registers[1..3].copy_from_slice(&job.arguments);
        registers[FRAME_POINTER] = job.stack_top;
        Self {
            job,
            registers,
            windows: [Cached::NONE; NAMES],
            frames: Default::default(),
            depth: 0,
            executed: 0,
            lent: 0,
        }
    }

    /// Executes from `entry` to the end of the function that began at depth `floor`; returns r0. In each arm `pc` is
    /// the next slot already.
    fn run(&mut self, entry: usize, floor: usize, services: &mut dyn Services) -> Result<u64, Fault> {
        let (slots, _) = self.job.text.as_chunks::<SLOT_BYTES>();
        let (mut pc, mut executed) = (entry, self.executed);
        loop {
            if executed >= self.job.limit.load(Ordering::Relaxed).saturating_add(self.lent) {
                return Err(fault(BpfError::Timeout, pc));
            }
            executed += 1;
            let Some(slot) = slots.get(pc) else { return Err(fault(BpfError::InvalidInstruction, pc)) };
            let insn = Fields(u64::from_le_bytes(*slot));
            pc += 1;
            match insn.opcode() {
                0x07 => arithmetic!(self, insn, AluOp::Add, Width::W64, insn.imm()),
                0x0f => arithmetic!(self, insn, AluOp::Add, Width::W64, self.registers[insn.src()]),
                0x04 => arithmetic!(self, insn, AluOp::Add, Width::W32, insn.imm()),
                0x0c => arithmetic!(self, insn, AluOp::Add, Width::W32, self.registers[insn.src()]),
                0x17 => arithmetic!(self, insn, AluOp::Sub, Width::W64, insn.imm()),
                0x1f => arithmetic!(self, insn, AluOp::Sub, Width::W64, self.registers[insn.src()]),
                0x14 => arithmetic!(self, insn, AluOp::Sub, Width::W32, insn.imm()),
                0x1c => arithmetic!(self, insn, AluOp::Sub, Width::W32, self.registers[insn.src()]),
                0x27 => arithmetic!(self, insn, AluOp::Mul, Width::W64, insn.imm()),
                0x2f => arithmetic!(self, insn, AluOp::Mul, Width::W64, self.registers[insn.src()]),
                0x24 => arithmetic!(self, insn, AluOp::Mul, Width::W32, insn.imm()),
                0x2c => arithmetic!(self, insn, AluOp::Mul, Width::W32, self.registers[insn.src()]),
                0x47 => arithmetic!(self, insn, AluOp::Or, Width::W64, insn.imm()),
                0x4f => arithmetic!(self, insn, AluOp::Or, Width::W64, self.registers[insn.src()]),
                0x44 => arithmetic!(self, insn, AluOp::Or, Width::W32, insn.imm()),
                0x4c => arithmetic!(self, insn, AluOp::Or, Width::W32, self.registers[insn.src()]),
                0x57 => arithmetic!(self, insn, AluOp::And, Width::W64, insn.imm()),
                0x5f => arithmetic!(self, insn, AluOp::And, Width::W64, self.registers[insn.src()]),
                0x54 => arithmetic!(self, insn, AluOp::And, Width::W32, insn.imm()),
                0x5c => arithmetic!(self, insn, AluOp::And, Width::W32, self.registers[insn.src()]),
                0x67 => arithmetic!(self, insn, AluOp::Lsh, Width::W64, insn.imm()),
                0x6f => arithmetic!(self, insn, AluOp::Lsh, Width::W64, self.registers[insn.src()]),
                0x64 => arithmetic!(self, insn, AluOp::Lsh, Width::W32, insn.imm()),
                0x6c => arithmetic!(self, insn, AluOp::Lsh, Width::W32, self.registers[insn.src()]),
                0x77 => arithmetic!(self, insn, AluOp::Rsh, Width::W64, insn.imm()),
                0x7f => arithmetic!(self, insn, AluOp::Rsh, Width::W64, self.registers[insn.src()]),
                0x74 => arithmetic!(self, insn, AluOp::Rsh, Width::W32, insn.imm()),
                0x7c => arithmetic!(self, insn, AluOp::Rsh, Width::W32, self.registers[insn.src()]),
                0xa7 => arithmetic!(self, insn, AluOp::Xor, Width::W64, insn.imm()),
                0xaf => arithmetic!(self, insn, AluOp::Xor, Width::W64, self.registers[insn.src()]),
                0xa4 => arithmetic!(self, insn, AluOp::Xor, Width::W32, insn.imm()),
                0xac => arithmetic!(self, insn, AluOp::Xor, Width::W32, self.registers[insn.src()]),
                0xc7 => arithmetic!(self, insn, AluOp::Arsh, Width::W64, insn.imm()),
                0xcf => arithmetic!(self, insn, AluOp::Arsh, Width::W64, self.registers[insn.src()]),
                0xc4 => arithmetic!(self, insn, AluOp::Arsh, Width::W32, insn.imm()),
                0xcc => arithmetic!(self, insn, AluOp::Arsh, Width::W32, self.registers[insn.src()]),
                0x37 => {
                    arithmetic!(self, insn, signed(insn, AluOp::Div, AluOp::SDiv), Width::W64, insn.imm())
                }
                0x3f => {
                    arithmetic!(
                        self,
                        insn,
                        signed(insn, AluOp::Div, AluOp::SDiv),
                        Width::W64,
                        self.registers[insn.src()]
                    );
                }
                0x34 => {
                    arithmetic!(self, insn, signed(insn, AluOp::Div, AluOp::SDiv), Width::W32, insn.imm())
                }
                0x3c => {
                    arithmetic!(
                        self,
                        insn,
                        signed(insn, AluOp::Div, AluOp::SDiv),
                        Width::W32,
                        self.registers[insn.src()]
                    );
                }
                0x97 => {
                    arithmetic!(self, insn, signed(insn, AluOp::Mod, AluOp::SMod), Width::W64, insn.imm())
                }
                0x9f => {
                    arithmetic!(
                        self,
                        insn,
                        signed(insn, AluOp::Mod, AluOp::SMod),
                        Width::W64,
                        self.registers[insn.src()]
                    );
                }
                0x94 => {
                    arithmetic!(self, insn, signed(insn, AluOp::Mod, AluOp::SMod), Width::W32, insn.imm())
                }
                0x9c => {
                    arithmetic!(
                        self,
                        insn,
                        signed(insn, AluOp::Mod, AluOp::SMod),
                        Width::W32,
                        self.registers[insn.src()]
                    );
                }
                0xb7 => self.registers[insn.dst()] = insn.imm(),
                0xb4 => self.registers[insn.dst()] = u64::from(insn.imm() as u32),
                0xbf => self.registers[insn.dst()] = moved(Width::W64, insn, self.registers[insn.src()]),
                0xbc => self.registers[insn.dst()] = moved(Width::W32, insn, self.registers[insn.src()]),
                0x87 => self.registers[insn.dst()] = negate(Width::W64, self.registers[insn.dst()]),
                0x84 => self.registers[insn.dst()] = negate(Width::W32, self.registers[insn.dst()]),
                0xd4 => self.swap(insn, ByteOrder::ToLittle),
                0xdc => self.swap(insn, ByteOrder::ToBig),
                0xd7 => self.swap(insn, ByteOrder::Swap),
                0x61 => self.registers[insn.dst()] = self.load(insn, pc, Size::W)?,
                0x69 => self.registers[insn.dst()] = self.load(insn, pc, Size::H)?,
                0x71 => self.registers[insn.dst()] = self.load(insn, pc, Size::B)?,
                0x79 => self.registers[insn.dst()] = self.load(insn, pc, Size::DW)?,
                0x81 => {
                    self.registers[insn.dst()] =
                        sign_extend(Width::W64, Size::W, self.load(insn, pc, Size::W)?);
                }
                0x89 => {
                    self.registers[insn.dst()] =
                        sign_extend(Width::W64, Size::H, self.load(insn, pc, Size::H)?);
                }
                0x91 => {
                    self.registers[insn.dst()] =
                        sign_extend(Width::W64, Size::B, self.load(insn, pc, Size::B)?);
                }
                0x62 => self.store(insn, pc, Size::W, insn.imm())?,
                0x6a => self.store(insn, pc, Size::H, insn.imm())?,
                0x72 => self.store(insn, pc, Size::B, insn.imm())?,
                0x7a => self.store(insn, pc, Size::DW, insn.imm())?,
                0x63 => self.store(insn, pc, Size::W, self.registers[insn.src()])?,
                0x6b => self.store(insn, pc, Size::H, self.registers[insn.src()])?,
                0x73 => self.store(insn, pc, Size::B, self.registers[insn.src()])?,
                0x7b => self.store(insn, pc, Size::DW, self.registers[insn.src()])?,
                0x05 => pc = insn.target(pc),
                0x06 => pc = pc.wrapping_add_signed(insn.imm() as isize),
                0x15 => branch!(self, insn, pc, Eq, W64, insn.imm()),
                0x1d => branch!(self, insn, pc, Eq, W64, self.registers[insn.src()]),
                0x16 => branch!(self, insn, pc, Eq, W32, insn.imm()),
                0x1e => branch!(self, insn, pc, Eq, W32, self.registers[insn.src()]),
                0x25 => branch!(self, insn, pc, Gt, W64, insn.imm()),
                0x2d => branch!(self, insn, pc, Gt, W64, self.registers[insn.src()]),
                0x26 => branch!(self, insn, pc, Gt, W32, insn.imm()),
                0x2e => branch!(self, insn, pc, Gt, W32, self.registers[insn.src()]),
                0x35 => branch!(self, insn, pc, Ge, W64, insn.imm()),
                0x3d => branch!(self, insn, pc, Ge, W64, self.registers[insn.src()]),
                0x36 => branch!(self, insn, pc, Ge, W32, insn.imm()),
                0x3e => branch!(self, insn, pc, Ge, W32, self.registers[insn.src()]),
                0x45 => branch!(self, insn, pc, Set, W64, insn.imm()),
                0x4d => branch!(self, insn, pc, Set, W64, self.registers[insn.src()]),
                0x46 => branch!(self, insn, pc, Set, W32, insn.imm()),
                0x4e => branch!(self, insn, pc, Set, W32, self.registers[insn.src()]),
                0x55 => branch!(self, insn, pc, Ne, W64, insn.imm()),
                0x5d => branch!(self, insn, pc, Ne, W64, self.registers[insn.src()]),
                0x56 => branch!(self, insn, pc, Ne, W32, insn.imm()),
                0x5e => branch!(self, insn, pc, Ne, W32, self.registers[insn.src()]),
                0x65 => branch!(self, insn, pc, SGt, W64, insn.imm()),
                0x6d => branch!(self, insn, pc, SGt, W64, self.registers[insn.src()]),
                0x66 => branch!(self, insn, pc, SGt, W32, insn.imm()),
                0x6e => branch!(self, insn, pc, SGt, W32, self.registers[insn.src()]),
                0x75 => branch!(self, insn, pc, SGe, W64, insn.imm()),
                0x7d => branch!(self, insn, pc, SGe, W64, self.registers[insn.src()]),
                0x76 => branch!(self, insn, pc, SGe, W32, insn.imm()),
                0x7e => branch!(self, insn, pc, SGe, W32, self.registers[insn.src()]),
                0xa5 => branch!(self, insn, pc, Lt, W64, insn.imm()),
                0xad => branch!(self, insn, pc, Lt, W64, self.registers[insn.src()]),
                0xa6 => branch!(self, insn, pc, Lt, W32, insn.imm()),
                0xae => branch!(self, insn, pc, Lt, W32, self.registers[insn.src()]),
                0xb5 => branch!(self, insn, pc, Le, W64, insn.imm()),
                0xbd => branch!(self, insn, pc, Le, W64, self.registers[insn.src()]),
                0xb6 => branch!(self, insn, pc, Le, W32, insn.imm()),
                0xbe => branch!(self, insn, pc, Le, W32, self.registers[insn.src()]),
                0xc5 => branch!(self, insn, pc, SLt, W64, insn.imm()),
                0xcd => branch!(self, insn, pc, SLt, W64, self.registers[insn.src()]),
                0xc6 => branch!(self, insn, pc, SLt, W32, insn.imm()),
                0xce => branch!(self, insn, pc, SLt, W32, self.registers[insn.src()]),
                0xd5 => branch!(self, insn, pc, SLe, W64, insn.imm()),
                0xdd => branch!(self, insn, pc, SLe, W64, self.registers[insn.src()]),
                0xd6 => branch!(self, insn, pc, SLe, W32, insn.imm()),
                0xde => branch!(self, insn, pc, SLe, W32, self.registers[insn.src()]),
                0x85 if insn.src() == 1 => {
                    self.enter(pc)?;
                    pc = pc.wrapping_add_signed(insn.imm() as isize);
                }
                0x95 => {
                    if self.depth <= floor {
                        self.executed = executed;
                        return Ok(self.registers[0]);
                    }
                    pc = self.leave();
                }
                _ => {
                    self.executed = executed;
                    pc = self.rare(pc - 1, services)?;
                    executed = self.executed;
                }
            }
        }
    }

    fn swap(&mut self, insn: Fields, order: ByteOrder) {
        let size = match insn.imm() {
            16 => Size::H,
            32 => Size::W,
            _ => Size::DW,
        };
        self.registers[insn.dst()] = swap(order, size, self.registers[insn.dst()]);
    }

    #[inline]
    fn load(&mut self, insn: Fields, next: usize, size: Size) -> Result<u64, Fault> {
        let base = insn.src();
        let address = self.registers[base].wrapping_add(insn.offset() as u64);
        match self.windows[base].load(address, size) {
            Some(value) => Ok(value),
            None => self.load_elsewhere(base, address, size, next - 1),
        }
    }

    #[inline]
    fn store(&mut self, insn: Fields, next: usize, size: Size, value: u64) -> Result<(), Fault> {
        let base = insn.dst();
        let address = self.registers[base].wrapping_add(insn.offset() as u64);
        match self.windows[base].store(address, size, value) {
            Some(()) => Ok(()),
            None => self.store_elsewhere(base, address, size, value, next - 1),
        }
    }

    #[cold]
    fn load_elsewhere(&mut self, base: usize, address: u64, size: Size, pc: usize) -> Result<u64, Fault> {
        self.windows[base] = self.job.memory.cached(address, size);
        self.job.memory.load(address, size).map_err(|error| outside(error, pc))
    }

    #[cold]
    fn store_elsewhere(
        &mut self,
        base: usize,
        address: u64,
        size: Size,
        value: u64,
        pc: usize,
    ) -> Result<(), Fault> {
        self.windows[base] = self.job.memory.cached(address, size);
        self.job.memory.store(address, size, value).map_err(|error| outside(error, pc))
    }
}

/// Division and remainder are signed if the offset says so.
#[inline]
const fn signed(insn: Fields, unsigned: AluOp, signed: AluOp) -> AluOp {
    if insn.offset() == 0 { unsigned } else { signed }
}

/// A move whose offset, if there is one, is the number of bits to extend from.
#[inline]
const fn moved(width: Width, insn: Fields, value: u64) -> u64 {
    match insn.offset() {
        0 => alu(AluOp::Mov, width, 0, value),
        8 => sign_extend(width, Size::B, value),
        16 => sign_extend(width, Size::H, value),
        _ => sign_extend(width, Size::W, value),
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;
    use core::sync::atomic::AtomicU64;

    use super::*;
    use crate::context::ProgramKind;
    use crate::packet::Window;
    use crate::profile::ActiveProfile;
    use crate::targets::Origin;

    type Strategy = <ActiveProfile as PhysicalProfile>::MemoryStrategy;

    #[test]
    fn a_function_leaves_nothing_in_the_argument_registers() {
        let (memory, maps) = (Memory::default(), &[] as &[&Map<Strategy>]);
        let (kind, window) = (ProgramKind::Syscall, Window::none());
        let job = Job {
            kind,
            text: &[],
            entry: 0,
            limit: AtomicU64::new(1),
            arguments: [7, 7],
            stack_top: 4096,
            memory,
            maps,
            origin: Origin::new(&[], &[], kind),
            targets: None,
            window: &window,
            scratch: &[],
            tail_calls: Cell::new(0),
            redirected: Cell::new(0),
        };
        let mut machine = Machine::new(&job);
        machine.enter(5).unwrap();
        machine.registers = [9; NAMES];
        assert_eq!(machine.leave(), 5);
        assert_eq!(machine.registers[..6], [9, 0, 0, 0, 0, 0]);
        assert_eq!(machine.registers[KEPT], [0; 4]);
    }
}
