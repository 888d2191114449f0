//! The checker: what an instruction asks of the state before it, as data, and whether the state grants it.
//!
//! [`obligations`] reads the instruction alone; [`Obligation::check`] reads the state and changes nothing.

mod access;
mod call;

use super::Addresses;
use super::rejection::Reason;
use super::state::{Entry, State};
use super::value::{MAX_OFFSET, Pointer, Scalar, Target, Value};
use crate::context::ProgramKind;
use crate::helpers::{Helper, helper};
use crate::insn::{AluOp, AtomicOp, Condition, Extend, Immediate, Insn, Operand, Reg, Size, Width};
use crate::maps::{MapDef, MapKind};
use crate::object::{MapAccess, ShortName};

pub use access::Mode;
pub(super) use call::{map_in, map_index};

/// What is known of the program besides its instructions.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its type.
    pub kind: ProgramKind,
    /// The maps of its object.
    pub maps: &'a [MapDef<'a>],
    /// Whether addresses are a secret.
    pub addresses: Addresses,
}

impl<'a> Facts<'a> {
    /// The bytes of the one value of a map that nothing writes; a map of more values says only what its first
    /// one is.
    pub(super) fn constant_value(&self, map: u32) -> Option<&'a [u8]> {
        let def = self.maps.get(map as usize).filter(|def| has_first_value(def))?;
        if def.access == MapAccess::ReadOnly && def.max_entries == 1 { def.initial } else { None }
    }
}

/// Whether a map always has a first value: an array of at least one.
const fn has_first_value(def: &MapDef<'_>) -> bool {
    matches!(def.kind, MapKind::Array | MapKind::PercpuArray) && def.max_entries > 0
}

/// Something that must hold before an instruction is executed.
#[derive(Clone, Copy, Debug)]
pub enum Obligation {
    /// The register was written.
    Initialised(Reg),
    /// The register was written, and may be taken as a number.
    AsNumber(Reg),
    /// The operation exists on these operands.
    Arithmetic {
        /// Operation.
        op: AluOp,
        /// Width.
        width: Width,
        /// First operand.
        dst: Reg,
        /// Second operand.
        src: Operand,
    },
    /// The comparison tells nothing about addresses.
    Comparison {
        /// Comparison.
        condition: Condition,
        /// Width.
        width: Width,
        /// First operand.
        dst: Reg,
        /// Second operand.
        src: Operand,
    },
    /// The bytes exist and may be used like that.
    Access {
        /// Address register.
        base: Reg,
        /// Added to it.
        offset: i16,
        /// Bytes.
        size: Size,
        /// How they are used.
        mode: Mode,
    },
    /// The map exists, and the offset lies in its first value.
    MapReference(Immediate),
    /// The arguments are what the helper takes.
    Call(&'static Helper),
    /// The program may end here.
    Return,
    /// There is no state that grants it.
    Never(Reason),
}

/// Up to three obligations of one instruction.
pub type Obligations = [Option<Obligation>; 3];

/// What `insn` asks for.
#[must_use]
pub fn obligations(insn: &Insn) -> Obligations {
    let access = |base, offset, size, mode| Some(Obligation::Access { base, offset, size, mode });
    match *insn {
        Insn::Alu { width, op, dst, src } => {
            [Some(Obligation::Arithmetic { op, width, dst, src }), constant_operand(op, width, src), None]
        }
        Insn::Neg { dst, .. } | Insn::Swap { dst, .. } => [Some(Obligation::AsNumber(dst)), None, None],
        Insn::MovSx { src, .. } => [Some(Obligation::AsNumber(src)), None, None],
        Insn::LoadImm { value, .. } => [Some(Obligation::MapReference(value)), None, None],
        Insn::Load { base, offset, size, extend, .. } => {
            [access(base, offset, size, Mode::Load(extend)), None, None]
        }
        Insn::Store { base, offset, size, value } => {
            let initialised = match value {
                Operand::Reg(register) => Some(Obligation::Initialised(register)),
                Operand::Imm(_) => None,
            };
            [initialised, access(base, offset, size, Mode::Store(value)), None]
        }
        Insn::Atomic { op, base, src, offset, size, .. } => {
            let compared = (op == AtomicOp::CmpXchg).then_some(Obligation::AsNumber(Reg::R0));
            [Some(Obligation::AsNumber(src)), compared, access(base, offset, size, Mode::Atomic)]
        }
        Insn::Branch { width, condition, dst, src, .. } => {
            [Some(Obligation::Comparison { condition, width, dst, src }), None, None]
        }
        Insn::CallHelper { id } => [
            Some(helper(id).map_or(Obligation::Never(Reason::UnknownHelper(id)), Obligation::Call)),
            None,
            None,
        ],
        Insn::CallRegister { .. } => [Some(Obligation::Never(Reason::RegisterCall)), None, None],
        Insn::Exit => [Some(Obligation::Return), None, None],
        Insn::Jump { .. } | Insn::CallLocal { .. } => [None; 3],
    }
}

/// RFC 9669 gives shifts by the width or more and division by zero a meaning; written as constants they are
/// mistakes, and Linux refuses them too.
fn constant_operand(op: AluOp, width: Width, src: Operand) -> Option<Obligation> {
    let Operand::Imm(imm) = src else {
        return None;
    };
    let bits = if width == Width::W64 { 64 } else { 32 };
    match op {
        AluOp::Lsh | AluOp::Rsh | AluOp::Arsh if !(0..bits).contains(&imm) => {
            Some(Obligation::Never(Reason::ShiftCount(imm)))
        }
        AluOp::Div | AluOp::SDiv | AluOp::Mod | AluOp::SMod if imm == 0 => {
            Some(Obligation::Never(Reason::DivisionByZero))
        }
        _ => None,
    }
}

impl Obligation {
    /// Whether `state` grants it.
    ///
    /// # Errors
    /// What is missing.
    pub fn check(&self, state: &State, facts: &Facts<'_>) -> Result<(), Reason> {
        match *self {
            Self::Initialised(register) => initialised(state, register).map(drop),
            Self::AsNumber(register) => as_number(state, facts, register),
            Self::Arithmetic { op, width, dst, src } => arithmetic(state, facts, op, width, dst, src),
            Self::Comparison { dst, src, .. } if facts.addresses == Addresses::Open => {
                initialised(state, dst)?;
                match src {
                    Operand::Reg(register) => initialised(state, register).map(drop),
                    Operand::Imm(_) => Ok(()),
                }
            }
            Self::Comparison { condition, width, dst, src } => comparison(state, condition, width, dst, src),
            Self::Access { base, offset, size, mode } => {
                access::check(state, facts, base, i64::from(offset), size, mode)
            }
            Self::MapReference(value) => map_reference(facts, value),
            Self::Call(helper) => call::check(state, facts, helper),
            Self::Return => may_return(state, facts),
            Self::Never(reason) => Err(reason),
        }
    }
}

/// What `register` holds, which is something.
fn initialised(state: &State, register: Reg) -> Result<&Value, Reason> {
    match state.value(register) {
        Value::Uninitialised => Err(Reason::Uninitialised(register)),
        value => Ok(value),
    }
}

/// The number in `register`.
fn number(state: &State, register: Reg) -> Result<Scalar, Reason> {
    match initialised(state, register)? {
        Value::Number(number) => Ok(*number),
        value => Err(Reason::NotANumber(register, *value)),
    }
}

/// Whether `register` may be taken as a number: an address is one, where addresses are no secret.
fn as_number(state: &State, facts: &Facts<'_>, register: Reg) -> Result<(), Reason> {
    match facts.addresses {
        Addresses::Open => initialised(state, register).map(drop),
        Addresses::Secret => number(state, register).map(drop),
    }
}

/// What the second operand is.
fn operand(state: &State, src: Operand) -> Result<Value, Reason> {
    match src {
        Operand::Reg(register) => initialised(state, register).copied(),
        Operand::Imm(imm) => Ok(Value::Number(Scalar::constant(imm as u64))),
    }
}

fn arithmetic(
    state: &State,
    facts: &Facts<'_>,
    op: AluOp,
    width: Width,
    dst: Reg,
    src: Operand,
) -> Result<(), Reason> {
    let is_number = |register| matches!(state.value(register), Value::Number(_));
    let second_is = match src {
        Operand::Reg(register) => is_number(register),
        Operand::Imm(_) => true,
    };
    if second_is && (op == AluOp::Mov || is_number(dst)) {
        return Ok(());
    }
    let second = operand(state, src)?;
    let src_register = match src {
        Operand::Reg(register) => register,
        Operand::Imm(_) => dst,
    };
    let is_open = facts.addresses == Addresses::Open;
    if op == AluOp::Mov {
        return match (width, second) {
            (Width::W32, Value::Pointer(_)) if !is_open => {
                Err(Reason::PointerArithmetic(src_register, second))
            }
            _ => Ok(()),
        };
    }
    match (*initialised(state, dst)?, second, op, width) {
        (value @ Value::Pointer(pointer), Value::Number(offset), AluOp::Add | AluOp::Sub, Width::W64) => {
            let offset = if op == AluOp::Sub { offset.negated(Width::W64) } else { offset };
            offsets(dst, value, &pointer, src_register, &offset)
        }
        (Value::Number(offset), Value::Pointer(pointer), AluOp::Add, Width::W64) => {
            offsets(src_register, second, &pointer, dst, &offset)
        }
        (Value::Pointer(one), Value::Pointer(two), AluOp::Sub, Width::W64)
            if is_open || same_object(&one, &two) =>
        {
            Ok(())
        }
        // Half an address is some number.
        (_, _, AluOp::Sub, Width::W32) if is_open => Ok(()),
        (value @ Value::Pointer(_), ..) => Err(Reason::PointerArithmetic(dst, value)),
        _ => Err(Reason::PointerArithmetic(src_register, second)),
    }
}

/// Whether a difference or comparison of the two tells only about offsets.
fn same_object(one: &Pointer, two: &Pointer) -> bool {
    use Target::{Packet, PacketEnd};
    match (one.target, two.target) {
        (Packet | PacketEnd, Packet | PacketEnd) => true,
        (Target::MapValue { .. } | Target::Map { .. } | Target::MapValueOrNull { .. }, _) => false,
        (one, two) => one == two,
    }
}

/// `offset` may be added to `pointer`: the object allows it, and nothing comes near to an overflow.
fn offsets(
    register: Reg,
    value: Value,
    pointer: &Pointer,
    added: Reg,
    offset: &Scalar,
) -> Result<(), Reason> {
    match pointer.target {
        Target::PacketEnd | Target::Map { .. } | Target::Function { .. } => {
            // To add nothing changes nothing.
            let nothing = offset.as_constant() == Some(0) && !matches!(pointer.target, Target::PacketEnd);
            return if nothing { Ok(()) } else { Err(Reason::PointerArithmetic(register, value)) };
        }
        target if target.if_not_null().is_some() => return Err(Reason::MaybeNull(register)),
        _ => {}
    }
    let bounded = |number: i64| (-MAX_OFFSET..=MAX_OFFSET).contains(&number);
    let unbounded = Reason::UnboundedOffset(added, Value::Number(*offset));
    if !bounded(offset.smin) || !bounded(offset.smax) {
        return Err(unbounded);
    }
    // Each part is at most MAX_OFFSET before, so these sums cannot overflow.
    let (low, high) = match offset.as_constant() {
        Some(constant) => (pointer.fixed + constant as i64, pointer.fixed + constant as i64),
        None => (pointer.variable.smin + offset.smin, pointer.variable.smax + offset.smax),
    };
    if bounded(low) && bounded(high) { Ok(()) } else { Err(unbounded) }
}

fn comparison(
    state: &State,
    condition: Condition,
    width: Width,
    dst: Reg,
    src: Operand,
) -> Result<(), Reason> {
    let (first, second) = (*initialised(state, dst)?, operand(state, src)?);
    let equality = matches!(condition, Condition::Eq | Condition::Ne);
    match (first, second) {
        (Value::Number(_), Value::Number(_)) => Ok(()),
        (Value::Pointer(pointer), Value::Number(number))
        | (Value::Number(number), Value::Pointer(pointer))
            if width == Width::W64
                && equality
                && number.as_constant() == Some(0)
                && !pointer.may_lie_in_front() =>
        {
            Ok(())
        }
        (Value::Pointer(one), Value::Pointer(two))
            if width == Width::W64
                && condition != Condition::Set
                && same_object(&one, &two)
                && (equality || (!one.may_lie_in_front() && !two.may_lie_in_front())) =>
        {
            Ok(())
        }
        (Value::Pointer(_), _) => Err(Reason::PointerComparison(dst, first)),
        (_, second) => match src {
            Operand::Reg(register) => Err(Reason::PointerComparison(register, second)),
            Operand::Imm(_) => Err(Reason::PointerComparison(dst, first)),
        },
    }
}

fn map_reference(facts: &Facts<'_>, value: Immediate) -> Result<(), Reason> {
    let def = |map: u32| match facts.maps.get(map as usize) {
        None => Err(Reason::UnknownMap(map)),
        Some(MapDef { name, refused: Some(error), .. }) => {
            Err(Reason::MapRefused { map: ShortName::new(name), error: *error })
        }
        Some(def) => Ok(def),
    };
    match value {
        Immediate::Value(_) => Ok(()),
        Immediate::Map(map) => def(map).map(drop),
        Immediate::MapValue { map, offset }
            if has_first_value(def(map)?) && offset <= def(map)?.value_size =>
        {
            Ok(())
        }
        Immediate::MapValue { offset, .. } => Err(Reason::MapOffset(offset)),
        Immediate::Function(_) => Ok(()),
    }
}

/// The program itself ends with something in r0, and with nothing that it should have given back. Where addresses
/// are a secret, r0 is a number. Its functions may return anything, or nothing.
fn may_return(state: &State, facts: &Facts<'_>) -> Result<(), Reason> {
    if state.depth > 0 {
        return match (state.frames[state.depth].entry, state.get(Reg::R0)) {
            (Entry::Call, _) => Ok(()),
            // 0 to be called again, 1 to be called no more.
            (Entry::Callback, Value::Number(number)) if number.umax <= 1 => Ok(()),
            (Entry::Callback, found) => Err(Reason::CallbackValue(found)),
        };
    }
    if let Some(reference) = state.references[..state.reference_count].first() {
        return Err(Reason::NotGivenBack { pc: reference.identity - 1 });
    }
    match state.get(Reg::R0) {
        found @ Value::Uninitialised => Err(Reason::ReturnValue(found)),
        found @ Value::Pointer(_) if facts.addresses == Addresses::Secret => Err(Reason::ReturnValue(found)),
        _ => Ok(()),
    }
}

/// The number an access leaves a register with, by how it is extended.
pub(super) fn extended(number: Scalar, size: Size, extend: Extend) -> Scalar {
    match extend {
        Extend::Zero => number,
        Extend::Sign => number.sign_extended(size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_in_front_of_its_object_is_not_compared() {
        let compare = |target, fixed, condition, src| {
            let mut state = State::EMPTY;
            let object = Pointer::to(target);
            state.set(Reg::R0, Value::Pointer(Pointer { fixed, ..object }));
            state.set(Reg::R1, Value::Pointer(object));
            comparison(&state, condition, Width::W64, Reg::R0, src).is_ok()
        };
        let (null, other) = (Operand::Imm(0), Operand::Reg(Reg::R1));
        for (target, first) in [(Target::Stack { frame: 0 }, -512), (Target::Packet, 0), (Target::Context, 0)]
        {
            for (condition, src) in [(Condition::Eq, null), (Condition::Ne, null), (Condition::Gt, other)] {
                assert!(compare(target, first, condition, src), "{target:?} {condition:?}");
                assert!(!compare(target, first - 1, condition, src), "{target:?} {condition:?}");
            }
            assert!(compare(target, first - 1, Condition::Eq, other), "{target:?}: tells an offset only");
        }
    }

    #[test]
    fn only_an_array_with_entries_has_a_first_value() {
        let refers = |def: MapDef<'_>, offset| {
            let facts = Facts { kind: ProgramKind::Syscall, maps: &[def], addresses: Addresses::Secret };
            map_reference(&facts, Immediate::MapValue { map: 0, offset }).is_ok()
        };
        let array = MapDef { value_size: 8, ..MapDef::VACANT };
        assert!(refers(array, 0) && refers(array, 8) && !refers(array, 9));
        assert!(!refers(MapDef { max_entries: 0, ..array }, 0));
        assert!(!refers(MapDef { kind: MapKind::Hash, ..array }, 0));
    }
}
