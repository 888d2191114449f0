use super::*;
use crate::insn::{Reg, Size};
use crate::verifier::state::StackSpan;

fn sample() -> State {
    let mut state = State::EMPTY;
    state.set(Reg::R1, Value::Pointer(Pointer::to(Target::Context)));
    let pointer =
        Pointer { fixed: -8, identity: 7, proven: 9, ..Pointer::to(Target::MapValue { map: 2 }) };
    let pointer = Pointer { variable: Scalar::range(1, 5), ..pointer };
    state.write(StackSpan { frame: 0, start: 8, len: 8, exact: true }, Size::DW, Value::Pointer(pointer));
    assert!(state.enter(1, 9));
    state.set(Reg::R0, Value::Number(Scalar::constant(5)));
    state.write(StackSpan { frame: 1, start: 0, len: 4, exact: true }, Size::W, Value::NUMBER);
    state
}

#[test]
fn a_restored_state_encodes_to_the_same_words() {
    let (mut one, mut two) = ([0; 256], [0; 256]);
    let len = Writer::new(&mut one).state(&sample(), u16::MAX).unwrap();
    let mut restored = State::EMPTY;
    Reader::new(&one[..len]).restore(&mut restored);
    assert_eq!(Writer::new(&mut two).state(&restored, u16::MAX), Some(len));
    assert_eq!(one, two);
    assert!(Reader::new(&one[..len]).covers(&restored));
}

#[test]
fn a_state_covers_those_that_know_more() {
    let mut words = [0; 256];
    let len = Writer::new(&mut words).state(&sample(), u16::MAX).unwrap();
    let mut other = sample();
    other.set(Reg::R0, Value::Number(Scalar::constant(6)));
    assert!(!Reader::new(&words[..len]).covers(&other));
    let live = !1;
    let len = Writer::new(&mut words).state(&sample(), live).unwrap();
    assert!(Reader::new(&words[..len]).covers(&other));
}

#[test]
fn too_little_room_is_told() {
    assert_eq!(Writer::new(&mut [0; 8]).state(&sample(), u16::MAX), None);
}
