//! What a helper call leaves behind.

use super::new_identity;
use crate::helpers::{self, Return};
use crate::insn::{Reg, Size};
use crate::verifier::state::State;
use crate::verifier::value::{Pointer, Scalar, Target, Value};

/// The state after helper `id`, whose arguments an obligation has granted.
pub(super) fn helper(state: &mut State, id: u32) {
    let returned = match helpers::helper(id).map(|helper| helper.returns) {
        Some(Return::Number32) => Value::Number(Scalar::of_size(Size::W)),
        Some(Return::ValueOrNull) => value_or_null(state),
        Some(Return::Number) | None => Value::NUMBER,
    };
    state.clobber_arguments();
    state.set(Reg::R0, returned);
}

/// The result of a lookup in the map in r1.
fn value_or_null(state: &mut State) -> Value {
    let Value::Pointer(Pointer { target: Target::Map { map }, .. }) = state.get(Reg::R1) else {
        return Value::Uninitialised;
    };
    let identity = new_identity(state);
    Value::Pointer(Pointer { identity, ..Pointer::to(Target::MapValueOrNull { map }) })
}
