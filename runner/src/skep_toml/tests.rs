use super::*;

const PROGRAM: &str = "[[program]]\nobject = \"a.o\"\nprogram = \"p\"\n";

fn entry_of(keys: &str) -> String {
    let table = parse(&format!("{PROGRAM}{keys}")).unwrap();
    table.manifest().unwrap().lines().nth(2).unwrap().to_string()
}

fn refusal_of(keys: &str) -> String {
    match parse(&format!("{PROGRAM}{keys}")) {
        Err(error) => error.to_string(),
        Ok(table) => table.manifest().unwrap_err().to_string(),
    }
}

#[test]
fn every_key_reaches_the_manifest() {
    let text = "run_for = \"2s\"\n[[program]]\nobject = \"a.o\"\nprogram = \"p\"\ntrigger = \"xdp\"\n\
        priority = \"critical\"\ndeadline = \"5ms\"\ncriticality = \"high\"\nexpect = \"rejected\"\n\
        on_restart = \"keep\"\nsafe_value = 7\npackets = \"captures/web.pcap\"\n";
    let expected = "skep-manifest 1\nrun_for=2000000000\nprogram object=a.o program=p trigger=xdp \
        priority=critical deadline=5000000 criticality=high expect=rejected on_restart=keep safe_value=7 \
        packets=web.pcap\n";
    assert_eq!(parse(text).unwrap().manifest().unwrap(), expected);
}

#[test]
fn a_period_has_a_unit() {
    assert!(entry_of("trigger = { every = \"10ms\" }").contains(" trigger=every:10000000 "));
    assert!(entry_of("deadline = \"3 us\"").contains(" deadline=3000 "));
    for bad in ["10", "ms", "1h", "-1ms", "0s", "99999999999999999999s", "18446744074s"] {
        let refusal = refusal_of(&format!("deadline = \"{bad}\""));
        assert!(refusal.contains("line 4, column 12"), "{bad}: {refusal}");
    }
}

#[test]
fn a_return_value_can_be_written_in_three_ways() {
    assert!(entry_of("expect = 55").contains(" expect=55 "));
    assert!(entry_of("expect = \"0xffffffffffffffff\"").contains(" expect=18446744073709551615 "));
    assert!(entry_of("expect = -1").contains(" expect=18446744073709551615 "));
    assert!(refusal_of("expect = \"maybe\"").contains("`maybe` is no number"));
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_known_ones() {
    let refusal = refusal_of("colour = \"red\"");
    assert!(refusal.contains("line 4, column 1"), "{refusal}");
    assert!(refusal.contains("unknown field `colour`") && refusal.contains("priority"), "{refusal}");
    assert!(refusal_of("trigger = { each = \"1s\" }").contains("unknown field `each`"));
}

#[test]
fn a_word_that_is_none_of_the_possible_is_refused_with_the_possible_ones() {
    assert!(refusal_of("priority = \"urgent\"").contains("critical"));
    assert!(refusal_of("trigger = \"often\"").contains("xdp"));
}

#[test]
fn what_the_image_would_refuse_is_refused_before_it_is_packed() {
    assert!(refusal_of(PROGRAM).contains("named before"));
    assert!(refusal_of("packets = \"web.pcap\"").contains("trigger=xdp"));
}
