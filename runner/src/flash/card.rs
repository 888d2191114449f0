//! The disks of this machine, and which of them may be written over.

use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::process;

/// A disk, as lsblk tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Card {
    pub(super) path: PathBuf,
    #[serde(rename = "size")]
    bytes: u64,
    model: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    /// The medium can be taken out.
    #[serde(rename = "rm")]
    is_removable: bool,
    /// The whole device can: a USB reader, an SD slot.
    #[serde(rename = "hotplug")]
    is_hotplugged: bool,
    #[serde(rename = "ro")]
    is_read_only: bool,
    #[serde(default)]
    mountpoints: Vec<Option<String>>,
    /// Partitions, and what is made of them.
    #[serde(default)]
    children: Vec<Card>,
}

#[derive(Deserialize)]
struct Listing {
    blockdevices: Vec<Card>,
}

/// All disks.
///
/// # Errors
/// lsblk cannot be asked.
pub(super) fn all() -> anyhow::Result<Vec<Card>> {
    let mut lsblk = Command::new("lsblk");
    lsblk.args(["--json", "--bytes", "--output", "PATH,SIZE,MODEL,TYPE,RM,HOTPLUG,RO,MOUNTPOINTS"]);
    parse(&process::capture(&mut lsblk).context("cannot list this machine's disks")?)
}

fn parse(text: &str) -> anyhow::Result<Vec<Card>> {
    let listing: Listing = serde_json::from_str(text).context("lsblk's answer is not understood")?;
    Ok(listing.blockdevices)
}

impl Card {
    /// Whether an image of `bytes` may be written to it.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn check(&self, bytes: u64) -> anyhow::Result<()> {
        let path = self.path.display();
        ensure!(self.kind == "disk", "{path} is no whole disk but a {}", self.kind);
        ensure!(
            self.is_removable || self.is_hotplugged,
            "{path} is not removable; skep writes to cards and USB disks only"
        );
        if let Some(mountpoint) = self.mountpoint() {
            anyhow::bail!("{path} is in use: {mountpoint} is mounted; unmount it first");
        }
        if let Some(user) = self.children.iter().find_map(Self::user) {
            anyhow::bail!("{path} is in use: {} is made of it", user.path.display());
        }
        ensure!(!self.is_read_only, "{path} is write-protected: look for the switch on the card");
        ensure!(self.bytes > 0, "{path} has no medium in it");
        ensure!(
            self.bytes >= bytes,
            "{path} is too small: the image has {bytes} bytes, the card {}",
            self.bytes
        );
        Ok(())
    }

    /// What is made of a part, or the part itself if it is no partition: an encrypted, joined or logical disk.
    fn user(&self) -> Option<&Self> {
        if self.kind == "part" { self.children.first() } else { Some(self) }
    }

    /// Where it, or something on it, is mounted.
    fn mountpoint(&self) -> Option<&str> {
        let own = self.mountpoints.iter().flatten().next().map(String::as_str);
        own.or_else(|| self.children.iter().find_map(Self::mountpoint))
    }
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = self.bytes as f64 / f64::from(1 << 30);
        let model = self.model.as_deref().unwrap_or("unknown model").trim();
        write!(f, "{} ({gib:.1} GiB, {model})", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(fields: &str) -> Card {
        let base = r#""path":"/dev/sdx","model":"Reader","mountpoints":[null]"#;
        let text = format!(r#"{{"blockdevices":[{{{base},{fields}}}]}}"#);
        parse(&text).unwrap().remove(0)
    }

    const GOOD: &str = r#""size":1000,"type":"disk","rm":true,"hotplug":true,"ro":false"#;

    #[test]
    fn an_unused_removable_disk_that_is_large_enough_may_be_written() {
        assert!(card(GOOD).check(1000).is_ok());
        assert!(card(&GOOD.replace(r#""rm":true"#, r#""rm":false"#)).check(1).is_ok(), "an SD slot");
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        let nested = r#""children":[{"path":"/dev/sdx1","size":9,"model":null,"type":"part","rm":true,"hotplug":true,
            "ro":false,"mountpoints":[null,"/media/photos"]}]"#;
        let crypt = r#""children":[{"path":"/dev/sdx1","size":9,"model":null,"type":"part","rm":true,"hotplug":true,
            "ro":false,"mountpoints":[null],"children":[{"path":"/dev/mapper/safe","size":9,"model":null,
            "type":"crypt","rm":false,"hotplug":false,"ro":false,"mountpoints":[null]}]}]"#;
        let whole = r#""children":[{"path":"/dev/mapper/whole","size":9,"model":null,"type":"crypt","rm":false,
            "hotplug":false,"ro":false,"mountpoints":[null]}]"#;
        let with = |from: &str, to: &str| GOOD.replace(from, to);
        for (fields, reason) in [
            (with("true,\"hotplug\":true", "false,\"hotplug\":false"), "not removable"),
            (with("disk", "loop"), "no whole disk"),
            (with("\"ro\":false", "\"ro\":true"), "write-protected"),
            (with("1000", "0"), "no medium"),
            (with("1000", "999"), "too small"),
            (format!("{GOOD},{nested}"), "/media/photos is mounted"),
            (format!("{GOOD},{whole}"), "/dev/mapper/whole is made of it"),
            (format!("{GOOD},{crypt}"), "/dev/mapper/safe is made of it"),
        ] {
            let error = card(&fields).check(1000).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
