use super::*;
use crate::verifier::tie::Line;
use crate::verifier::value::Scalar;

fn span(start: usize, len: usize) -> StackSpan {
    StackSpan { frame: 0, start, len, exact: true }
}

fn write(state: &mut State, start: usize, size: Size, value: Value) {
    state.write(span(start, size.bytes()), size, Held::new(value));
}

fn read(state: &State, start: usize, size: Size) -> Option<Value> {
    state.read(span(start, size.bytes()), size).map(|held| held.value)
}

fn constant(number: u64) -> Value {
    Value::Number(Scalar::constant(number))
}

#[test]
fn a_spill_keeps_its_value_until_a_byte_of_it_is_overwritten() {
    let mut state = State::EMPTY;
    let pointer = Value::Pointer(Pointer::to(Target::Context));
    write(&mut state, 16, Size::DW, pointer);
    assert_eq!(read(&state, 16, Size::DW), Some(pointer));
    assert_eq!(read(&state, 16, Size::W), None);
    write(&mut state, 20, Size::B, Value::NUMBER);
    assert_eq!(read(&state, 16, Size::DW), Some(Value::NUMBER));
    assert!(state.is_written(span(20, 1)) && !state.is_written(span(16, 4)));
}

#[test]
fn bytes_are_written_once_they_all_are() {
    let mut state = State::EMPTY;
    write(&mut state, 0, Size::W, Value::NUMBER);
    assert!(!state.is_written(span(0, 8)));
    write(&mut state, 4, Size::W, Value::NUMBER);
    assert!(state.is_written(span(0, 8)));
    assert_eq!(read(&state, 0, Size::DW), Some(Value::NUMBER));
}

#[test]
fn half_a_slot_keeps_its_value_and_parts_of_it_can_be_read() {
    let mut state = State::EMPTY;
    write(&mut state, 4, Size::W, constant(0x1234_5678));
    assert_eq!(read(&state, 4, Size::W), Some(constant(0x1234_5678)));
    assert_eq!(read(&state, 5, Size::B), Some(constant(0x56)));
    assert_eq!(read(&state, 6, Size::H), Some(constant(0x1234)));
    assert_eq!(read(&state, 0, Size::W), Some(Value::of_size(Size::W)));
    write(&mut state, 0, Size::W, constant(0));
    assert_eq!(read(&state, 1, Size::B), Some(constant(0)));
    assert_eq!(read(&state, 4, Size::W), Some(constant(0x1234_5678)));
}

#[test]
fn zeros_stay_zeros_however_they_are_stored_and_read() {
    let mut state = State::EMPTY;
    for start in 0..8 {
        write(&mut state, start, Size::B, constant(0x300));
    }
    assert_eq!(read(&state, 0, Size::DW), Some(constant(0)));
    write(&mut state, 3, Size::B, Value::NUMBER);
    assert_eq!(read(&state, 4, Size::W), Some(constant(0)));
    assert_eq!(read(&state, 0, Size::W), Some(Value::of_size(Size::W)));
}

#[test]
fn a_store_somewhere_in_a_range_writes_nothing_for_sure_and_keeps_no_value() {
    let mut state = State::EMPTY;
    write(&mut state, 0, Size::DW, constant(7));
    write(&mut state, 8, Size::DW, constant(0));
    state.write(StackSpan { exact: false, ..span(0, 24) }, Size::B, Held::new(Value::NUMBER));
    assert_eq!(read(&state, 0, Size::DW), Some(Value::NUMBER));
    assert_eq!(read(&state, 8, Size::DW), Some(Value::NUMBER));
    assert!(state.is_written(span(0, 16)) && !state.is_written(span(16, 1)));
}

#[test]
fn a_pointer_into_a_frame_that_is_gone_is_dead() {
    let mut state = State::EMPTY;
    assert!(state.enter(1, 5, Entry::Call));
    let own = Value::Pointer(Pointer::to(Target::Stack { frame: 1 }));
    write(&mut state, 0, Size::DW, own);
    state.set(Reg::R0, own);
    assert_eq!(state.leave(), Some(5));
    assert_eq!(state.get(Reg::R0), Value::Uninitialised);
    assert_eq!(read(&state, 0, Size::DW), Some(Value::NUMBER));
    assert!(!state.is_written(span(0, 1)));
    assert_eq!(state.leave(), None);
}

#[test]
fn a_callback_comes_back_with_the_registers_of_its_helper() {
    let mut state = State::EMPTY;
    let registers: std::vec::Vec<_> = (1..10).filter_map(Reg::new).collect();
    registers.iter().for_each(|&register| state.set(register, constant(register.index() as u64)));
    assert!(state.clone().enter(1, 5, Entry::Call));
    assert!(state.enter(1, 5, Entry::Callback));
    state.set(Reg::R0, constant(0));
    registers.iter().for_each(|&register| state.set(register, Value::NUMBER));
    assert_eq!(state.leave(), Some(5));
    assert!(registers.iter().all(|&register| state.get(register) == constant(register.index() as u64)));
    assert_eq!(state.get(Reg::R0), Value::Uninitialised);
}

#[test]
fn frames_run_out() {
    let mut state = State::EMPTY;
    assert_eq!((0..).take_while(|_| state.enter(0, 0, Entry::Call)).count(), MAX_FRAMES - 1);
}

#[test]
fn what_was_taken_is_given_back_once() {
    let mut state = State::EMPTY;
    assert!((1..=4).all(|identity| state.acquire(identity)) && !state.acquire(5));
    state.release(2);
    state.release(2);
    assert_eq!([1, 2, 3, 4].map(|identity| state.is_held(identity)), [true, false, true, true]);
}

#[test]
fn ties_to_a_loop_are_counted_on_and_die_with_it() {
    let mut state = State::EMPTY;
    (state.loop_count, state.loops[0].trips) = (1, Trips { least: 0, most: 9 });
    let line = Line { slope: 2, start: 5 };
    let tie = Tie::Trips { level: 0, low: line, high: line };
    state.set_held(Reg::R1, Held { value: Value::NUMBER, tie });
    state.come_around(0);
    let line = Line { slope: 2, start: 3 };
    assert_eq!(state.held(Reg::R1).tie, Tie::Trips { level: 0, low: line, high: line });
    assert_eq!(state.loops[0].trips, Trips { least: 1, most: 10 });
    state.leave_loops(0);
    assert_eq!((state.held(Reg::R1).tie, state.loop_count), (Tie::None, 0));
}

#[test]
fn of_a_pointer_that_dies_nothing_is_left() {
    let mut state = State::EMPTY;
    let variable = Scalar::range(0, 7);
    let value = Value::Pointer(Pointer { variable, ..Pointer::to(Target::Packet) });
    let held = Held { value, tie: Tie::Same { id: 3, delta: 0 } };
    state.write(span(8, 8), Size::DW, held);
    state.set_held(Reg::R1, held);
    state.for_each_pointer(|value, _| *value = Value::Uninitialised);
    assert_eq!(*state.held(Reg::R1), Held::NOTHING);
    assert!(!state.is_written(span(8, 1)) && state.frames[0].present == 0);
}
