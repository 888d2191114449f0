use std::vec;
use std::vec::Vec;

use ed25519_dalek::{Signer, SigningKey};

use super::*;
use crate::trust::{self, VACANT_BLOCK};

const SECRET: u8 = 7;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn sealed(archive: &[u8], seed: u8) -> Vec<u8> {
    let mut signed = vec![0; HEAD_BYTES + archive.len()];
    let key = key(seed);
    let id = KeyId::of(&key.verifying_key().to_bytes());
    seal(&mut signed, archive, id, |message| key.sign(message).to_bytes());
    signed
}

fn trusting(seeds: &[u8]) -> Trust {
    let keys: Vec<_> = seeds.iter().map(|&seed| key(seed).verifying_key().to_bytes()).collect();
    Trust::new(&trust::block(&keys, 0).unwrap(), None, None)
}

fn refusal(initrd: &[u8], trust: &Trust) -> Refusal {
    admit(&mut initrd.to_vec(), trust).map(|_| ()).expect_err("it must not be let in")
}

fn id(seed: u8) -> KeyId {
    KeyId::of(&key(seed).verifying_key().to_bytes())
}

#[test]
fn what_a_trusted_key_has_signed_is_let_in_without_its_head() {
    for archive in [&b""[..], b"070701", &[0x5a; 4097]] {
        let mut signed = sealed(archive, SECRET);
        let admitted = admit(&mut signed, &trusting(&[1, SECRET])).unwrap();
        assert_eq!(admitted.origin(), Origin::Signed(id(SECRET)));
        assert_eq!(admitted.into_archive(), archive);
    }
}

#[test]
fn without_a_trusted_key_anything_is_let_in() {
    let mut plain = b"070701".to_vec();
    assert_eq!(admit(&mut plain, &Trust::ANYTHING).unwrap().origin(), Origin::Unasked);
    let mut signed = sealed(b"070701", SECRET);
    let admitted = admit(&mut signed, &Trust::ANYTHING).unwrap();
    assert_eq!(admitted.origin(), Origin::Unchecked(id(SECRET)));
    assert_eq!(admitted.into_archive(), b"070701");
}

#[test]
fn unsigned_and_foreign_and_senseless_are_refused_each_with_its_reason() {
    let signed = sealed(b"070701", SECRET);
    assert_eq!(refusal(b"070701", &trusting(&[SECRET])), Refusal::Unsigned);
    assert_eq!(refusal(&signed, &trusting(&[1, 2])), Refusal::UnknownKey(id(SECRET)));
    let senseless = Trust::new(&VACANT_BLOCK, Some("?"), None);
    assert_eq!(refusal(&signed, &senseless), Refusal::Trust);
    assert_eq!(refusal(b"070701", &senseless), Refusal::Trust);
}

#[test]
fn no_bit_can_be_flipped_unnoticed() {
    let signed = sealed(b"070701 and some more bytes of an archive", SECRET);
    let trust = trusting(&[SECRET]);
    for bit in 0..signed.len() * 8 {
        let mut altered = signed.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let refusal = refusal(&altered, &trust);
        let is_expected = match bit / 8 {
            0..8 => refusal == Refusal::Unsigned,
            72..80 => refusal == Refusal::Context,
            80..88 => matches!(refusal, Refusal::UnknownKey(_)),
            88..96 => matches!(refusal, Refusal::Length { .. }),
            _ => refusal == Refusal::Forged(id(SECRET)),
        };
        assert!(is_expected, "bit {bit}: {refusal}");
    }
}

#[test]
fn no_cut_and_no_added_byte_goes_unnoticed() {
    let signed = sealed(b"070701 and some more", SECRET);
    let trust = trusting(&[SECRET]);
    for length in 0..signed.len() {
        let refusal = refusal(&signed[..length], &trust);
        let expected = match length {
            0..8 => matches!(refusal, Refusal::Unsigned),
            8..HEAD_BYTES => refusal == Refusal::HeadCut,
            _ => matches!(refusal, Refusal::Length { .. }),
        };
        assert!(expected, "cut at {length}: {refusal:?}");
    }
    let longer = [&signed[..], &[0]].concat();
    assert_eq!(refusal(&longer, &trust), Refusal::Length { said: 20, found: 21 });
}

#[test]
fn a_signature_is_not_good_for_another_archive_or_by_another_key_of_the_same_name() {
    let (signed, other) = (sealed(b"one", SECRET), sealed(b"two", SECRET));
    let mut mixed = other.clone();
    mixed[8..SIGNED_AT].copy_from_slice(&signed[8..SIGNED_AT]);
    assert_eq!(refusal(&mixed, &trusting(&[SECRET])), Refusal::Forged(id(SECRET)));
    let mut renamed = sealed(b"one", 8);
    renamed[80..88].copy_from_slice(&id(SECRET).0);
    assert_eq!(refusal(&renamed, &trusting(&[SECRET])), Refusal::Forged(id(SECRET)));
}

#[test]
fn the_extent_is_what_the_head_says_within_the_memory_there_is() {
    let mut memory = sealed(b"070701", SECRET);
    let length = memory.len();
    memory.extend([0; 100]);
    assert_eq!(extent(&memory), length);
    memory[95] = 0xff;
    assert_eq!(extent(&memory), length + 100);
    assert_eq!(extent(&memory[..50]), 50);
    memory[88..96].fill(0xff);
    assert_eq!(extent(&memory), HEAD_BYTES);
}
