use super::*;
use crate::insn::{Reg, Size};
use crate::verifier::state::StackSpan;

const ALL: u16 = u16::MAX;

fn manner(addresses: Addresses) -> Manner {
    Manner { addresses, level: None, most_trips: 0, attempt: 0, guesses: 7 }
}

fn packet(identity: u32, most: u64) -> Value {
    let variable = Scalar::range(0, most);
    Value::Pointer(Pointer { identity, variable, ..Pointer::to(Target::Packet) })
}

#[test]
fn a_pointer_that_comes_to_be_another_one_has_a_name_that_no_other_has() {
    let mut guess = State::EMPTY;
    // Named by a guess before, as is its copy.
    let earlier = GUESSED | (6 * GUESSED_AT_ONCE + 2);
    guess.set(Reg::new(1).unwrap(), packet(44, 9));
    guess.set(Reg::new(6).unwrap(), packet(earlier, 9));
    let mut other = guess.clone();
    other.set(Reg::new(1).unwrap(), packet(earlier, 9));
    assert!(generalise(&mut guess, &other, ALL, manner(Addresses::Open)));
    let identity = |state: &State, register| match state.get(Reg::new(register).unwrap()) {
        Value::Pointer(pointer) => pointer.identity,
        _ => 0,
    };
    assert_eq!(identity(&guess, 6), earlier);
    assert!(![44, earlier, 0].contains(&identity(&guess, 1)));
}

#[test]
fn bytes_of_a_pointer_are_no_number_that_was_written() {
    let place = |start, len| StackSpan { frame: 0, start, len, exact: true };
    let pointer = Held::new(Value::Pointer(Pointer::to(Target::Context)));
    let number = Held::new(Value::NUMBER);
    let (mut one, mut two) = (State::EMPTY, State::EMPTY);
    one.write(place(8, 8), Size::DW, number);
    two.write(place(8, 8), Size::DW, pointer);
    one.write(place(16, 4), Size::W, Held::new(Value::Number(Scalar::constant(5))));
    one.write(place(20, 4), Size::W, number);
    two.write(place(16, 8), Size::DW, pointer);
    for (guess, other) in [(&one, &two), (&two, &one)] {
        let mut guess = guess.clone();
        assert!(generalise(&mut guess, other, ALL, manner(Addresses::Secret)));
        assert!((8..24).all(|byte| !guess.is_written(place(byte, 1))));
    }
}

#[test]
fn a_pointer_too_far_away_is_not_guessed_at() {
    let pointer = |fixed| Value::Pointer(Pointer { fixed, ..Pointer::to(Target::Stack { frame: 0 }) });
    let (mut guess, mut other) = (State::EMPTY, State::EMPTY);
    guess.set(Reg::R1, pointer(-MAX_OFFSET));
    other.set(Reg::R1, pointer(MAX_OFFSET));
    assert!(generalise(&mut guess, &other, ALL, manner(Addresses::Open)));
    assert_eq!(guess.get(Reg::R1), Value::Uninitialised);
}
