//! A container image with a disk in it, as KubeVirt takes it: Kubernetes schedules it, restarts and scales it.
//!
//! The layout is that of the OCI Image Format Specification 1.0: blobs by their SHA-256, an index that names the
//! manifest, which names the configuration and the one layer.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

use super::files::{self, hex};
use super::{beside, folder_of};
use crate::cli::Firmware;

/// User and group of the process that reads the disk in KubeVirt's pods.
const QEMU_USER: u64 = 107;
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The annotation by which a layout made here is known, and where the disk is in it.
const OURS: &str = "io.github.skep-os.disk";
const DISK: &str = "disk/disk.img";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The VirtualMachine beside the folder `out`.
pub(super) fn manifest_path(out: &Path) -> PathBuf {
    beside(out, ".vm.yaml").unwrap_or_default()
}

/// Writes the layout to the folder `out`, and a KubeVirt VirtualMachine beside it.
///
/// # Errors
/// `out` is something else than such a layout, or cannot be written.
pub(super) fn write(out: &Path, disk: &mut File, firmware: Firmware) -> anyhow::Result<Vec<PathBuf>> {
    check_replaceable(out)?;
    let partial = tempfile::Builder::new().prefix(".skep-").tempdir_in(folder_of(out));
    let partial = partial.with_context(|| format!("cannot write beside {}", out.display()))?;
    let written = write_layout(partial.path(), disk)?;
    if out.exists() {
        fs::remove_dir_all(out).with_context(|| format!("cannot replace {}", out.display()))?;
    }
    fs::rename(partial.keep(), out).with_context(|| format!("cannot write {}", out.display()))?;
    fs::set_permissions(out, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let name = beside(out, "")?.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let manifest = files::write(&manifest_path(out), virtual_machine(&name, firmware).as_bytes())?;
    Ok(written.into_iter().map(|file| out.join(file)).chain([manifest]).collect())
}

/// Only a layout that was made here is ever removed, nothing else of the user's.
fn check_replaceable(out: &Path) -> anyhow::Result<()> {
    ensure!(!out.is_file(), "{} is a file; an OCI layout is a folder", out.display());
    let index =
        fs::read(out.join("index.json")).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    let is_layout = index.is_some_and(|index| {
        index["annotations"][OURS] == DISK
            && index["manifests"].as_array().is_some_and(|list| list.len() == 1)
    });
    let is_empty = fs::read_dir(out).map_or(true, |mut entries| entries.next().is_none());
    ensure!(is_layout || is_empty, "{} is a folder with other things in it; name another", out.display());
    Ok(())
}

/// Writes the layout and returns the names of its files.
fn write_layout(folder: &Path, disk: &mut File) -> anyhow::Result<Vec<PathBuf>> {
    let mut blobs = Blobs { folder: folder.into(), written: Vec::new() };
    fs::create_dir_all(folder.join("blobs/sha256"))?;
    let (layer, unpacked_digest) = layer(disk)?;
    let layer = blobs.add(LAYER, &layer)?;
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": { "type": "layers", "diff_ids": [unpacked_digest] },
    });
    let config = blobs.add(CONFIG, config.to_string().as_bytes())?;
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] });
    let mut manifest = blobs.add(MANIFEST, manifest.to_string().as_bytes())?;
    manifest["platform"] = json!({ "architecture": "amd64", "os": "linux" });
    manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": "latest" });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest], "annotations": { OURS: DISK } });
    fs::write(folder.join("index.json"), index.to_string())?;
    fs::write(folder.join("oci-layout"), json!({ "imageLayoutVersion": "1.0.0" }).to_string())?;
    Ok([blobs.written, vec!["index.json".into(), "oci-layout".into()]].concat())
}

struct Blobs {
    folder: PathBuf,
    written: Vec<PathBuf>,
}

impl Blobs {
    /// Adds a blob and returns its descriptor.
    fn add(&mut self, media_type: &str, bytes: &[u8]) -> anyhow::Result<Value> {
        let hash = hex(&Sha256::digest(bytes));
        let name = PathBuf::from("blobs/sha256").join(&hash);
        fs::write(self.folder.join(&name), bytes)?;
        self.written.push(name);
        Ok(json!({ "mediaType": media_type, "digest": format!("sha256:{hash}"), "size": bytes.len() }))
    }
}

/// The layer with the disk at `/disk/disk.img`, and the digest of what it unpacks to.
fn layer(disk: &mut File) -> anyhow::Result<(Vec<u8>, String)> {
    let bytes = disk.seek(SeekFrom::End(0))?;
    disk.seek(SeekFrom::Start(0))?;
    let mut archive = tar::Builder::new(Vec::new());
    archive.append(&entry("disk/", EntryType::Directory, 0, 0o755)?, std::io::empty())?;
    archive.append(&entry(DISK, EntryType::Regular, bytes, 0o440)?, disk)?;
    let archive = archive.into_inner()?;
    let mut layer = gzip();
    layer.write_all(&archive)?;
    Ok((layer.finish()?, format!("sha256:{}", hex(&Sha256::digest(&archive)))))
}

fn entry(path: &str, kind: EntryType, bytes: u64, mode: u32) -> anyhow::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(path)?;
    header.set_entry_type(kind);
    header.set_size(bytes);
    header.set_mode(mode);
    header.set_uid(QEMU_USER);
    header.set_gid(QEMU_USER);
    header.set_mtime(0);
    header.set_cksum();
    Ok(header)
}

/// gzip without a time and a name.
pub(super) fn gzip() -> GzEncoder<Vec<u8>> {
    GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::default())
}

fn virtual_machine(name: &str, firmware: Firmware) -> String {
    // What Kubernetes allows in a name.
    let name: String = name
        .to_lowercase()
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character } else { '-' })
        .collect();
    let name = name.trim_matches('-');
    let name = if name.is_empty() { "skep" } else { name };
    let bootloader = match firmware {
        Firmware::Uefi => "efi:\n              secureBoot: false",
        Firmware::Bios => "bios: {}",
    };
    format!(
        "\
# Push the image first: skopeo copy oci:FOLDER docker://REGISTRY/{name}:latest
# `kubectl apply -f` this file; `virtctl console {name}` shows the serial line.
# An image that has run its programs powers off, and is started again. To scale, put `template` into a
# VirtualMachineInstanceReplicaSet.
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata:
  name: {name}
spec:
  runStrategy: Always
  template:
    metadata:
      labels:
        app: {name}
    spec:
      terminationGracePeriodSeconds: 0
      domain:
        cpu:
          cores: 1
        memory:
          guest: 256Mi
        firmware:
          bootloader:
            {bootloader}
        devices:
          disks:
            - name: skep
              disk:
                bus: virtio
      volumes:
        - name: skep
          containerDisk:
            image: REGISTRY/{name}:latest
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_other_things_in_it_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("image");
        fs::create_dir(&out).unwrap();
        assert!(check_replaceable(&out).is_ok());
        fs::write(out.join("thesis.txt"), b"years of work").unwrap();
        assert!(check_replaceable(&out).is_err());
        assert!(check_replaceable(&out.join("thesis.txt")).is_err());
        let foreign = r#"{"schemaVersion":2,"manifests":[{}]}"#;
        fs::write(out.join("index.json"), foreign).unwrap();
        fs::write(out.join("oci-layout"), b"{}").unwrap();
        let mut disk = tempfile::tempfile().unwrap();
        assert!(write(&out, &mut disk, Firmware::Uefi).is_err());
        assert_eq!(fs::read(out.join("thesis.txt")).unwrap(), b"years of work");
    }

    #[test]
    fn a_layout_is_replaced_by_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("My_image");
        let mut disk = tempfile::tempfile().unwrap();
        disk.write_all(&[7; 10_000]).unwrap();
        let read_all =
            |files: &[PathBuf]| files.iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>();
        let first = write(&out, &mut disk, Firmware::Uefi).unwrap();
        let before = read_all(&first);
        let second = write(&out, &mut disk, Firmware::Uefi).unwrap();
        assert_eq!((second.clone(), read_all(&second)), (first, before));
        let yaml = fs::read_to_string(manifest_path(&out)).unwrap();
        assert!(yaml.contains("name: my-image\n"), "{yaml}");
    }
}
