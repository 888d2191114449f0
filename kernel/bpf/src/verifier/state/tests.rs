use super::*;

fn span(start: usize, len: usize) -> StackSpan {
    StackSpan { frame: 0, start, len, exact: true }
}

fn state() -> State {
    State::EMPTY
}

#[test]
fn a_spill_keeps_its_value_until_a_byte_of_it_is_overwritten() {
    let mut state = state();
    let pointer = Value::Pointer(Pointer::to(Target::Context));
    state.write(span(16, 8), Size::DW, pointer);
    assert_eq!(state.read(span(16, 8), Size::DW), Some(pointer));
    assert_eq!(state.read(span(16, 4), Size::W), None);
    state.write(span(20, 1), Size::B, Value::NUMBER);
    assert_eq!(state.read(span(16, 8), Size::DW), None);
    assert_eq!(state.read(span(20, 1), Size::B), Some(Value::Number(Scalar::of_size(Size::B))));
}

#[test]
fn bytes_are_readable_once_they_are_all_written() {
    let mut state = state();
    state.write(span(0, 4), Size::W, Value::NUMBER);
    assert_eq!(state.read(span(0, 8), Size::DW), None);
    state.write(span(4, 4), Size::W, Value::NUMBER);
    assert_eq!(state.read(span(0, 8), Size::DW), Some(Value::NUMBER));
}

#[test]
fn a_store_somewhere_in_a_range_initialises_nothing_and_keeps_what_was() {
    let mut state = state();
    state.write(span(0, 8), Size::DW, Value::Number(Scalar::constant(7)));
    state.write(StackSpan { exact: false, ..span(0, 24) }, Size::B, Value::NUMBER);
    assert_eq!(state.read(span(0, 8), Size::DW), Some(Value::NUMBER));
    assert_eq!(state.read(span(8, 8), Size::DW), None);
}

#[test]
fn a_pointer_into_a_frame_that_is_gone_is_dead() {
    let mut state = state();
    assert!(state.enter(1, 5));
    let own = Value::Pointer(Pointer::to(Target::Stack { frame: 1 }));
    state.write(span(0, 8), Size::DW, own);
    state.set(Reg::R0, own);
    assert_eq!(state.leave(), Some(5));
    assert_eq!(state.get(Reg::R0), Value::Uninitialised);
    assert_eq!(state.read(span(0, 8), Size::DW), None);
    assert_eq!(state.read(span(0, 1), Size::B), None);
    assert_eq!(state.leave(), None);
}

#[test]
fn frames_run_out() {
    let mut state = state();
    assert_eq!((0..).take_while(|_| state.enter(0, 0)).count(), MAX_FRAMES - 1);
}
