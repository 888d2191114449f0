use std::string::String;
use std::vec::Vec;

use ed25519_dalek::SigningKey;

use super::*;

fn public(seed: u8) -> [u8; KEY_BYTES] {
    SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| std::format!("{byte:02x}")).collect()
}

fn trusted(trust: &Trust) -> Vec<[u8; KEY_BYTES]> {
    trust.keys().map(VerifyingKey::to_bytes).collect()
}

#[test]
fn keys_come_from_the_block_or_the_command_line() {
    let full = block(&[1, 2, 3, 4].map(public), 9).unwrap();
    let trust = Trust::new(&full, None, None);
    assert_eq!((trusted(&trust), trust.oldest()), ([1, 2, 3, 4].map(public).to_vec(), 9));
    assert_eq!(trust.is_required(), Ok(true));
    let line = hex(&public(5)) + "," + &hex(&public(6));
    let trust = Trust::new(&VACANT_BLOCK, Some(&line), Some("3"));
    assert_eq!((trusted(&trust), trust.oldest()), ([5, 6].map(public).to_vec(), 3));
    assert_eq!(Trust::new(&VACANT_BLOCK, None, None).is_required(), Ok(false));
}

#[test]
fn a_command_line_adds_no_key_to_a_block_that_has_one_and_makes_nothing_older() {
    let one = block(&[public(1)], 9).unwrap();
    let trust = Trust::new(&one, Some(&hex(&public(2))), Some("3"));
    assert_eq!((trusted(&trust), trust.oldest()), ([public(1)].to_vec(), 9));
    assert_eq!(Trust::new(&one, None, Some("10")).oldest(), 10);
}

#[test]
fn what_makes_no_sense_is_trusted_with_nothing() {
    let five = [1, 2, 3, 4, 5].map(|seed| hex(&public(seed))).join(",");
    let not_a_point = hex(&[2; 32]);
    for text in ["", ",", "00", "zz", &five, &not_a_point, &(hex(&public(1)) + ","), &hex(&[0; 32])] {
        assert_eq!(Trust::new(&VACANT_BLOCK, Some(text), None).is_required(), Err(BadTrust), "{text}");
    }
    for oldest in ["", "-1", "x", "18446744073709551616"] {
        assert_eq!(Trust::new(&VACANT_BLOCK, None, Some(oldest)).is_required(), Err(BadTrust), "{oldest}");
    }
    for (at, value) in [(24, 5), (31, 1)] {
        let mut damaged = block(&[public(1)], 0).unwrap();
        damaged[at] = value;
        let trust = Trust::new(&damaged, None, None);
        assert_eq!((trust.is_required(), trusted(&trust)), (Err(BadTrust), Vec::new()), "byte {at}");
    }
    assert_eq!(block(&[1, 2, 3, 4, 5].map(public), 0), Err(BadTrust));
}

#[test]
fn a_key_anybody_can_sign_for_is_no_key() {
    // The neutral element, and the point of order 2: RFC 8032 lets them in.
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    for weak in [public_of_small_order(), minus_one] {
        assert!(VerifyingKey::from_bytes(&weak).is_ok());
        let block = block(&[weak], 0).unwrap();
        assert_eq!(Trust::new(&block, None, None).is_required(), Err(BadTrust));
    }
}

fn public_of_small_order() -> [u8; KEY_BYTES] {
    let mut one = [0; 32];
    one[0] = 1;
    one
}
