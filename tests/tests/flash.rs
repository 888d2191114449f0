//! `skep flash`, with a list of disks that a test makes up: it writes to the card it is told, and to nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tests::command::text;
use tests::given::{Given, scratch};

const CARD_BYTES: u64 = 4 << 20;

/// A folder with an image, a file that stands for a card, and an `lsblk` that tells of it.
struct Bench {
    folder: PathBuf,
}

impl Bench {
    fn new(test: &str) -> Self {
        let folder = scratch("flash").join(test);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("the scratch folder can be written to");
        let mut image: Vec<u8> = (0..3 << 20).map(|at: u32| (at % 253) as u8).collect();
        // One partition, from sector 1 to the end.
        image[446..510].fill(0);
        (image[450], image[454]) = (0x0c, 1);
        image[458..462].copy_from_slice(&(3 * 2048 - 1u32).to_le_bytes());
        image[510..512].copy_from_slice(&[0x55, 0xaa]);
        fs::write(folder.join("sd.img"), image).unwrap();
        fs::write(folder.join("card"), vec![0xee; CARD_BYTES as usize]).unwrap();
        let bench = Self { folder };
        bench.list("\"rm\":true,\"hotplug\":true,\"ro\":false,\"mountpoints\":[null]", CARD_BYTES);
        bench
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Makes `lsblk` tell this of the card.
    fn list(&self, fields: &str, bytes: u64) {
        let card = self.file("card");
        let json = format!(
            r#"{{"blockdevices":[{{"path":"{}","size":{bytes},"model":"Reader","type":"disk",{fields}}}]}}"#,
            card.display()
        );
        let tool = self.file("lsblk");
        fs::write(&tool, format!("#!/bin/sh\ncat <<'END'\n{json}\nEND\n")).unwrap();
        fs::set_permissions(tool, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn flash(&self, given: &Given, arguments: &[&str]) -> Output {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = [self.folder.clone()].into_iter().chain(std::env::split_paths(&path));
        let mut tool = Command::new(&given.tool);
        tool.arg("flash").arg(self.file("sd.img")).args(arguments);
        tool.env("PATH", std::env::join_paths(paths).unwrap()).stdin(std::process::Stdio::null());
        tool.output().expect("the tool can be started")
    }

    fn card(&self) -> String {
        self.file("card").display().to_string()
    }

    #[track_caller]
    fn assert_untouched(&self) {
        assert!(
            fs::read(self.file("card")).unwrap().iter().all(|&byte| byte == 0xee),
            "the card was written to"
        );
    }
}

#[test]
fn the_image_is_on_the_card_and_the_rest_of_the_card_is_as_it_was() {
    let test = "the_image_is_on_the_card_and_the_rest_of_the_card_is_as_it_was";
    let Some(given) = Given::or_skip(test) else { return };
    let bench = Bench::new(test);
    let output = bench.flash(&given, &["--device", &bench.card(), "--yes"]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("read back and the same"), "{}", text(&output));
    let (image, card) = (fs::read(bench.file("sd.img")).unwrap(), fs::read(bench.file("card")).unwrap());
    assert!(card[..image.len()] == image && card[image.len()..].iter().all(|&byte| byte == 0xee));
}

#[test]
fn a_disk_that_is_not_removable_or_mounted_or_too_small_is_refused_and_untouched() {
    let test = "a_disk_that_is_not_removable_or_mounted_or_too_small_is_refused_and_untouched";
    let Some(given) = Given::or_skip(test) else { return };
    let bench = Bench::new(test);
    let usable = "\"rm\":true,\"hotplug\":true,\"ro\":false";
    let part = "\"mountpoints\":[null],\"children\":[{\"path\":\"/dev/part\",\"size\":9,\"model\":null,\
        \"type\":\"part\",\"rm\":true,\"hotplug\":true,\"ro\":false,\"mountpoints\":[\"/home/photos\"]}]";
    for (fields, bytes, why) in [
        ("\"rm\":false,\"hotplug\":false,\"ro\":false,\"mountpoints\":[null]", CARD_BYTES, "not removable"),
        (&format!("{usable},\"mountpoints\":[\"/media/card\"]"), CARD_BYTES, "/media/card is mounted"),
        (&format!("{usable},\"mountpoints\":[\"[SWAP]\"]"), CARD_BYTES, "[SWAP] is mounted"),
        (&format!("{usable},{part}"), CARD_BYTES, "/home/photos is mounted"),
        ("\"rm\":true,\"hotplug\":true,\"ro\":true,\"mountpoints\":[null]", CARD_BYTES, "write-protected"),
        (&format!("{usable},\"mountpoints\":[null]"), 1 << 20, "too small"),
    ] {
        bench.list(fields, bytes);
        let output = bench.flash(&given, &["--device", &bench.card(), "--yes"]);
        assert!(output.status.code() == Some(2) && text(&output).contains(why), "{why}: {}", text(&output));
        bench.assert_untouched();
    }
}

#[test]
fn a_file_that_is_no_whole_disk_image_is_refused() {
    let test = "a_file_that_is_no_whole_disk_image_is_refused";
    let Some(given) = Given::or_skip(test) else { return };
    let bench = Bench::new(test);
    let whole = fs::read(bench.file("sd.img")).unwrap();
    for (image, why) in [
        (&b"not an image"[..], "no disk image"),
        (&[0; 4096], "no disk image"),
        (&whole[..whole.len() - 512], "cut off"),
        (&whole[..1000], "cut off"),
    ] {
        fs::write(bench.file("sd.img"), image).unwrap();
        let output = bench.flash(&given, &["--device", &bench.card(), "--yes"]);
        assert!(output.status.code() == Some(2) && text(&output).contains(why), "{why}: {}", text(&output));
        bench.assert_untouched();
    }
}

#[test]
fn an_image_that_is_not_what_its_sum_says_is_refused() {
    let test = "an_image_that_is_not_what_its_sum_says_is_refused";
    let Some(given) = Given::or_skip(test) else { return };
    let bench = Bench::new(test);
    fs::write(bench.file("SHA256SUMS"), format!("{}  sd.img\n", "0".repeat(64))).unwrap();
    let output = bench.flash(&given, &["--device", &bench.card(), "--yes"]);
    assert!(output.status.code() == Some(2) && text(&output).contains("SHA256SUMS"), "{}", text(&output));
    bench.assert_untouched();
}

#[test]
fn without_a_terminal_nothing_is_guessed_and_nothing_is_written() {
    let test = "without_a_terminal_nothing_is_guessed_and_nothing_is_written";
    let Some(given) = Given::or_skip(test) else { return };
    let bench = Bench::new(test);
    for (arguments, said) in [
        (&[][..], "--device"),
        (&["--yes"], "--device"),
        (&["--device", &bench.card()], "--yes"),
        (&["--device", "/dev/other", "--yes"], "there is no disk /dev/other"),
    ] {
        let output = bench.flash(&given, arguments);
        assert!(output.status.code() == Some(2) && text(&output).contains(said), "{}", text(&output));
        assert!(Path::new(&bench.card()).is_file());
        bench.assert_untouched();
    }
}

#[test]
fn a_card_that_ends_early_is_told_with_the_place() {
    let test = "a_card_that_ends_early_is_told_with_the_place";
    let Some(given) = Given::or_skip(test) else { return };
    let bench = Bench::new(test);
    // A counterfeit: it claims 4 MiB and there is a device that takes none.
    let full = Path::new("/dev/full");
    let json = format!(
        r#"{{"blockdevices":[{{"path":"{}","size":{CARD_BYTES},"model":"Fake","type":"disk","rm":true,"hotplug":true,"ro":false,"mountpoints":[null]}}]}}"#,
        full.display()
    );
    fs::write(bench.file("lsblk"), format!("#!/bin/sh\ncat <<'END'\n{json}\nEND\n")).unwrap();
    let output = bench.flash(&given, &["--device", "/dev/full", "--yes"]);
    assert!(
        output.status.code() == Some(2) && text(&output).contains("cannot write to the card"),
        "{}",
        text(&output)
    );
}
