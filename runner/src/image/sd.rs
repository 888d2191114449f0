//! The Raspberry Pi's SD card: MBR, and one FAT32 partition with what the firmware loads.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use gpt::mbr::ProtectiveMBR;

use super::fat::{self, Kind};
use super::files::{self, Output};
use super::{Content, bios};
use crate::output;

/// Where the partition begins: cards erase in pieces of up to 4 MiB.
const VOLUME_AT: u64 = 4 << 20;

/// What the processor's firmware needs of itself; not free, so it is never part of this source tree.
const FIRMWARE: [&str; 3] = ["bootcode.bin", "start.elf", "fixup.dat"];
/// Device trees, taken along if they are there: with one the image is told its initrd's place and command line.
const DEVICE_TREES: [&str; 4] =
    ["bcm2710-rpi-3-b.dtb", "bcm2710-rpi-3-b-plus.dtb", "bcm2710-rpi-cm3.dtb", "bcm2710-rpi-zero-2-w.dtb"];
/// Where Debian's package `raspi-firmware` puts it.
const DEBIANS_FIRMWARE: &str = "/usr/lib/raspi-firmware";

/// The addresses are those the image is linked for and looks at without a device tree.
const CONFIG: &str = "\
# Skep on a Raspberry Pi 3. The serial line is on pins 8 (transmit) and 10 (receive): 115200 8N1.
arm_64bit=1
kernel=kernel8.img
kernel_address=0x80000
initramfs initrd.img 0x08000000
enable_uart=1
core_freq=250
init_uart_clock=48000000
disable_splash=1
boot_delay=0
";

const WHAT_TO_COPY: &str = "\
This card does not boot yet: the Raspberry Pi's own firmware is missing. It is not free software, so Skep may not
bring it. Copy these three files here, of one and the same version:

    bootcode.bin  start.elf  fixup.dat

They are in the folder boot/ of the repository raspberrypi/firmware on GitHub, in the boot partition of any Raspberry Pi
OS card, and in Debian's package raspi-firmware (component non-free-firmware).
";

/// # Errors
/// The named folder lacks firmware, or the card's image cannot be written.
pub(super) fn write(out: &Path, content: &Content, firmware: Option<&Path>) -> anyhow::Result<Vec<PathBuf>> {
    let firmware = read_firmware(firmware)?;
    let mut card: Vec<fat::File<'_>> = vec![
        ("config.txt", CONFIG.as_bytes()),
        ("kernel8.img", &content.kernel),
        ("initrd.img", &content.initrd),
    ];
    card.extend(firmware.iter().map(|(name, bytes)| (*name, bytes.as_slice())));
    if firmware.is_empty() {
        card.push(("COPY-FIRMWARE-HERE.txt", WHAT_TO_COPY.as_bytes()));
        tell_how_to_get_firmware();
    }
    let volume = fat::volume(Kind::Fat32, &card)?;
    let mut output = Output::create(out)?;
    let disk = output.file();
    disk.set_len(VOLUME_AT + volume.len() as u64)?;
    let mut table = ProtectiveMBR::new();
    let [a, b, c, d, ..] = files::identifier("disk", &volume);
    table.set_disk_signature([a, b, c, d]);
    table.set_partition(0, bios::partition(bios::FAT_LBA, VOLUME_AT, volume.len())?);
    table.overwrite_lba0(disk).context("cannot write the MBR")?;
    disk.seek(SeekFrom::Start(VOLUME_AT))?;
    disk.write_all(&volume)?;
    Ok(vec![output.finish()?])
}

type Firmware = Vec<(&'static str, Vec<u8>)>;

/// The firmware of the named folder, or of Debian's package; without either, none.
fn read_firmware(named: Option<&Path>) -> anyhow::Result<Firmware> {
    let folder = named.unwrap_or(Path::new(DEBIANS_FIRMWARE));
    let lacking: Vec<_> = FIRMWARE.iter().copied().filter(|name| !folder.join(name).is_file()).collect();
    if named.is_none() && !lacking.is_empty() {
        return Ok(Vec::new());
    }
    ensure!(lacking.is_empty(), "the firmware folder {} lacks {}", folder.display(), lacking.join(", "));
    let there = FIRMWARE.into_iter().chain(DEVICE_TREES).filter(|name| folder.join(name).is_file());
    let read = |name| {
        let path = folder.join(name);
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(!bytes.is_empty(), "{} is empty", path.display());
        Ok((name, bytes))
    };
    there.map(read).collect()
}

fn tell_how_to_get_firmware() {
    output::note(format_args!(
        "skep: the card lacks the Raspberry Pi's own firmware (bootcode.bin, start.elf, fixup.dat), which is not free;\n\
         COPY-FIRMWARE-HERE.txt on the card says where to get it. With Debian's component non-free-firmware:\n  \
         apt-get download raspi-firmware && dpkg-deb -x raspi-firmware_*.deb firmware\n\
         and then again with --pi-firmware firmware{DEBIANS_FIRMWARE}"
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_folder_without_firmware_is_refused_and_an_unnamed_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("start.elf"), b"x").unwrap();
        let error = read_firmware(Some(folder.path())).unwrap_err().to_string();
        assert!(error.contains("bootcode.bin, fixup.dat") && !error.contains("start.elf"), "{error}");
        for name in FIRMWARE {
            fs::write(folder.path().join(name), name).unwrap();
        }
        fs::write(folder.path().join(DEVICE_TREES[0]), b"tree").unwrap();
        let names: Vec<_> =
            read_firmware(Some(folder.path())).unwrap().into_iter().map(|file| file.0).collect();
        assert_eq!(names, [&FIRMWARE[..], &DEVICE_TREES[..1]].concat());
    }
}
