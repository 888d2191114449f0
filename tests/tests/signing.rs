//! Signed initrds: one bit is enough to be refused, and nothing of a refused one is read; on the host and on both
//! images, with keys that are replaced and initrds that are too old.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use kernel_core::signature::{self, HEAD_BYTES, Refusal};
use kernel_core::trust::{self, KeyId, Trust};
use kernel_report::Record;
use tests::command::{have_or_skip, run, skep, text};
use tests::demand::assert_as_manifest_says;
use tests::device_tree;
use tests::fake_board::FakeBoard;
use tests::given::{Given, scratch};
use tests::host;
use tests::initrd;
use tests::qemu::{Boot, Pc, Vm, pc_status, rpi3_status};
use tests::random::Random;

use ed25519_dalek::{Signer as _, SigningKey};

fn key() -> SigningKey {
    SigningKey::from_bytes(&[0x42; 32])
}

fn sealed(archive: &[u8]) -> Vec<u8> {
    let mut signed = vec![0; HEAD_BYTES + archive.len()];
    let id = KeyId::of(key().verifying_key().as_bytes());
    signature::seal(&mut signed, archive, id, |message| key().sign(message).to_bytes());
    signed
}

fn trusting(oldest: u64) -> Trust {
    let block = trust::block(&[key().verifying_key().to_bytes()], oldest).expect("one key is not too many");
    Trust::new(&block, None, None)
}

fn small() -> Vec<u8> {
    host::packed(&[("a.o", &host::returning("seven", 7)), ("manifest", &manifest(""))])
}

fn manifest(sequence: &str) -> Vec<u8> {
    format!("skep-manifest 1\nrun_for=1\n{sequence}program object=a.o program=seven expect=7\n").into()
}

#[test]
fn a_signed_initrd_runs_where_its_key_is_trusted_and_where_none_is() {
    for board in [FakeBoard::with_trust(trusting(0)), FakeBoard::default()] {
        let boot = board.boot(sealed(&small()));
        assert!(host::summary(&boot).ok);
        assert_eq!(host::results(&boot, "seven"), [7]);
    }
}

#[test]
fn one_flipped_bit_anywhere_in_a_small_one_is_refused_and_nothing_of_it_is_read() {
    let signed = sealed(&small());
    for at in 0..signed.len() {
        let mut altered = signed.clone();
        altered[at] ^= 1 << (at % 8);
        let boot = FakeBoard::with_trust(trusting(0)).boot(altered);
        let summary = host::summary(&boot);
        assert_eq!(
            (summary.ok, summary.loaded, summary.rejected, summary.runs),
            (false, 0, 0, 0),
            "byte {at}"
        );
        let [("initrd", 0, _)] = boot.report.refusals()[..] else {
            panic!("byte {at}: one refusal expected: {:?}", boot.report.refusals());
        };
    }
}

#[test]
fn ten_thousand_flipped_bits_in_a_large_one_are_all_refused() {
    const ARCHIVE_BYTES: usize = 128 << 10;
    let mut signed = sealed(&vec![0x5a; ARCHIVE_BYTES]);
    let trust = trusting(0);
    assert!(signature::admit(&mut signed, &trust).is_ok());
    let mut random = Random::seeded(0x5196_ed00);
    for _ in 0..10_000 {
        let bit = random.below(signed.len() * 8);
        signed[bit / 8] ^= 1 << (bit % 8);
        assert!(signature::admit(&mut signed, &trust).is_err(), "bit {bit}");
        signed[bit / 8] ^= 1 << (bit % 8);
    }
    assert!(signature::admit(&mut signed, &trust).is_ok(), "every flip was taken back");
}

#[test]
fn what_is_cut_or_added_to_is_refused() {
    let signed = sealed(&small());
    for length in 1..signed.len() {
        let boot = FakeBoard::with_trust(trusting(0)).boot(signed[..length].to_vec());
        assert_eq!((host::summary(&boot).ok, host::summary(&boot).loaded), (false, 0), "cut at {length}");
    }
    // A second archive behind the first is what Linux's initramfs would read too.
    let boot = FakeBoard::with_trust(trusting(0)).boot([signed, small()].concat());
    assert_eq!((host::summary(&boot).ok, host::summary(&boot).loaded), (false, 0));
}

#[test]
fn an_initrd_that_is_too_old_is_refused_whole() {
    let with_sequence = |sequence: &str| {
        let files: [(&str, &[u8]); 2] =
            [("a.o", &host::returning("seven", 7)), ("manifest", &manifest(sequence))];
        FakeBoard::with_trust(trusting(5)).boot(sealed(&host::packed(&files)))
    };
    for sequence in ["sequence=5\n", "sequence=6\n", "sequence=18446744073709551615\n"] {
        assert!(host::summary(&with_sequence(sequence)).ok, "{sequence}");
    }
    for sequence in ["sequence=4\n", "sequence=0\n", "", "sequence=x\n"] {
        let boot = with_sequence(sequence);
        let summary = host::summary(&boot);
        assert_eq!((summary.ok, summary.loaded, summary.runs), (false, 0, 0), "{sequence}");
        assert!(boot.report.refusals().iter().any(|refusal| refusal.2.contains("too old")), "{sequence}");
    }
    let without_manifest = sealed(&host::packed(&[("a.o", &host::returning("seven", 7))]));
    assert_eq!(host::summary(&FakeBoard::with_trust(trusting(5)).boot(without_manifest)).loaded, 0);
}

#[test]
fn the_refusals_name_the_key() {
    let mut signed = sealed(b"070701");
    let block = trust::block(&[SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes()], 0).unwrap();
    let refusal = signature::admit(&mut signed, &Trust::new(&block, None, None)).expect_err("not its key");
    let id = KeyId::of(key().verifying_key().as_bytes());
    assert_eq!(refusal, Refusal::UnknownKey(id));
    assert!(refusal.to_string().contains(&id.to_string()), "{refusal}");
}

/// Keys and initrds of a site, made by the tool.
struct Site {
    folder: PathBuf,
    archive: Vec<u8>,
}

impl Site {
    fn new(given: &Given, test: &str) -> Self {
        let folder = scratch("signing").join(test);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("the scratch folder can be written to");
        for name in ["old", "new"] {
            skep(given, &[&"key", &"new", &folder.join(name)]);
        }
        let archive = initrd::demo(given, &folder.join("unsigned"));
        for name in ["old", "new"] {
            let (out, key) = (folder.join(format!("by-{name}")), folder.join(format!("{name}.key")));
            skep(given, &[&"pack", &"-o", &out, &"--sign", &key, &initrd::examples()]);
            let signed = fs::read(&out).unwrap();
            assert!(signed.ends_with(&archive) && signed.len() == archive.len() + HEAD_BYTES);
        }
        let mut altered = fs::read(folder.join("by-new")).unwrap();
        let middle = altered.len() / 2;
        altered[middle] ^= 1;
        fs::write(folder.join("altered"), altered).unwrap();
        Self { folder, archive }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The words that make an image trust this key.
    fn words(&self, given: &Given, key: &str) -> String {
        let told = skep(given, &[&"key", &"show", &self.file(key)]);
        told.lines().find(|line| line.starts_with("trust=")).expect("the words are told").into()
    }

    /// An image that trusts these keys.
    fn image(&self, given: &Given, board: &str, format: &str, out: &str, trust: &[&str]) -> PathBuf {
        let (out, initrd) = (self.file(out), self.file("by-new"));
        let keys: Vec<_> = trust.iter().map(|key| self.file(key)).collect();
        let mut arguments: Vec<&dyn AsRef<OsStr>> =
            vec![&"image", &board, &"--format", &format, &"-o", &out, &"--initrd", &initrd];
        for key in &keys {
            arguments.extend([&"--trust" as &dyn AsRef<OsStr>, key]);
        }
        skep(given, &arguments);
        out
    }

    #[track_caller]
    fn assert_ran(&self, boot: &Boot, status: i32) {
        boot.assert_exit(status);
        assert_as_manifest_says(&boot.report, &self.archive);
        assert!(boot.report.text_after("signature: by key ").is_some_and(|rest| rest.contains("genuine")));
    }
}

#[track_caller]
fn assert_refused(boot: &Boot, status: i32, why: &str) {
    boot.assert_exit(status);
    let [("initrd", 0, reason)] = boot.report.refusals()[..] else {
        panic!("one refusal expected:\n{}", boot.text());
    };
    assert!(reason.contains(why), "{reason}");
    let program = |record: &Record<String>| matches!(record, Record::Program { .. });
    assert!(!boot.report.records.iter().any(program), "nothing was loaded");
}

#[test]
fn the_pc_takes_what_either_of_two_keys_signed_until_the_old_one_is_dropped() {
    let test = "the_pc_takes_what_either_of_two_keys_signed_until_the_old_one_is_dropped";
    let Some(given) = Given::or_skip(test) else { return };
    let site = Site::new(&given, test);
    let both = site.image(&given, "pc", "elf", "both.elf", &["old.pub", "new.pub"]);
    let new = site.image(&given, "pc", "elf", "new.elf", &["new.pub"]);
    let boot = |image: &Path, initrd: &str| Vm::pc(Pc::Microvm, 64, image).initrd(&site.file(initrd)).boot();
    site.assert_ran(&boot(&both, "by-old"), pc_status::OK);
    site.assert_ran(&boot(&both, "by-new"), pc_status::OK);
    site.assert_ran(&boot(&new, "by-new"), pc_status::OK);
    assert_refused(&boot(&new, "by-old"), pc_status::FAILED, "does not trust");
    assert_refused(&boot(&new, "unsigned"), pc_status::FAILED, "not signed");
    assert_refused(&boot(&new, "altered"), pc_status::FAILED, "altered");
    // Whoever writes the command line cannot add a key to an image that has one.
    let more = Vm::pc(Pc::Microvm, 64, &new).initrd(&site.file("by-old"));
    assert_refused(&more.append(&site.words(&given, "old.pub")).boot(), pc_status::FAILED, "does not trust");
}

#[test]
fn the_command_line_can_name_the_key_and_the_oldest_sequence() {
    let test = "the_command_line_can_name_the_key_and_the_oldest_sequence";
    let Some(given) = Given::or_skip(test) else { return };
    let site = Site::new(&given, test);
    let boot = |initrd: &str, words: &[&str]| {
        let vm = Vm::pc(Pc::Microvm, 64, &given.pc).initrd(&site.file(initrd));
        words.iter().fold(vm, |vm, word| vm.append(word)).boot()
    };
    // Either half of a pair tells the key.
    let words = site.words(&given, "new.key");
    assert_eq!(words, site.words(&given, "new.pub"));
    site.assert_ran(&boot("by-new", &[&words]), pc_status::OK);
    assert_refused(&boot("by-old", &[&words]), pc_status::FAILED, "does not trust");
    assert_refused(&boot("unsigned", &[&words]), pc_status::FAILED, "not signed");
    assert_refused(&boot("by-new", &[&words, "oldest=1"]), pc_status::FAILED, "too old");
    assert_refused(&boot("by-new", &["trust=nonsense"]), pc_status::FAILED, "no Ed25519 key");
}

#[test]
fn the_pi_refuses_with_and_without_a_device_tree_what_its_key_has_not_signed() {
    let test = "the_pi_refuses_with_and_without_a_device_tree_what_its_key_has_not_signed";
    let Some(given) = Given::or_skip(test) else { return };
    let site = Site::new(&given, test);
    let card = site.image(&given, "rpi3", "sd", "sd.img", &["new.pub"]);
    let kernel = site.file("kernel8.img");
    // The plain kernel is on the card but for the block of keys; it is found by what comes before that.
    fs::write(&kernel, kernel_with_keys(&fs::read(card).unwrap(), &fs::read(&given.rpi3).unwrap())).unwrap();
    let tree = site.file("tree.dtb");
    fs::write(&tree, device_tree::smallest()).unwrap();
    for has_tree in [false, true] {
        let boot = |initrd: &str| {
            let vm = Vm::rpi3(&kernel).initrd(&site.file(initrd));
            if has_tree { vm.dtb(&tree).boot() } else { vm.boot() }
        };
        site.assert_ran(&boot("by-new"), rpi3_status::OK);
        assert_refused(&boot("by-old"), rpi3_status::FAILED, "does not trust");
        assert_refused(&boot("unsigned"), rpi3_status::FAILED, "not signed");
        assert_refused(&boot("altered"), rpi3_status::FAILED, "altered");
    }
}

/// The kernel on a card: it is in one piece there, and begins like the plain one.
fn kernel_with_keys(card: &[u8], plain: &[u8]) -> Vec<u8> {
    let at = (0..card.len()).step_by(512).find(|&at| card[at..].starts_with(&plain[..512]));
    let kernel = &card[at.expect("the kernel is on the card")..][..plain.len()];
    let changed = kernel.iter().zip(plain).filter(|(left, right)| left != right).count();
    assert!((1..=trust::BLOCK_BYTES).contains(&changed), "{changed} bytes differ");
    kernel.to_vec()
}

#[test]
fn openssl_and_the_tool_read_each_others_keys() {
    let test = "openssl_and_the_tool_read_each_others_keys";
    let Some(given) = Given::or_skip(test).filter(|_| have_or_skip(test, &["openssl"])) else { return };
    let site = Site::new(&given, test);
    let public = run("openssl", &[&"pkey", &"-in", &site.file("new.key"), &"-pubout"]);
    assert_eq!(public, fs::read_to_string(site.file("new.pub")).unwrap());
    let (secret, public) = (site.file("foreign.key"), site.file("foreign.pub"));
    run("openssl", &[&"genpkey", &"-algorithm", &"ed25519", &"-out", &secret]);
    run("openssl", &[&"pkey", &"-in", &secret, &"-pubout", &"-out", &public]);
    assert_eq!(site.words(&given, "foreign.key"), site.words(&given, "foreign.pub"));
}

#[test]
fn the_tool_writes_no_key_over_and_signs_nothing_twice() {
    let test = "the_tool_writes_no_key_over_and_signs_nothing_twice";
    let Some(given) = Given::or_skip(test) else { return };
    let site = Site::new(&given, test);
    let before = fs::read(site.file("new.key")).unwrap();
    let key_new = tests::command::output(&given.tool, &[&"key", &"new", &site.file("new")]);
    assert!(key_new.status.code() == Some(2) && text(&key_new).contains("never written over"));
    assert_eq!(fs::read(site.file("new.key")).unwrap(), before);
    let (signed, key, out) = (site.file("by-new"), site.file("new.key"), site.file("out"));
    let arguments: [&dyn AsRef<OsStr>; 10] =
        [&"--no-install", &"image", &"pc", &"--format", &"elf", &"-o", &out, &"--initrd", &signed, &"--sign"];
    let twice = tests::command::output(&given.tool, &[&arguments[..], &[&key]].concat());
    assert!(twice.status.code() == Some(2) && text(&twice).contains("signed already"), "{}", text(&twice));
}
