use super::*;
use crate::insn::{Reg, Size};
use crate::verifier::Addresses;
use crate::verifier::state::StackSpan;

fn number(number: u64) -> Value {
    Value::Number(Scalar::constant(number))
}

fn sample() -> State {
    let mut state = State::EMPTY;
    state.packet_bytes = 34;
    assert!(state.acquire(77));
    (state.loop_count, state.loops[0]) = (1, Loop { head: 5, trips: Trips { least: 1, most: 4 } });
    state.set(Reg::R1, Value::Pointer(Pointer::to(Target::Context)));
    let pointer = Pointer { fixed: -8, identity: 7, proven: 9, ..Pointer::to(Target::MapValue { map: 2 }) };
    let pointer = Pointer { variable: Scalar::range(1, 5), ..pointer };
    let (low, high) = (Line { slope: 1, start: -3 }, Line { slope: 2, start: 1 });
    let held = Held { value: Value::Pointer(pointer), tie: Tie::Trips { level: 0, low, high } };
    state.write(StackSpan { frame: 0, start: 8, len: 8, exact: true }, Size::DW, held);
    assert!(state.enter(1, 9, Entry::Callback));
    state.set(Reg::R0, number(5));
    let tied = Held { value: Value::NUMBER, tie: Tie::Same { id: 3, delta: -1 } };
    state.set_held(Reg::FRAME, tied);
    state.write(StackSpan { frame: 1, start: 0, len: 4, exact: true }, Size::W, Held::new(Value::NUMBER));
    state.write(StackSpan { frame: 1, start: 20, len: 4, exact: true }, Size::W, Held::new(number(9)));
    state
}

fn encoded(state: &State) -> std::vec::Vec<u64> {
    let mut words = std::vec![0; 512];
    let len = Writer::new(&mut words).state(state, None).unwrap();
    words.truncate(len);
    words
}

fn covers(seen: &State, state: &State, addresses: Addresses) -> bool {
    let words = encoded(seen);
    Reader::new(&words).covers(state, &mut Cover::new(state, addresses), Own::Around)
}

#[test]
fn a_restored_state_encodes_to_the_same_words() {
    let words = encoded(&sample());
    let mut restored = State::EMPTY;
    Reader::new(&words).restore(&mut restored);
    assert_eq!(encoded(&restored), words);
    assert!(covers(&sample(), &restored, Addresses::Secret));
}

#[test]
fn a_state_covers_those_that_know_more() {
    let (mut seen, mut other) = (sample(), sample());
    other.set(Reg::R0, number(6));
    assert!(!covers(&seen, &other, Addresses::Open));
    seen.set(Reg::R0, Value::Uninitialised);
    assert!(covers(&seen, &other, Addresses::Open));
    seen.set(Reg::R0, Value::Number(Scalar::range(5, 6)));
    assert!(covers(&seen, &other, Addresses::Open));
    other.packet_bytes -= 1;
    assert!(!covers(&seen, &other, Addresses::Open));
}

#[test]
fn a_number_stands_for_an_address_only_where_addresses_are_open() {
    let (mut seen, mut other) = (sample(), sample());
    seen.set(Reg::R0, Value::NUMBER);
    other.set(Reg::R0, Value::Pointer(Pointer::to(Target::Context)));
    assert!(covers(&seen, &other, Addresses::Open));
    assert!(!covers(&seen, &other, Addresses::Secret));
    seen.set(Reg::R0, Value::Number(Scalar::range(0, u64::MAX - 1)));
    assert!(!covers(&seen, &other, Addresses::Open));
}

#[test]
fn what_must_be_given_back_and_the_loops_around_must_be_the_same() {
    let changed = |change: fn(&mut State)| {
        let mut state = sample();
        change(&mut state);
        covers(&sample(), &state, Addresses::Open)
    };
    assert!(changed(|_| {}));
    assert!(!changed(|state| state.release(77)));
    assert!(!changed(|state| state.references[0].identity = 78));
    assert!(!changed(|state| state.loops[0].head = 6));
    assert!(!changed(|state| state.loops[0].trips.most = 5));
    assert!(!changed(|state| state.leave_loops(0)));
    assert!(!changed(|state| state.frames[1].return_to = 8));
    assert!(!changed(|state| state.frames[1].entry = Entry::Call));
}

#[test]
fn equal_numbers_stand_only_for_equal_numbers() {
    let with = |two: Held, three: Held| {
        let mut state = State::EMPTY;
        state.set_held(Reg::R0, two);
        state.set_held(Reg::R1, three);
        state
    };
    let tied = |range: Scalar, delta| Held { value: Value::Number(range), tie: Tie::Same { id: 4, delta } };
    let range = Scalar::range(0, 100);
    let seen = with(tied(range, 0), tied(range, 3));
    let plain = |value: u64| Held::new(number(value));
    assert!(covers(&seen, &with(plain(7), plain(10)), Addresses::Open));
    assert!(!covers(&seen, &with(plain(7), plain(11)), Addresses::Open));
    assert!(covers(&seen, &with(tied(range, 1), tied(range, 4)), Addresses::Open));
    assert!(!covers(&seen, &with(tied(range, 1), tied(range, 5)), Addresses::Open));
    assert!(!covers(
        &seen,
        &with(Held::new(Value::Number(range)), Held::new(Value::Number(range))),
        Addresses::Open
    ));
}

#[test]
fn too_little_room_is_told() {
    assert_eq!(Writer::new(&mut [0; 8]).state(&sample(), None), None);
}

#[test]
fn what_holds_nothing_is_tied_to_nothing() {
    let mut state = State::EMPTY;
    state.set_held(Reg::R1, Held { value: Value::Uninitialised, tie: Tie::Same { id: 4, delta: 3 } });
    let mut plain = State::EMPTY;
    plain.set(Reg::R1, Value::Uninitialised);
    assert_eq!(encoded(&state), encoded(&plain));
}

#[test]
fn a_loop_is_entered_after_no_trips_whatever_other_loop_the_state_is_in() {
    let line = Line { slope: 1, start: 0 };
    let held = |number| Held { value: number, tie: Tie::Trips { level: 0, low: line, high: line } };
    let mut seen = State::EMPTY;
    (seen.loop_count, seen.loops[0]) = (1, Loop { head: 5, trips: Trips { least: 0, most: 9 } });
    seen.set_held(Reg::R1, held(Value::Number(Scalar::range(0, 9))));
    let words = encoded(&seen);
    let enters = |number, head, trips| {
        let mut state = State::EMPTY;
        (state.loop_count, state.loops[0]) = (1, Loop { head, trips: Trips { least: trips, most: trips } });
        state.set_held(Reg::R1, held(Value::Number(Scalar::constant(number))));
        let mut cover = Cover::new(&state, Addresses::Open);
        Reader::new(&words).covers(&state, &mut cover, Own::BeginsHere)
    };
    assert!(enters(2, 5, 2) && !enters(2, 6, 2) && enters(0, 6, 2) && !enters(10, 5, 10));
}
