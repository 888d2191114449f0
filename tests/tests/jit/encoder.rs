//! The encoder against another decoder: every form with every kind of operand and every size of displacement.

use iced_x86::{Decoder, DecoderOptions, MemorySize, Mnemonic, OpKind, Register as Iced};
use kernel_bpf::jit::x86_64::form::{self, Form};
use kernel_bpf::jit::x86_64::{Address, Bits, Cond, Imm, Instruction, Place, Register, encode};

fn decode(instruction: &Instruction) -> iced_x86::Instruction {
    let (bytes, len) = encode(instruction);
    let mut decoder = Decoder::new(64, &bytes[..len], DecoderOptions::NONE);
    let decoded = decoder.decode();
    assert!(!decoded.is_invalid() && decoded.len() == len, "{instruction:?}: {:x?}", &bytes[..len]);
    decoded
}

const BITS: [Bits; 4] = [Bits::B8, Bits::B16, Bits::B32, Bits::B64];
const WORDS: &[Bits] = &[Bits::B32, Bits::B64];
const WIDE: &[Bits] = &[Bits::B16, Bits::B32, Bits::B64];

fn registers() -> impl Iterator<Item = Register> + Clone {
    (0..16).map(Register::new)
}

fn pairs() -> impl Iterator<Item = (Register, Register)> {
    registers().flat_map(|one| registers().map(move |two| (one, two)))
}

fn named(register: Register, bits: Bits) -> Iced {
    const BYTES: [Iced; 16] = [
        Iced::AL,
        Iced::CL,
        Iced::DL,
        Iced::BL,
        Iced::SPL,
        Iced::BPL,
        Iced::SIL,
        Iced::DIL,
        Iced::R8L,
        Iced::R9L,
        Iced::R10L,
        Iced::R11L,
        Iced::R12L,
        Iced::R13L,
        Iced::R14L,
        Iced::R15L,
    ];
    let number = u32::from(register.number());
    match bits {
        Bits::B8 => BYTES[number as usize],
        Bits::B16 => Iced::AX + number,
        Bits::B32 => Iced::EAX + number,
        Bits::B64 => Iced::RAX + number,
    }
}

/// Every shape of address: no, short and long displacements, with and without an index, with and without a base.
fn addresses() -> Vec<Address> {
    let indices = || registers().filter(|index| index.number() != 4);
    let mut addresses = Vec::new();
    for disp in [0, 1, -1, 127, -128, 128, i32::MIN] {
        for base in registers() {
            addresses.push(Address::new(base, disp));
            let scaled = indices().flat_map(|index| (0..4).map(move |shift| (index, shift)));
            addresses.extend(scaled.map(|index| Address { base: Some(base), index: Some(index), disp }));
        }
        addresses.extend(indices().map(|index| Address { base: None, index: Some((index, 3)), disp }));
    }
    addresses
}

#[track_caller]
fn assert_address(decoded: &iced_x86::Instruction, address: Address) {
    let name =
        |register: Option<Register>| register.map_or(Iced::None, |register| named(register, Bits::B64));
    let found = (decoded.memory_base(), decoded.memory_index(), decoded.memory_displacement64() as i64);
    let expected = (name(address.base), name(address.index.map(|index| index.0)), i64::from(address.disp));
    assert_eq!(found, expected, "{address:?}");
    if let Some((_, shift)) = address.index {
        assert_eq!(decoded.memory_index_scale(), 1 << shift, "{address:?}");
    }
}

/// Forms with a register in `reg` and a register or memory in `rm`, their sizes, and the other decoder's name.
fn two_operands() -> Vec<(Form, &'static [Bits], Mnemonic)> {
    let alu = [
        (0, Mnemonic::Add),
        (1, Mnemonic::Or),
        (4, Mnemonic::And),
        (5, Mnemonic::Sub),
        (6, Mnemonic::Xor),
        (7, Mnemonic::Cmp),
    ];
    let stores = alu.map(|(op, mnemonic)| (form::alu_store(op), &BITS[..], mnemonic));
    let loads = alu.map(|(op, mnemonic)| (form::alu_load(op), &BITS[..], mnemonic));
    let others = [
        (form::TEST, &BITS[..], Mnemonic::Test),
        (form::MOV_STORE, &BITS, Mnemonic::Mov),
        (form::MOV_LOAD, &BITS, Mnemonic::Mov),
        (form::MOVZX8, WORDS, Mnemonic::Movzx),
        (form::MOVZX16, WORDS, Mnemonic::Movzx),
        (form::MOVSX8, WORDS, Mnemonic::Movsx),
        (form::MOVSX16, WORDS, Mnemonic::Movsx),
        (form::MOVSXD, &[Bits::B64], Mnemonic::Movsxd),
        (form::IMUL, WIDE, Mnemonic::Imul),
        (form::XADD, WORDS, Mnemonic::Xadd),
        (form::CMPXCHG, WORDS, Mnemonic::Cmpxchg),
        (form::cmov(Cond::Equal), WORDS, Mnemonic::Cmove),
        (form::cmov(Cond::Greater), WORDS, Mnemonic::Cmovg),
    ];
    stores.into_iter().chain(loads).chain(others).collect()
}

const fn instruction(form: Form, bits: Bits, reg: u8, place: Place, imm: Imm) -> Instruction {
    Instruction { form, bits, reg, place, third: 0, imm }
}

#[test]
fn two_operand_forms_name_the_registers_they_are_given() {
    let mut count = 0;
    for (form, sizes, mnemonic) in two_operands() {
        for (&bits, (reg, rm)) in sizes.iter().flat_map(|bits| pairs().map(move |pair| (bits, pair))) {
            let decoded = decode(&instruction(form, bits, reg.number(), rm.into(), Imm::None));
            assert_eq!(decoded.mnemonic(), mnemonic);
            let operands = [decoded.op0_register(), decoded.op1_register()];
            assert!(operands.contains(&named(reg, bits)), "{form:?} {bits:?} {reg:?} {rm:?}: {operands:?}");
            let whole = operands.map(Iced::full_register);
            assert!(whole.contains(&named(rm, Bits::B64)), "{form:?} {bits:?} {reg:?} {rm:?}: {operands:?}");
            count += 1;
        }
    }
    assert!(count > 10_000);
}

#[test]
fn two_operand_forms_name_the_memory_they_are_given() {
    let addresses = addresses();
    for (form, sizes, mnemonic) in two_operands() {
        for &bits in sizes {
            for (index, &address) in addresses.iter().enumerate() {
                let reg = Register::new(index as u8);
                let decoded = decode(&instruction(form, bits, reg.number(), address.into(), Imm::None));
                assert_eq!(decoded.mnemonic(), mnemonic);
                assert_address(&decoded, address);
                let operands = [decoded.op0_register(), decoded.op1_register()];
                assert!(operands.contains(&named(reg, bits)), "{form:?} {bits:?} {reg:?}: {operands:?}");
            }
        }
    }
}

#[test]
fn loads_and_stores_are_of_the_size_they_are_given() {
    let sizes = [MemorySize::UInt8, MemorySize::UInt16, MemorySize::UInt32, MemorySize::UInt64];
    for (bits, size) in BITS.into_iter().zip(sizes) {
        for form in [form::MOV_LOAD, form::MOV_STORE] {
            let place = Address::new(Register::new(13), 0).into();
            assert_eq!(decode(&instruction(form, bits, 6, place, Imm::None)).memory_size(), size);
        }
    }
}

#[test]
fn addresses_are_computed_and_bytes_swapped_as_they_are_given() {
    let forms = [
        (form::LEA, Mnemonic::Lea),
        (form::MOVBE_LOAD, Mnemonic::Movbe),
        (form::MOVBE_STORE, Mnemonic::Movbe),
    ];
    for address in addresses() {
        for ((form, mnemonic), &bits) in
            forms.iter().flat_map(|form| WORDS.iter().map(move |bits| (*form, bits)))
        {
            let decoded = decode(&instruction(form, bits, 9, address.into(), Imm::None));
            assert_eq!(decoded.mnemonic(), mnemonic);
            assert_address(&decoded, address);
        }
    }
}

#[test]
fn constants_are_those_that_are_given() {
    for place in registers().map(Place::from).chain(addresses().into_iter().map(Place::from)) {
        for (form, bits, imm, value) in [
            (form::ALU_IMM8, Bits::B64, Imm::I8(-5), -5i64),
            (form::ALU_IMM8, Bits::B16, Imm::I8(5), 5),
            (form::ALU_IMM, Bits::B8, Imm::I8(-5), 0xfb),
            (form::ALU_IMM, Bits::B16, Imm::I16(-300), 0xfed4),
            (form::ALU_IMM, Bits::B32, Imm::I32(-70_000), 0xfffe_ee90),
            (form::ALU_IMM, Bits::B64, Imm::I32(-70_000), -70_000),
            (form::MOV_IMM, Bits::B8, Imm::I8(7), 7),
            (form::MOV_IMM, Bits::B16, Imm::I16(700), 700),
            (form::MOV_IMM, Bits::B32, Imm::I32(70_000), 70_000),
            (form::MOV_IMM, Bits::B64, Imm::I32(-1), -1),
            (form::GROUP3, Bits::B8, Imm::I8(3), 3),
            (form::GROUP3, Bits::B32, Imm::I32(300), 300),
            (form::GROUP3, Bits::B64, Imm::I32(300), 300),
            (form::SHIFT_IMM, Bits::B32, Imm::I8(7), 7),
            (form::SHIFT_IMM, Bits::B64, Imm::I8(63), 63),
        ] {
            let decoded = decode(&instruction(form, bits, 0, place, imm));
            let mask = if bits == Bits::B16 && imm == Imm::I8(5) { 0xffff } else { u64::MAX };
            assert_eq!(decoded.immediate(1) & mask, value as u64, "{form:?} {bits:?}");
            if let Place::Memory(address) = place {
                assert_address(&decoded, address);
            }
        }
    }
}

#[test]
fn extensions_of_opcodes_are_the_operations_they_stand_for() {
    let group3 =
        [(2, Mnemonic::Not), (3, Mnemonic::Neg), (4, Mnemonic::Mul), (6, Mnemonic::Div), (7, Mnemonic::Idiv)];
    let shifts = [(0, Mnemonic::Rol), (4, Mnemonic::Shl), (5, Mnemonic::Shr), (7, Mnemonic::Sar)];
    for register in registers() {
        for &bits in WORDS {
            let group3 = group3.map(|(digit, mnemonic)| (form::GROUP3, digit, mnemonic));
            let ones = shifts.map(|(digit, mnemonic)| (form::SHIFT_ONE, digit, mnemonic));
            let by_cl = shifts.map(|(digit, mnemonic)| (form::SHIFT_CL, digit, mnemonic));
            for (form, digit, mnemonic) in group3.into_iter().chain(ones).chain(by_cl) {
                let decoded = decode(&instruction(form, bits, digit, register.into(), Imm::None));
                assert_eq!((decoded.mnemonic(), decoded.op0_register()), (mnemonic, named(register, bits)));
            }
        }
        let test = decode(&instruction(form::GROUP3, Bits::B8, 0, register.into(), Imm::I8(1)));
        assert_eq!((test.mnemonic(), test.op0_register()), (Mnemonic::Test, named(register, Bits::B8)));
        let place = Address::new(register, 8).into();
        let call = decode(&instruction(form::CALL_PLACE, Bits::B32, 2, place, Imm::None));
        assert_eq!((call.mnemonic(), call.memory_base()), (Mnemonic::Call, named(register, Bits::B64)));
    }
}

#[test]
fn three_operand_forms_name_all_three() {
    let shifts = [(1, Mnemonic::Shlx), (3, Mnemonic::Shrx), (2, Mnemonic::Sarx)];
    for ((reg, rm), third) in pairs().flat_map(|pair| registers().map(move |third| (pair, third))) {
        for ((prefix, mnemonic), &bits) in
            shifts.iter().flat_map(|it| WORDS.iter().map(move |bits| (*it, bits)))
        {
            let (form, place) = (form::shift_x(prefix), rm.into());
            let (reg_number, third_number) = (reg.number(), third.number());
            let shift =
                Instruction { form, bits, reg: reg_number, place, third: third_number, imm: Imm::None };
            let decoded = decode(&shift);
            let found = [decoded.op0_register(), decoded.op1_register(), decoded.op2_register()];
            assert_eq!(decoded.mnemonic(), mnemonic);
            assert_eq!(found, [named(reg, bits), named(rm, bits), named(third, bits)]);
        }
    }
    for (reg, rm) in pairs() {
        for (form, imm, mnemonic) in [
            (form::RORX, Imm::I8(5), Mnemonic::Rorx),
            (form::IMUL_IMM8, Imm::I8(5), Mnemonic::Imul),
            (form::IMUL_IMM, Imm::I32(5), Mnemonic::Imul),
        ] {
            let decoded = decode(&instruction(form, Bits::B64, reg.number(), rm.into(), imm));
            let found = [decoded.op0_register(), decoded.op1_register()];
            assert_eq!((decoded.mnemonic(), decoded.immediate(2)), (mnemonic, 5));
            assert_eq!(found, [named(reg, Bits::B64), named(rm, Bits::B64)]);
        }
    }
}

#[test]
fn a_condition_and_its_inverse_are_each_others() {
    for (cond, inverse) in [
        (Cond::Equal, Cond::NotEqual),
        (Cond::Below, Cond::NotBelow),
        (Cond::Above, Cond::NotAbove),
        (Cond::Less, Cond::NotLess),
        (Cond::Greater, Cond::NotGreater),
    ] {
        assert_eq!((cond.inverted(), inverse.inverted()), (inverse, cond));
    }
    let place = Register::new(6).into();
    let set = decode(&instruction(form::setcc(Cond::Below), Bits::B32, 0, place, Imm::None));
    assert_eq!(
        (set.mnemonic(), set.op0_kind(), set.op0_register()),
        (Mnemonic::Setb, OpKind::Register, Iced::SIL)
    );
}
