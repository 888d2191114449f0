//! Whether bytes exist and may be used: one function for each kind of object.

use super::Facts;
use crate::context::{FieldAccess, FieldKind};
use crate::insn::{Extend, Operand, Reg, Size};
use crate::interpreter::FRAME_BYTES;
use crate::object::MapAccess;
use crate::verifier::Addresses;
use crate::verifier::rejection::Reason;
use crate::verifier::state::{StackSpan, State};
use crate::verifier::value::{Pointer, Target, Value};

/// How an access uses its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Loads them.
    Load(Extend),
    /// Stores the operand.
    Store(Operand),
    /// Loads and stores a number.
    Atomic,
}

/// One access, with what its base holds.
struct Access<'s> {
    state: &'s State,
    base: Reg,
    value: &'s Value,
    pointer: &'s Pointer,
    offset: i64,
    size: Size,
    mode: Mode,
}

/// Whether the access is granted.
pub(super) fn check(
    state: &State,
    facts: &Facts<'_>,
    base: Reg,
    offset: i64,
    size: Size,
    mode: Mode,
) -> Result<(), Reason> {
    let value = super::initialised(state, base)?;
    let Value::Pointer(pointer) = value else {
        return Err(Reason::NotAPointer(base, *value));
    };
    let access = Access { state, base, value, pointer, offset, size, mode };
    let is_secret = facts.addresses == Addresses::Secret;
    if is_secret && !matches!(pointer.target, Target::Stack { .. }) {
        access.stores_no_pointer()?;
    }
    match pointer.target {
        Target::Stack { .. } if is_secret => access.secret_stack(),
        Target::Stack { .. } => access.stack().map(drop),
        Target::Context => access.context(facts),
        Target::Packet | Target::PacketMeta if mode == Mode::Atomic => Err(Reason::ReadOnly(base)),
        Target::Packet | Target::PacketMeta => packet(state, base, pointer, offset, size.bytes() as u64),
        Target::MapValue { map } if mode.writes() && read_only(facts, map) => Err(Reason::ReadOnly(base)),
        Target::MapValue { map } if mode.reads() && write_only(facts, map) => Err(Reason::WriteOnly(base)),
        Target::MapKey { .. } if mode.writes() => Err(Reason::ReadOnly(base)),
        Target::MapValue { .. }
        | Target::MapKey { .. }
        | Target::Memory { .. }
        | Target::Allocated { .. } => bounded(base, *value, pointer, offset, size.bytes() as u64, facts),
        Target::MapValueOrNull { .. } | Target::AllocatedOrNull { .. } => Err(Reason::MaybeNull(base)),
        Target::PacketEnd | Target::Map { .. } | Target::Function { .. } => {
            Err(Reason::NotAPointer(base, *value))
        }
    }
}

impl Mode {
    fn writes(self) -> bool {
        !matches!(self, Self::Load(_))
    }

    fn reads(self) -> bool {
        !matches!(self, Self::Store(_))
    }
}

fn read_only(facts: &Facts<'_>, map: u32) -> bool {
    facts.maps.get(map as usize).is_none_or(|def| def.access == MapAccess::ReadOnly)
}

fn write_only(facts: &Facts<'_>, map: u32) -> bool {
    facts.maps.get(map as usize).is_none_or(|def| def.access == MapAccess::WriteOnly)
}

impl Access<'_> {
    /// The register of a pointer that is stored.
    fn stored_pointer(&self) -> Option<Reg> {
        match self.mode {
            Mode::Store(Operand::Reg(register)) => {
                matches!(self.state.value(register), Value::Pointer(_)).then_some(register)
            }
            _ => None,
        }
    }

    fn stores_no_pointer(&self) -> Result<(), Reason> {
        self.stored_pointer().map_or(Ok(()), |register| Err(Reason::PointerLeak(register)))
    }

    /// The bytes lie in the frame, and are aligned.
    fn stack(&self) -> Result<StackSpan, Reason> {
        let Access { state, base, value, pointer, offset, size, mode } = *self;
        let Some(span) = StackSpan::of(pointer, offset, size.bytes() as u64) else {
            let reach =
                (pointer.reach(offset).0, pointer.reach(offset).1.saturating_add(size.bytes() as i64));
            return Err(Reason::OutOfBounds {
                base: (base, *value),
                reach,
                bounds: (-(FRAME_BYTES as i64), 0),
            });
        };
        let lowest = pointer.reach(offset).0;
        if !self.is_aligned() {
            return Err(Reason::Misaligned(base, lowest));
        }
        let read = match mode {
            Mode::Load(extend) => state
                .read(span, size)
                .filter(|held| extend == Extend::Zero || matches!(held.value, Value::Number(_))),
            Mode::Store(_) | Mode::Atomic => return Ok(span),
        };
        if read.is_some() { Ok(span) } else { Err(Reason::UninitialisedStack(base, lowest)) }
    }

    /// Whether every address the access may begin at is a multiple of its size.
    fn is_aligned(&self) -> bool {
        let mask = self.size.bytes() as u64 - 1;
        let known = (self.pointer.fixed + self.offset) as u64;
        let bits = self.pointer.variable.bits;
        bits.mask & mask == 0 && bits.value.wrapping_add(known) & mask == 0
    }

    /// The same where addresses are a secret: what is read was written, and no pointer is torn apart.
    fn secret_stack(&self) -> Result<(), Reason> {
        let Access { state, base, pointer, offset, size, mode, .. } = *self;
        let span = self.stack()?;
        let lowest = pointer.reach(offset).0;
        if let Some(register) = self.stored_pointer() {
            let whole = span.exact && size == Size::DW;
            return if whole { Ok(()) } else { Err(Reason::PointerLeak(register)) };
        }
        match mode {
            Mode::Store(_) if !span.exact && state.holds_pointer(span) => Err(Reason::SpillOverwritten(base)),
            Mode::Store(_) => Ok(()),
            Mode::Load(Extend::Zero) if state.is_written(span) => Ok(()),
            Mode::Load(Extend::Sign) | Mode::Atomic
                if state.is_written(span) && !state.holds_pointer(span) =>
            {
                Ok(())
            }
            Mode::Load(_) | Mode::Atomic => Err(Reason::UninitialisedStack(base, lowest)),
        }
    }

    fn context(&self, facts: &Facts<'_>) -> Result<(), Reason> {
        let (low, high) = self.pointer.reach(self.offset);
        let size = self.size.bytes() as u64;
        let refused = Reason::ContextField { offset: low, size };
        if low != high || low < 0 || !(low as u64).is_multiple_of(size) {
            return Err(refused);
        }
        let field = facts.kind.layout().field(low as u64, size).ok_or(refused)?;
        let whole = u64::from(field.size) == size;
        let granted = match (field.kind, self.mode) {
            (_, Mode::Atomic) => false,
            (_, Mode::Store(_)) => field.access == FieldAccess::ReadWrite && field.kind == FieldKind::Number,
            (FieldKind::Number, Mode::Load(_)) => true,
            (FieldKind::WholeNumber, Mode::Load(_)) => whole,
            (_, Mode::Load(extend)) => whole && extend == Extend::Zero,
        };
        if granted { Ok(()) } else { Err(refused) }
    }
}

/// Whether `size` bytes at `pointer + offset` are proven to lie in the packet.
pub(super) fn packet(
    state: &State,
    base: Reg,
    pointer: &Pointer,
    offset: i64,
    size: u64,
) -> Result<(), Reason> {
    let (low, high) = pointer.reach(offset);
    if low < 0 {
        return Err(Reason::BeforePacket(base, low));
    }
    let needed = (pointer.fixed + offset).saturating_add_unsigned(size);
    let inside = pointer.target == Target::Packet
        && high.saturating_add_unsigned(size) <= i64::from(state.packet_bytes);
    if inside || needed <= i64::from(pointer.proven) {
        Ok(())
    } else {
        Err(Reason::Packet { base, needed, proven: pointer.proven })
    }
}

/// Whether `size` bytes at `pointer + offset` lie in an object of fixed size.
pub(super) fn bounded(
    base: Reg,
    value: Value,
    pointer: &Pointer,
    offset: i64,
    size: u64,
    facts: &Facts<'_>,
) -> Result<(), Reason> {
    let len = match pointer.target {
        Target::Memory { size } | Target::Allocated { size } => i64::from(size),
        Target::MapValue { map } => {
            i64::from(facts.maps.get(map as usize).ok_or(Reason::UnknownMap(map))?.value_size)
        }
        Target::MapKey { map } => {
            i64::from(facts.maps.get(map as usize).ok_or(Reason::UnknownMap(map))?.key_size)
        }
        _ => 0,
    };
    let (low, high) = pointer.reach(offset);
    // Written so that nothing can overflow: the last start must leave room for the size.
    let fits = low >= 0 && high <= len && size <= (len - high) as u64;
    if fits {
        return Ok(());
    }
    let reach = (low, high.saturating_add_unsigned(size));
    Err(Reason::OutOfBounds { base: (base, value), reach, bounds: (0, len) })
}
