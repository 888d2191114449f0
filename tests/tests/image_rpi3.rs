//! The SD card of `skep image rpi3`, as other people's tools see it; and the kernel and initrd on it, read back and
//! booted.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tests::command::{have_or_skip, output, run, skep, text};
use tests::demand::assert_as_manifest_says;
use tests::given::{Given, scratch};
use tests::initrd;
use tests::qemu::{Vm, rpi3_status};

const TOOLS: [&str; 5] = ["fsck.fat", "sfdisk", "mcopy", "mdir", "dd"];
const FIRMWARE: [&str; 3] = ["bootcode.bin", "start.elf", "fixup.dat"];
const DEVICE_TREE: &str = "bcm2710-rpi-3-b.dtb";

fn folder(given: &Given, test: &str) -> (PathBuf, Vec<u8>) {
    let folder = scratch("image_rpi3").join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the scratch folder can be written to");
    let initrd = initrd::demo(given, &folder.join("initrd"));
    (folder, initrd)
}

/// A folder that looks like the real firmware: files of these names, of some length.
fn firmware(folder: &Path) -> PathBuf {
    let firmware = folder.join("firmware");
    fs::create_dir_all(&firmware).unwrap();
    for (name, bytes) in FIRMWARE.iter().chain([&DEVICE_TREE]).zip([52_480, 2_972_576, 7_331, 30_001]) {
        let content: Vec<u8> = (0..bytes).map(|at: u32| (at * 31 % 255) as u8).collect();
        fs::write(firmware.join(name), content).unwrap();
    }
    firmware
}

fn card(given: &Given, folder: &Path, name: &str, more: &[&dyn AsRef<OsStr>]) -> PathBuf {
    let (out, initrd) = (folder.join(name), folder.join("initrd"));
    let arguments: [&dyn AsRef<OsStr>; 8] =
        [&"image", &"rpi3", &"--format", &"sd", &"-o", &out, &"--initrd", &initrd];
    skep(given, &[&arguments, more].concat());
    out
}

/// The partition's start and size in bytes, as sfdisk reads them.
fn partition(card: &Path) -> (u64, u64) {
    let table: serde_json::Value = serde_json::from_str(&run("sfdisk", &[&"--json", &card])).unwrap();
    let table = &table["partitiontable"];
    assert_eq!((&table["label"], &table["sectorsize"]), (&"dos".into(), &512.into()));
    let partitions = table["partitions"].as_array().unwrap();
    assert_eq!(partitions.len(), 1, "{table}");
    assert_eq!(partitions[0]["type"], "c", "FAT32 by LBA");
    let bytes = |key: &str| partitions[0][key].as_u64().unwrap() * 512;
    (bytes("start"), bytes("size"))
}

/// A file of the card, read by mtools.
fn read_back(card: &Path, name: &str) -> Vec<u8> {
    let out = card.with_extension("read-back");
    let _ = fs::remove_file(&out);
    let (drive, source) = (format!("{}@@{}", card.display(), partition(card).0), format!("::{name}"));
    run("mcopy", &[&"-i", &drive, &source, &out]);
    fs::read(out).unwrap()
}

#[test]
fn other_peoples_tools_find_the_card_in_order_and_every_file_as_it_was() {
    let test = "other_peoples_tools_find_the_card_in_order_and_every_file_as_it_was";
    let Some(given) = Given::or_skip(test).filter(|_| have_or_skip(test, &TOOLS)) else { return };
    let (folder, initrd) = folder(&given, test);
    let firmware = firmware(&folder);
    let card = card(&given, &folder, "sd.img", &[&"--pi-firmware", &firmware]);
    let (start, bytes) = partition(&card);
    assert_eq!(start + bytes, fs::metadata(&card).unwrap().len(), "the partition ends with the card");
    let told = run("sfdisk", &[&"--verify", &card]);
    assert!(told.contains("No errors detected"), "{told}");
    let volume = folder.join("volume");
    fs::write(&volume, &fs::read(&card).unwrap()[usize::try_from(start).unwrap()..]).unwrap();
    let told = run("fsck.fat", &[&"-n", &"-v", &volume]);
    assert!(told.contains("32 bit entries") || told.contains("FAT32") || told.contains("32-bit"), "{told}");
    for name in FIRMWARE.iter().chain([&DEVICE_TREE]) {
        assert!(read_back(&card, name) == fs::read(firmware.join(name)).unwrap(), "{name}");
    }
    assert!(read_back(&card, "kernel8.img") == fs::read(&given.rpi3).unwrap());
    assert!(read_back(&card, "initrd.img") == initrd);
    let config = String::from_utf8(read_back(&card, "config.txt")).unwrap();
    for line in ["arm_64bit=1", "kernel_address=0x80000", "initramfs initrd.img 0x08000000", "enable_uart=1"]
    {
        assert!(config.lines().any(|found| found == line), "no {line} in\n{config}");
    }
}

#[test]
fn the_kernel_and_the_initrd_read_back_from_the_card_boot_like_those_beside_it() {
    let test = "the_kernel_and_the_initrd_read_back_from_the_card_boot_like_those_beside_it";
    let Some(given) = Given::or_skip(test).filter(|_| have_or_skip(test, &TOOLS)) else { return };
    let (folder, initrd) = folder(&given, test);
    let card = card(&given, &folder, "sd.img", &[]);
    let (kernel, ramdisk) = (folder.join("kernel8.img"), folder.join("initrd.img"));
    fs::write(&kernel, read_back(&card, "kernel8.img")).unwrap();
    fs::write(&ramdisk, read_back(&card, "initrd.img")).unwrap();
    let from_card = Vm::rpi3(&kernel).initrd(&ramdisk).boot();
    from_card.assert_exit(rpi3_status::OK);
    assert_as_manifest_says(&from_card.report, &initrd);
    let direct = Vm::rpi3(&given.rpi3).initrd(&folder.join("initrd")).boot();
    assert_eq!(from_card.text(), direct.text(), "under -icount the same to the bit");
}

#[test]
fn a_card_without_firmware_says_what_to_copy() {
    let test = "a_card_without_firmware_says_what_to_copy";
    let Some(given) = Given::or_skip(test).filter(|_| have_or_skip(test, &TOOLS)) else { return };
    if Path::new("/usr/lib/raspi-firmware/start.elf").is_file() {
        return tests::given::say(format_args!("{test} skips: this machine has the firmware"));
    }
    let (folder, _) = folder(&given, test);
    let card = card(&given, &folder, "sd.img", &[]);
    let what = String::from_utf8(read_back(&card, "COPY-FIRMWARE-HERE.txt")).unwrap();
    assert!(FIRMWARE.iter().all(|name| what.contains(name)), "{what}");
    // A folder that was named is held to its word.
    let (nowhere, out) = (folder.join("nowhere"), folder.join("other.img"));
    let arguments: [&dyn AsRef<OsStr>; 9] =
        [&"--no-install", &"image", &"rpi3", &"--format", &"sd", &"-o", &out, &"--pi-firmware", &nowhere];
    let output = output(&given.tool, &arguments);
    assert!(output.status.code() == Some(2) && text(&output).contains("bootcode.bin"), "{}", text(&output));
    assert!(!out.exists());
}

#[test]
fn the_card_is_below_64_mib_made_within_10_seconds_and_the_same_each_time() {
    let test = "the_card_is_below_64_mib_made_within_10_seconds_and_the_same_each_time";
    let Some(given) = Given::or_skip(test) else { return };
    let (folder, _) = folder(&given, test);
    let firmware = firmware(&folder);
    let first = card(&given, &folder, "first.img", &[&"--pi-firmware", &firmware]);
    let begin = Instant::now();
    let second = card(&given, &folder, "second.img", &[&"--pi-firmware", &firmware]);
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(fs::metadata(&first).unwrap().len() < 64 << 20);
    assert!(fs::read(first).unwrap() == fs::read(second).unwrap());
}
