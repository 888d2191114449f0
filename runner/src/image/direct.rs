//! The pc's ELF for monitors that enter it without a boot loader, with what Firecracker and Cloud Hypervisor want to
//! be told.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use serde_json::json;

use super::{Content, beside, files};
use crate::process;

/// Memory of the virtual machine, in MiB.
const MEMORY_MIB: u32 = 256;

/// The files beside the ELF: initrd, Firecracker's configuration, Cloud Hypervisor's script.
pub(super) fn beside_elf(out: &Path) -> anyhow::Result<[PathBuf; 3]> {
    Ok([beside(out, ".initrd")?, beside(out, ".firecracker.json")?, beside(out, ".cloud-hypervisor.sh")?])
}

/// Writes the ELF, the initrd, a Firecracker configuration and a Cloud Hypervisor command line. They name each other
/// without a folder, so they can be moved together; both monitors are to be started in that folder.
///
/// # Errors
/// One of them cannot be written.
pub(super) fn write(out: &Path, content: &Content) -> anyhow::Result<Vec<PathBuf>> {
    let [initrd, config, script] = beside_elf(out)?;
    ensure!(out != initrd, "{} is to be the ELF; give it another ending than .initrd", out.display());
    let [kernel, ramdisk] = [out, &initrd].map(|path| path.file_name().unwrap_or_default().to_string_lossy());
    let firecracker = json!({
        "boot-source": { "kernel_image_path": kernel, "initrd_path": ramdisk, "boot_args": "" },
        "drives": [],
        "machine-config": { "vcpu_count": 1, "mem_size_mib": MEMORY_MIB },
    });
    let (quoted_kernel, quoted_ramdisk) = (process::quoted(&kernel), process::quoted(&ramdisk));
    let cloud_hypervisor = format!(
        "#!/bin/sh\n# Boots the image with the serial line on this terminal.\ncd \"$(dirname \"$0\")\" || exit\n\
         exec cloud-hypervisor --kernel {quoted_kernel} --initramfs {quoted_ramdisk} \\\n\
         \t--cpus boot=1 --memory size={MEMORY_MIB}M --serial tty --console off\n"
    );
    Ok(vec![
        files::write(out, &content.kernel)?,
        files::write(&initrd, &content.initrd)?,
        files::write(&config, format!("{firecracker:#}\n").as_bytes())?,
        files::write(&script, cloud_hypervisor.as_bytes())?,
    ])
}
