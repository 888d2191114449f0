//! A second meaning of programs, for judging the verifier: a machine whose registers and stack bytes know what
//! they are. It executes with real numbers but with addresses that are an object and an offset, and stops at
//! the first thing that a verified program must never do, even where the interpreter could go on.

mod calls;
mod memory;

use kernel_bpf::context::ProgramKind;
use kernel_bpf::helpers::Services;
use kernel_bpf::insn::{
    AluOp, AtomicOp, Condition, Extend, Fetch, Immediate, Insn, Operand, Reg, Size, Width, decode,
};
use kernel_bpf::interpreter::{FRAME_BYTES, MAX_FRAMES, alu};
use kernel_bpf::maps::{MapDef, MapKind};

/// What a program must never do, and where it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The instruction, as a slot.
    pub pc: usize,
    /// What it did.
    pub deed: &'static str,
}

/// What a run left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The program's result.
    pub r0: u64,
    /// Instructions executed.
    pub insns: u64,
    /// Most frames in use at once.
    pub frames: usize,
    /// Most bytes of stack touched at once: down to the deepest byte of each frame, rounded up to 8.
    pub stack: usize,
}

/// Everything outside the program.
#[derive(Clone, Debug)]
pub struct World {
    /// The program's type.
    pub kind: ProgramKind,
    /// The packet, the context's bytes or the memory, as the type has it.
    pub input: Vec<u8>,
    /// The bytes of each map's values, each value at a multiple of 8.
    pub maps: Vec<Vec<u8>>,
    /// The keys of each map; none of an array.
    pub keys: Vec<Keys>,
}

/// Which entry of a hash table a key is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    entries: Vec<Option<Vec<u8>>>,
    /// Free entries; the last is taken next.
    free: Vec<usize>,
}

impl Keys {
    /// Those of a new map.
    #[must_use]
    pub fn of(def: &MapDef<'_>) -> Self {
        match def.kind {
            MapKind::Hash | MapKind::PercpuHash => {
                let entries = def.max_entries as usize;
                Self { entries: vec![None; entries], free: (0..entries).rev().collect() }
            }
            _ => Self::default(),
        }
    }

    /// The entry of a key.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<usize> {
        self.entries.iter().position(|entry| entry.as_deref() == Some(key))
    }

    /// A new entry for a key that has none; `None` if all are taken.
    pub fn insert(&mut self, key: &[u8]) -> Option<usize> {
        let entry = self.free.pop()?;
        self.entries[entry] = Some(key.to_vec());
        Some(entry)
    }

    /// Frees an entry.
    pub fn remove(&mut self, entry: usize) {
        self.entries[entry] = None;
        self.free.push(entry);
    }
}

/// The number fields of the context that a program of this type gets with this input.
#[must_use]
pub fn context_bytes(world: &World) -> Vec<u8> {
    memory::context(world)
}

/// Something addresses lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Object {
    /// A stack frame, by a number that is never used again; offsets are from its top.
    Frame(usize),
    Context,
    Packet,
    Memory,
    Handle(u32),
    Value {
        map: u32,
        index: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Address {
    object: Object,
    offset: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Nothing,
    Number(u64),
    Address(Address),
}

/// One byte of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Byte {
    Unwritten,
    Number(u8),
    /// This byte, counted from the lowest, of an address.
    Part(Address, u8),
}

struct Frame {
    number: usize,
    bytes: [Byte; FRAME_BYTES],
    /// The deepest byte touched, from the top.
    depth: usize,
    saved: [Value; 4],
    return_to: usize,
}

struct Machine<'w> {
    text: &'w [u8],
    defs: &'w [MapDef<'w>],
    world: &'w mut World,
    services: &'w mut dyn Services,
    context: Vec<u8>,
    registers: [Value; Reg::COUNT],
    frames: Vec<Frame>,
    frames_made: usize,
    pc: usize,
    outcome: Outcome,
}

type Step<T = ()> = Result<T, &'static str>;

/// Runs the program at slot `entry` of `text`, for at most `limit` instructions.
///
/// # Errors
/// What it did wrong.
pub fn run(
    text: &[u8],
    entry: usize,
    limit: u64,
    defs: &[MapDef<'_>],
    world: &mut World,
    services: &mut dyn Services,
) -> Result<Outcome, Breach> {
    let outcome = Outcome { r0: 0, insns: 0, frames: 0, stack: 0 };
    let context = memory::context(world);
    let registers = [Value::Nothing; Reg::COUNT];
    let frames = Vec::with_capacity(MAX_FRAMES);
    let mut machine = Machine {
        text,
        defs,
        world,
        services,
        context,
        registers,
        frames,
        frames_made: 0,
        pc: entry,
        outcome,
    };
    machine.start();
    loop {
        let pc = machine.pc;
        if machine.outcome.insns == limit {
            return Err(Breach { pc, deed: "executes more instructions than were proven" });
        }
        match machine.step() {
            Ok(None) => {}
            Ok(Some(r0)) => return Ok(Outcome { r0, ..machine.outcome }),
            Err(deed) => return Err(Breach { pc, deed }),
        }
    }
}

impl Machine<'_> {
    fn start(&mut self) {
        let object = match self.world.kind {
            ProgramKind::Memory { .. } => Object::Memory,
            _ => Object::Context,
        };
        self.registers[1] = Value::Address(Address { object, offset: 0 });
        if object == Object::Memory {
            self.registers[2] = Value::Number(self.world.input.len() as u64);
        }
        self.push_frame(0, [Value::Nothing; 4]);
    }

    fn push_frame(&mut self, return_to: usize, saved: [Value; 4]) {
        let number = self.frames_made;
        self.frames_made += 1;
        self.frames.push(Frame { number, bytes: [Byte::Unwritten; FRAME_BYTES], depth: 0, saved, return_to });
        let top = Address { object: Object::Frame(number), offset: 0 };
        self.registers[Reg::FRAME.index()] = Value::Address(top);
        self.outcome.frames = self.outcome.frames.max(self.frames.len());
    }

    /// What a register holds, which must be something.
    fn get(&self, register: Reg) -> Step<Value> {
        match self.registers[register.index()] {
            Value::Nothing => Err("reads a register nothing was written to"),
            value => Ok(value),
        }
    }

    fn number(&self, register: Reg) -> Step<u64> {
        match self.get(register)? {
            Value::Number(number) => Ok(number),
            _ => Err("uses an address as a number"),
        }
    }

    fn operand(&self, operand: Operand) -> Step<Value> {
        match operand {
            Operand::Reg(register) => self.get(register),
            Operand::Imm(imm) => Ok(Value::Number(imm as u64)),
        }
    }

    fn set(&mut self, register: Reg, value: Value) {
        self.registers[register.index()] = value;
    }

    fn set_number(&mut self, register: Reg, number: u64) {
        self.set(register, Value::Number(number));
    }

    fn step(&mut self) -> Step<Option<u64>> {
        let insn = decode(self.text, self.pc).map_err(|_| "reaches bytes that are no instruction")?;
        self.outcome.insns += 1;
        let mut next = self.pc + insn.slots();
        match insn {
            Insn::Alu { width, op, dst, src } => self.arithmetic(width, op, dst, src)?,
            Insn::Neg { width, dst } => self.set_number(dst, alu::negate(width, self.number(dst)?)),
            Insn::MovSx { width, dst, src, from } => {
                self.set_number(dst, alu::sign_extend(width, from, self.number(src)?));
            }
            Insn::Swap { order, dst, size } => {
                self.set_number(dst, alu::swap(order, size, self.number(dst)?));
            }
            Insn::LoadImm { dst, value } => self.immediate(dst, value)?,
            Insn::Load { dst, base, offset, size, extend } => {
                let loaded = self.load(self.address(base, offset)?, size)?;
                self.set(dst, extended(loaded, size, extend)?);
            }
            Insn::Store { base, offset, size, value } => {
                let value = self.operand(value)?;
                self.store(self.address(base, offset)?, size, value)?;
            }
            Insn::Atomic { op, fetch, base, src, offset, size } => {
                self.atomic(op, fetch, self.address(base, offset)?, src, size)?;
            }
            Insn::Jump { offset } => next = next.wrapping_add_signed(offset as isize),
            Insn::Branch { width, condition, dst, src, offset } => {
                if self.holds(width, condition, self.get(dst)?, self.operand(src)?)? {
                    next = next.wrapping_add_signed(offset as isize);
                }
            }
            Insn::CallHelper { id } => self.call_helper(id)?,
            Insn::CallLocal { offset } => {
                self.enter(next)?;
                next = next.wrapping_add_signed(offset as isize);
            }
            Insn::CallRegister { .. } => return Err("calls a helper by a register"),
            Insn::Exit => match self.leave()? {
                Some(return_to) => next = return_to,
                None => return self.number(Reg::R0).map(Some),
            },
        }
        self.pc = next;
        Ok(None)
    }

    fn address(&self, base: Reg, offset: i16) -> Step<Address> {
        match self.get(base)? {
            Value::Address(address) => {
                Ok(Address { offset: address.offset.wrapping_add(offset.into()), ..address })
            }
            _ => Err("accesses memory by a number"),
        }
    }

    fn arithmetic(&mut self, width: Width, op: AluOp, dst: Reg, src: Operand) -> Step {
        let second = self.operand(src)?;
        let first = if op == AluOp::Mov { Value::Number(0) } else { self.get(dst)? };
        let result = match (op, width, first, second) {
            (_, _, Value::Number(first), Value::Number(second)) => {
                Value::Number(alu::alu(op, width, first, second))
            }
            (AluOp::Mov, Width::W64, _, value) => value,
            (AluOp::Add, Width::W64, Value::Address(address), Value::Number(number))
            | (AluOp::Add, Width::W64, Value::Number(number), Value::Address(address)) => {
                moved(address, number as i64)
            }
            (AluOp::Sub, Width::W64, Value::Address(address), Value::Number(number)) => {
                moved(address, (number as i64).wrapping_neg())
            }
            (AluOp::Sub, Width::W64, Value::Address(one), Value::Address(two))
                if one.object == two.object =>
            {
                Value::Number(one.offset.wrapping_sub(two.offset) as u64)
            }
            _ => return Err("computes with an address"),
        };
        self.set(dst, result);
        Ok(())
    }

    fn immediate(&mut self, dst: Reg, value: Immediate) -> Step {
        let value = match value {
            Immediate::Value(number) => Value::Number(number),
            Immediate::Map(map) => Value::Address(Address { object: Object::Handle(map), offset: 0 }),
            Immediate::MapValue { map, offset } => {
                Value::Address(Address { object: Object::Value { map, index: 0 }, offset: offset.into() })
            }
            Immediate::Function(_) => return Err("takes the address of a function"),
        };
        self.set(dst, value);
        Ok(())
    }

    fn holds(&self, width: Width, condition: Condition, first: Value, second: Value) -> Step<bool> {
        let equality = matches!(condition, Condition::Eq | Condition::Ne);
        match (first, second) {
            (Value::Number(first), Value::Number(second)) => Ok(alu::holds(condition, width, first, second)),
            (Value::Address(address), Value::Number(0)) | (Value::Number(0), Value::Address(address))
                if width == Width::W64 && equality && in_or_behind(address) =>
            {
                Ok(condition == Condition::Ne)
            }
            (Value::Address(one), Value::Address(two))
                if width == Width::W64
                    && one.object == two.object
                    && (equality || (in_or_behind(one) && in_or_behind(two))) =>
            {
                let place = |address: Address| (address.offset + (1 << 40)) as u64;
                Ok(alu::holds(condition, width, place(one), place(two)))
            }
            _ => Err("compares addresses of different things"),
        }
    }

    fn atomic(&mut self, op: AtomicOp, fetch: Fetch, address: Address, src: Reg, size: Size) -> Step {
        let Value::Number(old) = self.load(address, size)? else {
            return Err("changes an address in place");
        };
        let compare = if op == AtomicOp::CmpXchg { self.number(Reg::R0)? } else { 0 };
        let new = alu::atomic(op, size, old, self.number(src)?, compare);
        self.store(address, size, Value::Number(new))?;
        match (fetch, op) {
            (Fetch::No, _) => {}
            (Fetch::Yes, AtomicOp::CmpXchg) => self.set_number(Reg::R0, old),
            (Fetch::Yes, _) => self.set_number(src, old),
        }
        Ok(())
    }
}

fn moved(address: Address, distance: i64) -> Value {
    Value::Address(Address { offset: address.offset.wrapping_add(distance), ..address })
}

/// Whether comparing it with null or with others of its object says nothing about where the object is.
fn in_or_behind(address: Address) -> bool {
    match address.object {
        Object::Frame(_) => address.offset >= -(FRAME_BYTES as i64),
        _ => address.offset >= 0,
    }
}

fn extended(loaded: Value, size: Size, extend: Extend) -> Step<Value> {
    match (loaded, extend) {
        (loaded, Extend::Zero) => Ok(loaded),
        (Value::Number(number), Extend::Sign) => {
            Ok(Value::Number(alu::sign_extend(Width::W64, size, number)))
        }
        _ => Err("sign-extends an address"),
    }
}
