//! Random programs for the verifier: grammar-directed, so that many are accepted, with values that sit on the
//! boundaries where verifiers go wrong, and a share of mistakes.
//!
//! The generator keeps a rough idea of what each register and stack slot holds. It may be wrong about that, and
//! where paths meet it sometimes wants to be: whether a program is safe is for the verifier to say.

pub mod adversarial;
mod claims;
mod control;
pub mod loops;
mod numbers;
mod objects;
mod packets;
mod stack;
mod traps;

use kernel_bpf::context::ProgramKind;
use kernel_bpf::insn::{Insn, Operand, Reg, Size};
use kernel_bpf::maps::{MapDef, MapKind};
use kernel_bpf::object::MapAccess;

use crate::assembler::{Assembler, Label, copy, r, set};
use crate::random::Random;

/// A generated program.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its text: the program first, then its functions.
    pub text: Vec<u8>,
    /// Slots of the program itself.
    pub insn_count: usize,
    /// Its type.
    pub kind: ProgramKind,
    /// Packet lengths at which it does something else.
    pub lengths: Vec<usize>,
}

impl Sample {
    const fn plain(text: Vec<u8>, insn_count: usize) -> Self {
        Self { text, insn_count, kind: ProgramKind::Syscall, lengths: Vec::new() }
    }
}

/// What read-only data the programs have: constants, and format strings.
pub const READ_ONLY: &[u8; 64] = b"\x01\0\0\0\xff\xff\xff\xff\x07\0\0\0\0\0\0\x80n=%d m=%llx\n\0plain\n\0\0%u %p %c\0%d%%%5x\n\0\0\0\0\0\0\0\0\0\0";
/// Offset and length of each format string in [`READ_ONLY`].
const FORMATS: [(i32, i32); 5] = [(16, 13), (29, 7), (37, 9), (46, 9), (16, 20)];

/// The maps that every generated program may use.
#[must_use]
pub fn maps() -> [MapDef<'static>; 7] {
    let array = |name, value_size, max_entries, access, initial| MapDef {
        name,
        value_size,
        max_entries,
        access,
        initial,
        ..MapDef::VACANT
    };
    let hash = |name, key_size, value_size, max_entries| MapDef {
        kind: MapKind::Hash,
        key_size,
        ..array(name, value_size, max_entries, MapAccess::ReadWrite, None)
    };
    use MapAccess::{ReadOnly, ReadWrite};
    [
        array("counts", 8, 4, ReadWrite, None),
        array("odd", 21, 3, ReadWrite, None),
        array(".rodata", 64, 1, ReadOnly, Some(READ_ONLY)),
        array(".data", 48, 1, ReadWrite, Some(b"data")),
        array("large", 300, 2, ReadWrite, None),
        hash("table", 4, 8, 4),
        hash("pairs", 8, 16, 3),
    ]
}

/// What the generator takes a register for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Nothing,
    /// A number, with the largest it can be if that is small.
    Number(Option<u32>),
    Context,
    /// Somewhere in a packet, with so many bytes behind it.
    Packet(u16),
    PacketEnd,
    /// Plain bytes: a map's value, memory, a caller's variable.
    Bytes {
        len: u16,
        writable: bool,
    },
    /// Not compared with null yet.
    BytesOrNull {
        len: u16,
        writable: bool,
    },
    /// Of the own frame, at a slot's lowest byte.
    Stack {
        slot: usize,
    },
}

impl Kind {
    const NUMBER: Self = Self::Number(None);

    const fn is_number(self) -> bool {
        matches!(self, Self::Number(_))
    }

    /// What is true of either.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Number(_), Self::Number(_)) => Self::NUMBER,
            (Self::Packet(one), Self::Packet(two)) => Self::Packet(one.min(two)),
            _ if self == other => self,
            _ => Self::Nothing,
        }
    }
}

const SLOTS: usize = 64;

/// What is known in the middle of a function.
#[derive(Clone, Debug)]
struct Scope {
    registers: [Kind; 10],
    /// Lowest address first.
    slots: [Kind; SLOTS],
    /// Registers that statements must not write, as a mask.
    locked: u16,
    /// Functions before this one are not called: no recursion.
    function: usize,
    loops: usize,
}

impl Scope {
    fn new(registers: [Kind; 10], function: usize) -> Self {
        Self { registers, slots: [Kind::Nothing; SLOTS], locked: 0, function, loops: 0 }
    }

    /// What holds on both of two paths, or what `pick` makes of a difference.
    fn join(&mut self, other: &Self, mut pick: impl FnMut(Kind, Kind) -> Kind) {
        let registers = self.registers.iter_mut().zip(&other.registers);
        let slots = self.slots.iter_mut().zip(&other.slots);
        for (one, two) in registers.chain(slots).filter(|(one, two)| one != two) {
            *one = pick(*one, *two);
        }
    }
}

/// A function that was called and is still to be written, or is written.
struct Function {
    label: Label,
    arguments: [Kind; 10],
}

struct Generator {
    random: Random,
    code: Assembler,
    kind: ProgramKind,
    scope: Scope,
    functions: Vec<Function>,
    /// Mistakes, out of 1024 chances.
    mistakes: usize,
    /// Where paths meet, how often what holds on one of them only is taken to hold, out of 1024.
    optimism: usize,
    /// The statements this program is made of.
    favourites: Vec<usize>,
    /// Where what must never be reached is written, once something leads there.
    forbidden: Option<Label>,
    lengths: Vec<usize>,
    /// Statements left.
    fuel: usize,
}

/// The program of this seed.
#[must_use]
pub fn program(seed: u64) -> Sample {
    let mut random = Random::seeded(seed);
    let kind = *random.pick(&KINDS);
    let mistakes = *random.pick(&[0, 0, 0, 4, 16, 60]);
    let optimism = *random.pick(&[0, 0, 0, 100, 500, 900]);
    let favourites = control::some_statements(&mut random);
    let fuel = 2 + random.below(40);
    let mut registers = [Kind::Nothing; 10];
    registers[1] = Kind::Context;
    if let ProgramKind::Memory { size } = kind {
        registers[1] = Kind::Bytes { len: size as u16, writable: true };
        registers[2] = Kind::Number(Some(size));
    }
    let scope = Scope::new(registers, 0);
    let mut generator = Generator {
        random,
        code: Assembler::default(),
        kind,
        scope,
        functions: Vec::new(),
        mistakes,
        optimism,
        favourites,
        forbidden: None,
        lengths: Vec::new(),
        fuel,
    };
    generator.keep_first_argument();
    generator.body();
    let insn_count = generator.code.len();
    generator.write_functions();
    Sample { text: generator.code.finish(), insn_count, kind, lengths: generator.lengths }
}

const KINDS: [ProgramKind; 7] = [
    ProgramKind::Xdp,
    ProgramKind::Xdp,
    ProgramKind::Xdp,
    ProgramKind::SchedCls,
    ProgramKind::Syscall,
    ProgramKind::Timer { period: 0 },
    ProgramKind::Memory { size: 24 },
];

impl Generator {
    fn push(&mut self, insn: Insn) {
        self.code.push(insn);
    }

    /// True once in `of` times.
    fn one_in(&mut self, of: usize) -> bool {
        self.random.below(of) == 0
    }

    /// True where this program makes a mistake.
    fn errs(&mut self) -> bool {
        self.random.below(1024) < self.mistakes
    }

    /// Goes on where this path meets another.
    fn meet(&mut self, other: &Scope) {
        let (random, optimism) = (&mut self.random, self.optimism);
        self.scope.join(other, |one, two| match random.below(1024) < optimism {
            true => *random.pick(&[one, two]),
            false => one.or(two),
        });
    }

    fn kind_of(&self, register: u8) -> Kind {
        self.scope.registers.get(usize::from(register)).copied().unwrap_or(Kind::Nothing)
    }

    fn know(&mut self, register: u8, kind: Kind) {
        if let Some(known) = self.scope.registers.get_mut(usize::from(register)) {
            *known = kind;
        }
    }

    /// A register to write to.
    fn free(&mut self) -> u8 {
        if self.errs() {
            return self.random.below(10) as u8;
        }
        loop {
            let register = self.random.below(10) as u8;
            if self.scope.locked >> register & 1 == 0 {
                return register;
            }
        }
    }

    /// A register that holds what `fits` wants; any register by mistake.
    fn holding(&mut self, fits: impl Fn(Kind) -> bool) -> Option<u8> {
        if self.errs() {
            return Some(self.random.below(11) as u8);
        }
        let start = self.random.below(10) as u8;
        (0..10).map(|index| (start + index) % 10).find(|&register| fits(self.kind_of(register)))
    }

    /// A register that holds a number.
    fn number(&mut self) -> u8 {
        if let Some(register) = self.holding(Kind::is_number) {
            return register;
        }
        let register = self.free();
        let imm = self.imm();
        self.push(set(register, imm));
        self.know(register, Kind::NUMBER);
        register
    }

    /// A second operand of arithmetic: a number.
    fn operand(&mut self) -> Operand {
        if self.one_in(2) { Operand::Imm(self.imm()) } else { Operand::Reg(r(self.number())) }
    }

    /// A constant at or near a boundary, or of a random length.
    fn imm(&mut self) -> i32 {
        self.wide_number() as i32
    }

    fn wide_number(&mut self) -> u64 {
        const EDGES: [u64; 12] =
            [0, 1, 7, 8, 31, 63, 0x7f, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 63];
        let number = self.random.number();
        match self.random.below(5) {
            0 | 1 => self.random.pick(&EDGES).wrapping_add(number % 5).wrapping_sub(2),
            2 => number >> (number & 63),
            3 => (number >> (number & 63)).wrapping_neg(),
            _ => number & 0xffff_ffff_0000_00ff,
        }
    }

    fn size(&mut self) -> Size {
        *self.random.pick(&[Size::B, Size::H, Size::W, Size::DW, Size::DW])
    }

    /// A place for `size` bytes in `len`, often at the ends; a bad one by mistake.
    fn place(&mut self, len: u16, size: u16) -> i16 {
        let last = len.saturating_sub(size) as i16;
        if self.errs() {
            return *self.random.pick(&[-1, last + 1, last + size as i16, -512, i16::MAX, i16::MIN]);
        }
        match self.random.below(4) {
            0 => 0,
            1 => last,
            _ => self.random.below(last as usize + 1) as i16,
        }
    }

    /// Keeps the context, or memory, where calls do not lose it.
    fn keep_first_argument(&mut self) {
        let first = self.kind_of(1);
        if first != Kind::Nothing {
            let register = if self.one_in(4) { 6 + self.random.below(4) as u8 } else { 9 };
            self.push(copy(register, 1));
            self.know(register, first);
            if !self.one_in(8) {
                self.scope.locked |= 1 << register;
            }
        }
    }

    /// What a call does to registers.
    fn lose_arguments(&mut self) {
        self.scope.registers[1..6].fill(Kind::Nothing);
    }

    fn base_register(&mut self) -> Reg {
        if self.errs() { r(self.random.below(11) as u8) } else { Reg::FRAME }
    }
}
