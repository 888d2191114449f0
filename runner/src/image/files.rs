//! Files that appear whole or not at all, and their sums.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};

use super::folder_of;

/// A file that is being written under another name.
pub(super) struct Output {
    path: PathBuf,
    partial: PathBuf,
    file: File,
}

impl Output {
    /// # Errors
    /// The folder is not there or cannot be written to.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        ensure!(!path.is_dir(), "{} is a folder; name a file", path.display());
        let name = path.file_name().with_context(|| format!("{} is no name for a file", path.display()))?;
        let mut name = name.to_os_string();
        name.push(".partial");
        let partial = path.with_file_name(name);
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&partial);
        let file = file.with_context(|| format!("cannot write {}", partial.display()))?;
        Ok(Self { path: path.into(), partial, file })
    }

    /// The open file.
    pub(super) const fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Where it is while it is written.
    pub(super) fn partial(&self) -> &Path {
        &self.partial
    }

    /// Gives it its name.
    pub(super) fn finish(self) -> anyhow::Result<PathBuf> {
        let cannot_write = || format!("cannot write {}", self.path.display());
        fs::rename(&self.partial, &self.path).with_context(cannot_write)?;
        Ok(self.path.clone())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // What was begun and not finished is of no use; what was finished is not there any more.
        let _ = fs::remove_file(&self.partial);
    }
}

/// Writes a whole file.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<PathBuf> {
    let mut output = Output::create(path)?;
    io::Write::write_all(output.file(), bytes).with_context(|| format!("cannot write {}", path.display()))?;
    output.finish()
}

/// The name of the list of sums, as `sha256sum -c` reads it.
const SUMS: &str = "SHA256SUMS";

/// Notes the sums of `made` in the list beside `output`. Other lines stay as they are, but for those of `output` and of
/// what was in it before, if it is a folder.
pub(super) fn write_sums(output: &Path, made: &[PathBuf]) -> anyhow::Result<()> {
    let folder = folder_of(output);
    let list = folder.join(SUMS);
    let within = |path: &Path| path.strip_prefix(&folder).unwrap_or(path).display().to_string();
    let mut sums = BTreeMap::new();
    for path in made {
        sums.insert(within(path), hex(&sum(path)?));
    }
    let inside = within(output) + "/";
    let is_ours = |name: &str| sums.contains_key(name) || name.starts_with(&inside);
    let before = if list.exists() { fs::read_to_string(&list) } else { Ok(String::new()) };
    let before = before.with_context(|| format!("cannot read {}", list.display()))?;
    let others = before.lines().filter(|line| !line.split_once("  ").is_some_and(|(_, name)| is_ours(name)));
    let mut text: String = others.map(|line| format!("{line}\n")).collect();
    text.extend(sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")));
    write(&list, text.as_bytes()).map(drop)
}

/// Compares a file with the list beside it, if that names the file.
///
/// # Errors
/// It is another one.
pub(super) fn check_sum(path: &Path) -> anyhow::Result<()> {
    let list = folder_of(path).join(SUMS);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let text = fs::read_to_string(&list).unwrap_or_default();
    let mut lines = text.lines().filter_map(|line| line.split_once("  "));
    let Some((expected, _)) = lines.find(|line| line.1 == name) else { return Ok(()) };
    ensure!(
        hex(&sum(path)?) == expected,
        "{} is not what {} says: it was changed, or not copied whole",
        path.display(),
        list.display()
    );
    Ok(())
}

fn sum(path: &Path) -> anyhow::Result<[u8; 32]> {
    let cannot_read = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(cannot_read)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    loop {
        match io::Read::read(&mut file, &mut piece).with_context(cannot_read)? {
            0 => return Ok(hasher.finalize().into()),
            count => hasher.update(&piece[..count]),
        }
    }
}

/// 16 bytes that stand for some content: identifiers that are the same for the same image, and differ otherwise.
pub(super) fn identifier(what: &str, content: &[u8]) -> [u8; 16] {
    let hash = Sha256::new().chain_update(what).chain_update(content).finalize();
    hash.first_chunk().copied().unwrap_or_default()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The size of a file, for people.
pub(super) fn size(path: &Path) -> anyhow::Result<String> {
    let bytes = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
    Ok(match bytes {
        0..1_048_576 => format!("{bytes} bytes"),
        _ => format!("{:.1} MiB ({bytes} bytes)", bytes as f64 / 1_048_576.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_sums_keeps_what_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join(SUMS);
        fs::write(&list, "MD5 (x) = 1\nabc  other\nabc  disk\nabc  layout/gone\n").unwrap();
        let disk = write(&folder.path().join("disk"), b"abc").unwrap();
        write_sums(&disk, std::slice::from_ref(&disk)).unwrap();
        let text = fs::read_to_string(&list).unwrap();
        // FIPS 180-2, appendix B.1.
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(text, format!("MD5 (x) = 1\nabc  other\nabc  layout/gone\n{sum}  disk\n"));
        check_sum(&disk).unwrap();
        let inside = folder.path().join("layout");
        fs::create_dir(&inside).unwrap();
        let file = write(&inside.join("new"), b"").unwrap();
        write_sums(&inside, &[file]).unwrap();
        let text = fs::read_to_string(&list).unwrap();
        assert!(!text.contains("layout/gone") && text.contains("layout/new"), "{text}");
        fs::write(&disk, b"abd").unwrap();
        assert!(check_sum(&disk).unwrap_err().to_string().contains("not what"));
        check_sum(&list).unwrap();
    }
}
