//! `skep image`: what a user deploys or flashes, each by one command.
//!
//! The same programs, keys and compiler make the same bytes: there are no times in what is written, and identifiers are
//! taken from a hash of the content.

mod bios;
mod container;
mod direct;
mod fat;
mod files;
mod loader;
mod sd;
mod uefi;
mod wrap;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use files::Output;

use crate::board::Board;
use crate::build;
use crate::cli::{Firmware, Format, ImageArgs};
use crate::packages::{self, Need, OnMissing};
use crate::{output, payload, trust, workspace};

/// Disks come in whole MiB.
pub(crate) const DISK_UNIT_BYTES: u64 = wrap::MIB;

/// What goes into an artefact.
pub(crate) struct Content {
    /// The image as it is booted, with the keys it trusts.
    pub(crate) kernel: Vec<u8>,
    pub(crate) initrd: Vec<u8>,
}

pub(crate) fn run(args: &ImageArgs, on_missing: OnMissing) -> anyhow::Result<ExitCode> {
    check(args)?;
    payload::check(&args.payload)?;
    packages::require(&needs(args), on_missing)?;
    let content = Content {
        initrd: payload::initrd(&args.payload, on_missing)?,
        kernel: trust::kernel(&build::image(args.board, on_missing)?, &args.trust)?,
    };
    let made = make(args, &content, on_missing)?;
    files::write_sums(&args.output, &made)?;
    for path in &made {
        output::line(format_args!("{}: {}", workspace::shown(path), files::size(path)?));
    }
    output::line(format_args!("{}", advice(args)));
    Ok(ExitCode::SUCCESS)
}

fn check(args: &ImageArgs) -> anyhow::Result<()> {
    match (args.board, args.format) {
        (Board::Pc, Format::Sd) => bail!("--format sd is for rpi3; a pc boots from --format uefi or bios"),
        (Board::Pc, _) => ensure!(args.pi_firmware.is_none(), "--pi-firmware is for rpi3"),
        (Board::Rpi3, Format::Sd) => {}
        (Board::Rpi3, _) => bail!("a Raspberry Pi boots from an SD card: --format sd"),
    }
    // Both clouds go by the name.
    let ending = match args.format {
        Format::Gcp => ".tar.gz",
        Format::Vhd => ".vhd",
        _ => "",
    };
    ensure!(
        args.output.to_string_lossy().ends_with(ending),
        "{}: the name of this format must end in {ending}",
        args.output.display()
    );
    let inputs = args.payload.initrd.iter().chain(&args.payload.sign).chain(&args.payload.manifest);
    let mut outputs = vec![args.output.clone()];
    if args.format == Format::Elf {
        outputs.extend(direct::beside_elf(&args.output)?);
    }
    for input in inputs {
        let is_same = |output: &PathBuf| fs::canonicalize(output).ok() == fs::canonicalize(input).ok();
        let is_written = input.exists() && outputs.iter().any(is_same);
        ensure!(!is_written, "{} would be written over; name another output", input.display());
    }
    let fixed = matches!(args.format, Format::Uefi | Format::Bios | Format::Elf | Format::Sd);
    ensure!(
        !(fixed && args.firmware.is_some()),
        "--firmware is for --format raw, qcow2, gcp, vhd and containerdisk; this format says it already"
    );
    Ok(())
}

fn firmware(args: &ImageArgs) -> Firmware {
    match args.format {
        Format::Bios => Firmware::Bios,
        Format::Uefi => Firmware::Uefi,
        _ => args.firmware.unwrap_or(Firmware::Uefi),
    }
}

/// All that an image depends on, so that the user hears of everything missing at once.
fn needs(args: &ImageArgs) -> Vec<Need> {
    let mut needs = vec![Need::Compiler(args.board)];
    needs.extend(payload::needs(&args.payload));
    if !matches!(args.format, Format::Elf | Format::Sd) {
        needs.push(Need::Loader(firmware(args)));
    }
    if args.format == Format::Qcow2 {
        needs.push(Need::QemuImg);
    }
    needs
}

fn make(args: &ImageArgs, content: &Content, on_missing: OnMissing) -> anyhow::Result<Vec<PathBuf>> {
    let out = &args.output;
    match args.format {
        Format::Elf => direct::write(out, content),
        Format::Sd => sd::write(out, content, args.pi_firmware.as_deref()),
        Format::Containerdisk => {
            let mut disk = tempfile::tempfile()?;
            write_disk(&mut disk, content, firmware(args), wrap::MIB, on_missing)?;
            container::write(out, &mut disk, firmware(args))
        }
        format => {
            let mut output = Output::create(out)?;
            let unit = wrap::unit_bytes(format);
            let disk = |file: &mut fs::File| write_disk(file, content, firmware(args), unit, on_missing);
            match format {
                Format::Qcow2 => wrap::qcow2(output.partial(), disk)?,
                Format::Gcp => wrap::gcp(output.file(), disk)?,
                Format::Vhd => {
                    disk(output.file())?;
                    wrap::append_vhd_footer(output.file())?;
                }
                _ => disk(output.file())?,
            }
            Ok(vec![output.finish()?])
        }
    }
}

/// A disk that boots `content`, of a multiple of `unit_bytes`.
pub(crate) fn write_disk(
    disk: &mut fs::File,
    content: &Content,
    firmware: Firmware,
    unit_bytes: u64,
    on_missing: OnMissing,
) -> anyhow::Result<()> {
    match firmware {
        Firmware::Uefi => uefi::write(disk, content, &loader::efi_application(on_missing)?, unit_bytes),
        Firmware::Bios => bios::write(disk, content, &loader::stages(on_missing)?, unit_bytes),
    }
}

/// Builds the boot loader of a disk, for those who want it built before they need it.
pub(crate) fn prepare_loader(firmware: Firmware, on_missing: OnMissing) -> anyhow::Result<()> {
    match firmware {
        Firmware::Uefi => loader::efi_application(on_missing).map(drop),
        Firmware::Bios => loader::stages(on_missing).map(drop),
    }
}

/// Compares an image with the list of sums beside it, if that names it.
pub(crate) fn check_sum(image: &Path) -> anyhow::Result<()> {
    files::check_sum(image)
}

/// Where the boot loader of a disk is kept, if it was built.
pub(crate) fn kept_loader(firmware: Firmware) -> Option<PathBuf> {
    Some(loader::kept(firmware)).filter(|path| path.is_file())
}

/// What to do with it, in a line or two.
fn advice(args: &ImageArgs) -> String {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let out = args.output.display();
    let base = name(&args.output).split('.').next().unwrap_or_default().to_string();
    let boot_mode = match firmware(args) {
        Firmware::Uefi => "uefi",
        Firmware::Bios => "legacy-bios",
    };
    match args.format {
        Format::Elf => format!(
            "To start: firecracker --no-api --config-file {base}.firecracker.json, or sh {base}.cloud-hypervisor.sh"
        ),
        Format::Uefi => format!(
            "To try: qemu-system-x86_64 -M q35 -bios /usr/share/ovmf/OVMF.fd -nographic -drive file={out},format=raw,if=virtio"
        ),
        Format::Bios => format!(
            "To try: qemu-system-x86_64 -M q35 -vga std -display none -serial stdio -drive file={out},format=raw,if=virtio"
        ),
        Format::Raw => format!(
            "To import on AWS: copy it to S3, aws ec2 import-snapshot --disk-container Format=RAW,UserBucket=…, then aws ec2 register-image --boot-mode {boot_mode} …"
        ),
        Format::Qcow2 => format!(
            "To import on OpenStack: openstack image create --disk-format qcow2 --container-format bare --file {out} {base}"
        ),
        Format::Gcp => format!(
            "To import on Google Cloud: copy it to a bucket, gcloud compute images create {base} --source-uri gs://BUCKET/{} --guest-os-features UEFI_COMPATIBLE",
            name(&args.output)
        ),
        Format::Vhd => format!(
            "To import on Azure: az storage blob upload --type page --file {out} …, then az image create --hyper-v-generation {} --os-type Linux --source URL …",
            if boot_mode == "uefi" { "V2" } else { "V1" }
        ),
        Format::Containerdisk => format!(
            "To publish: skopeo copy oci:{out} docker://REGISTRY/{base}, then kubectl apply -f {}",
            container::manifest_path(&args.output).display()
        ),
        Format::Sd => format!("To flash: skep flash {out}"),
    }
}

/// The folder a file lies in, as a path that can be opened.
pub(crate) fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder.into(),
        _ => ".".into(),
    }
}

/// `path` with `ending` in place of its extension.
fn beside(path: &Path, ending: &str) -> anyhow::Result<PathBuf> {
    let stem = path.file_stem().with_context(|| format!("{} is no name for a file", path.display()))?;
    let mut name = stem.to_os_string();
    name.push(ending);
    Ok(path.with_file_name(name))
}
