//! What `skep image pc` makes: every format boots in QEMU, and reports what the direct boot reports; it is small, made
//! quickly, and the same each time.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tests::command::{have_or_skip, output, run, skep};
use tests::demand::assert_as_manifest_says;
use tests::given::{Given, have_loader_or_skip, scratch};
use tests::initrd;
use tests::qemu::{Boot, Disk, End, Firmware, Pc, Vm, pc_status};

const OVMF: &str = "/usr/share/ovmf/OVMF.fd";

/// An empty folder for the test of this name, with the examples' initrd in it.
fn folder(given: &Given, test: &str) -> (PathBuf, Vec<u8>) {
    let folder = scratch("image_pc").join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the scratch folder can be written to");
    let initrd = initrd::demo(given, &folder.join("initrd"));
    (folder, initrd)
}

/// Makes an image of the initrd in `folder`.
fn image(given: &Given, folder: &Path, format: &str, name: &str, more: &[&str]) -> PathBuf {
    let out = folder.join(name);
    let mut arguments: Vec<&dyn AsRef<OsStr>> = vec![&"image", &"pc", &"--format", &format, &"-o", &out];
    let initrd = folder.join("initrd");
    arguments.extend([&"--initrd" as &dyn AsRef<OsStr>, &initrd]);
    arguments.extend(more.iter().map(|word| word as &dyn AsRef<OsStr>));
    skep(given, &arguments);
    out
}

/// Asserts that a boot from a disk reports what the direct boot of the same initrd does.
#[track_caller]
fn assert_like_direct(given: &Given, folder: &Path, initrd: &[u8], boot: &Boot) {
    assert_eq!(boot.end, End::Exit(0), "serial line:\n{}", boot.text());
    assert_as_manifest_says(&boot.report, initrd);
    assert_eq!(boot.report.writable_executable_pages(), Some(0));
    let direct = Vm::pc(Pc::Q35, 256, &given.pc).initrd(&folder.join("initrd")).boot();
    direct.assert_exit(pc_status::OK);
    assert_eq!(boot.report.verdicts(), direct.report.verdicts());
    let (from_disk, direct) = (boot.report.results(), direct.report.results());
    assert!(from_disk.keys().eq(direct.keys()), "{from_disk:?} {direct:?}");
    for (program, results) in &direct {
        // In real time, the last runs of a periodic program may be missing.
        let common = results.len().min(from_disk[program].len());
        assert_eq!(results[..common], from_disk[program][..common], "{program:?}");
    }
}

fn boot(machine: Pc, file: &Path, format: &str, firmware: Firmware, device: &str) -> Boot {
    Vm::pc_disk(machine, 128, Disk { file, format, firmware, device }).boot()
}

#[test]
fn the_uefi_disk_boots_from_virtio_nvme_and_ahci() {
    let test = "the_uefi_disk_boots_from_virtio_nvme_and_ahci";
    let Some(given) = Given::or_skip(test)
        .filter(|_| have_or_skip(test, &[OVMF, "sfdisk"]) && have_loader_or_skip(test, "UEFI"))
    else {
        return;
    };
    let (folder, initrd) = folder(&given, test);
    let disk = image(&given, &folder, "uefi", "disk.img", &[]);
    let told = run("sfdisk", &[&"--verify", &disk]);
    assert!(told.contains("No errors detected"), "{told}");
    for device in ["virtio-blk-pci", "nvme,serial=skep", "ide-hd"] {
        let boot = boot(Pc::Q35, &disk, "raw", Firmware::Uefi, device);
        assert_like_direct(&given, &folder, &initrd, &boot);
    }
}

#[test]
fn the_bios_disk_boots_from_virtio_ahci_and_ide() {
    let test = "the_bios_disk_boots_from_virtio_ahci_and_ide";
    let Some(given) = Given::or_skip(test).filter(|_| have_loader_or_skip(test, "BIOS")) else { return };
    let (folder, initrd) = folder(&given, test);
    let disk = image(&given, &folder, "bios", "disk.img", &[]);
    let machines = [
        (Pc::Q35, "virtio-blk-pci"),
        (Pc::Q35, "nvme,serial=skep"),
        (Pc::Q35, "ide-hd"),
        (Pc::I440fx, "ide-hd"),
    ];
    for (machine, device) in machines {
        let boot = boot(machine, &disk, "raw", Firmware::Bios, device);
        assert_like_direct(&given, &folder, &initrd, &boot);
    }
}

#[test]
fn raw_qcow2_and_vhd_are_the_same_disk_wrapped_and_boot() {
    let test = "raw_qcow2_and_vhd_are_the_same_disk_wrapped_and_boot";
    let Some(given) = Given::or_skip(test).filter(|_| {
        have_or_skip(test, &[OVMF, "qemu-img"])
            && have_loader_or_skip(test, "UEFI")
            && have_loader_or_skip(test, "BIOS")
    }) else {
        return;
    };
    let (folder, initrd) = folder(&given, test);
    let uefi = image(&given, &folder, "uefi", "uefi.img", &[]);
    let raw = image(&given, &folder, "raw", "raw.img", &[]);
    assert_eq!(fs::read(&raw).unwrap(), fs::read(&uefi).unwrap());
    let bios = image(&given, &folder, "raw", "bios.img", &["--firmware", "bios"]);
    assert_ne!(fs::read(&bios).unwrap(), fs::read(&uefi).unwrap());
    let qcow2 = image(&given, &folder, "qcow2", "disk.qcow2", &[]);
    run("qemu-img", &[&"check", &qcow2]);
    run("qemu-img", &[&"compare", &"-f", &"raw", &"-F", &"qcow2", &uefi, &qcow2]);
    let vhd = image(&given, &folder, "vhd", "disk.vhd", &[]);
    let told = run("qemu-img", &[&"info", &"-f", &"vpc", &vhd]);
    assert!(told.contains("20 MiB (20971520 bytes)"), "{told}");
    assert_eq!(fs::metadata(&vhd).unwrap().len(), 20_971_520 + 512, "whole MiB and a footer, for Azure");
    for (file, format) in [(&qcow2, "qcow2"), (&vhd, "vpc")] {
        let boot = boot(Pc::Q35, file, format, Firmware::Uefi, "virtio-blk-pci");
        assert_like_direct(&given, &folder, &initrd, &boot);
    }
}

#[test]
fn googles_tar_unpacks_to_a_disk_of_whole_gib_that_boots() {
    let test = "googles_tar_unpacks_to_a_disk_of_whole_gib_that_boots";
    let needed = [OVMF, "tar", "gzip", "sfdisk"];
    let Some(given) =
        Given::or_skip(test).filter(|_| have_or_skip(test, &needed) && have_loader_or_skip(test, "UEFI"))
    else {
        return;
    };
    let (folder, initrd) = folder(&given, test);
    let archive = image(&given, &folder, "gcp", "disk.tar.gz", &[]);
    assert_eq!(run("tar", &[&"-tzf", &archive]).trim(), "disk.raw");
    run("tar", &[&"-xzSf", &archive, &"-C", &folder]);
    let disk = folder.join("disk.raw");
    assert_eq!(fs::metadata(&disk).unwrap().len(), 1 << 30);
    let told = run("sfdisk", &[&"--verify", &disk]);
    assert!(told.contains("No errors detected"), "{told}");
    let boot = boot(Pc::Q35, &disk, "raw", Firmware::Uefi, "virtio-blk-pci");
    assert_like_direct(&given, &folder, &initrd, &boot);
    fs::remove_file(disk).unwrap();
}

#[test]
fn the_container_disk_is_an_image_for_skopeo_and_boots_out_of_its_layer() {
    let test = "the_container_disk_is_an_image_for_skopeo_and_boots_out_of_its_layer";
    let needed = [OVMF, "tar", "gzip", "skopeo"];
    let Some(given) =
        Given::or_skip(test).filter(|_| have_or_skip(test, &needed) && have_loader_or_skip(test, "UEFI"))
    else {
        return;
    };
    let (folder, initrd) = folder(&given, test);
    let layout = image(&given, &folder, "containerdisk", "skep", &[]);
    let name = format!("oci:{}:latest", layout.display());
    let told = run("skopeo", &[&"inspect", &name]);
    assert!(told.contains("\"Architecture\": \"amd64\""), "{told}");
    // Copying checks every digest, the unpacked layer's too.
    let copy = folder.join("copy");
    let to = format!("dir:{}", copy.display());
    run("skopeo", &[&"--insecure-policy", &"copy", &name, &to]);
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(copy.join("manifest.json")).unwrap()).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    let digest = layers[0]["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    assert_eq!(layers.len(), 1);
    let listed = run("tar", &[&"-tvzf", &copy.join(digest), &"--numeric-owner"]);
    assert!(listed.contains("107/107") && listed.contains("disk/disk.img"), "{listed}");
    run("tar", &[&"-xzf", &copy.join(digest), &"-C", &folder, &"--no-same-owner"]);
    let boot = boot(Pc::Q35, &folder.join("disk/disk.img"), "raw", Firmware::Uefi, "virtio-blk-pci");
    assert_like_direct(&given, &folder, &initrd, &boot);
    let machine = fs::read_to_string(folder.join("skep.vm.yaml")).unwrap();
    assert!(machine.contains("kind: VirtualMachine") && machine.contains("efi:"), "{machine}");
}

#[test]
fn the_elf_boots_with_the_initrd_that_its_configurations_name() {
    let test = "the_elf_boots_with_the_initrd_that_its_configurations_name";
    let Some(given) = Given::or_skip(test) else { return };
    let (folder, initrd) = folder(&given, test);
    let elf = image(&given, &folder, "elf", "skep.elf", &[]);
    let config = fs::read(folder.join("skep.firecracker.json")).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    let named = |key: &str| folder.join(config["boot-source"][key].as_str().unwrap());
    assert_eq!(named("kernel_image_path"), elf);
    assert_eq!(fs::read(named("initrd_path")).unwrap(), initrd);
    let script = folder.join("skep.cloud-hypervisor.sh");
    run("sh", &[&"-n", &script]);
    let script = fs::read_to_string(script).unwrap();
    assert!(script.contains("--kernel skep.elf --initramfs skep.initrd "), "{script}");
    for machine in [Pc::Microvm, Pc::Q35] {
        let boot = Vm::pc(machine, 64, &elf).initrd(&named("initrd_path")).boot();
        boot.assert_exit(pc_status::OK);
        assert_as_manifest_says(&boot.report, &initrd);
    }
}

#[test]
fn the_uefi_disk_is_below_8_mib_and_made_within_10_seconds() {
    let test = "the_uefi_disk_is_below_8_mib_and_made_within_10_seconds";
    let Some(given) = Given::or_skip(test).filter(|_| have_loader_or_skip(test, "UEFI")) else { return };
    let (folder, _) = folder(&given, test);
    image(&given, &folder, "uefi", "first.img", &[]);
    let begin = Instant::now();
    let disk = image(&given, &folder, "uefi", "second.img", &[]);
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(fs::metadata(disk).unwrap().len() < 8 << 20);
}

#[test]
fn the_same_input_makes_the_same_bytes_in_any_folder_and_the_sums_are_right() {
    let test = "the_same_input_makes_the_same_bytes_in_any_folder_and_the_sums_are_right";
    let needed = ["qemu-img", "sha256sum"];
    let Some(given) = Given::or_skip(test).filter(|_| {
        have_or_skip(test, &needed) && have_loader_or_skip(test, "UEFI") && have_loader_or_skip(test, "BIOS")
    }) else {
        return;
    };
    let folders = [format!("{test}/a"), format!("{test}/another one")].map(|name| folder(&given, &name).0);
    for format in ["elf", "uefi", "bios", "qcow2", "gcp", "vhd", "containerdisk"] {
        for folder in &folders {
            image(&given, folder, format, &format!("image.{}", ending(format)), &[]);
        }
    }
    let [first, second] = folders.map(|folder| fs::read_to_string(folder.join("SHA256SUMS")).unwrap());
    assert_eq!(first, second);
    assert!(first.lines().count() > 10, "{first}");
    let folder = scratch("image_pc").join(test).join("a");
    run("sh", &[&"-c", &"cd \"$1\" && sha256sum --check --strict SHA256SUMS", &"sh", &folder]);
    // Another input, other bytes and identifiers.
    fs::write(folder.join("initrd"), b"something else").unwrap();
    let disk = folder.join("image.uefi");
    let before = fs::read(&disk).unwrap();
    image(&given, &folder, "uefi", "image.uefi", &[]);
    let (after, disk_guid) = (fs::read(disk).unwrap(), 512 + 56..512 + 72);
    assert_ne!(before[disk_guid.clone()], after[disk_guid]);
}

/// The name's ending that a format's cloud goes by.
fn ending(format: &str) -> &str {
    if format == "gcp" { "tar.gz" } else { format }
}

#[test]
fn skep_boot_enters_by_every_door_and_tells_ok_from_failed() {
    let test = "skep_boot_enters_by_every_door_and_tells_ok_from_failed";
    let Some(given) = Given::or_skip(test).filter(|_| {
        have_or_skip(test, &[OVMF]) && have_loader_or_skip(test, "UEFI") && have_loader_or_skip(test, "BIOS")
    }) else {
        return;
    };
    let (folder, _) = folder(&given, test);
    let noise = folder.join("noise");
    fs::write(&noise, [0x55; 1000]).unwrap();
    for (via, disk) in [("bios", "virtio"), ("bios", "ahci"), ("uefi", "nvme")] {
        for (initrd, code) in [(folder.join("initrd"), 0), (noise.clone(), 1)] {
            let arguments: [&dyn AsRef<OsStr>; 9] =
                [&"--no-install", &"boot", &"pc", &"--via", &via, &"--disk", &disk, &"--initrd", &initrd];
            let output = output(&given.tool, &arguments);
            assert_eq!(output.status.code(), Some(code), "--via {via}: {}", tests::command::text(&output));
        }
    }
}

#[test]
fn what_cannot_be_made_is_refused_and_leaves_nothing_behind() {
    let test = "what_cannot_be_made_is_refused_and_leaves_nothing_behind";
    let Some(given) = Given::or_skip(test).filter(|_| have_loader_or_skip(test, "UEFI")) else { return };
    let (folder, _) = folder(&given, test);
    let before = fs::read_dir(&folder).unwrap().count();
    let out = folder.join("out");
    for (arguments, reason) in [
        (&["pc", "--format", "sd"][..], "rpi3"),
        (&["rpi3", "--format", "uefi"], "--format sd"),
        (&["pc", "--format", "uefi", "--firmware", "bios"], "--firmware"),
        (&["pc", "--format", "gcp"], ".tar.gz"),
        (&["pc", "--format", "vhd"], ".vhd"),
        (&["pc", "--format", "uefi", "--initrd", "/nowhere"], "/nowhere"),
        (&["pc", "--format", "uefi", "--trust", "nobody"], "nobody"),
        (&["pc", "--format", "uefi", "--oldest", "7"], "--trust"),
        (&["pc", "--format", "uefi", "--sign", "nobody"], "nobody"),
    ] {
        let mut all: Vec<&dyn AsRef<OsStr>> = vec![&"--no-install", &"image", &"-o", &out];
        all.extend(arguments.iter().map(|word| word as &dyn AsRef<OsStr>));
        let output = output(&given.tool, &all);
        let said = tests::command::text(&output);
        assert!(output.status.code() == Some(2) && said.contains(reason), "{arguments:?}: {said}");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), before);
}
