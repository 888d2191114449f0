//! `skep key`: the keys that sign initrds.
//!
//! Ed25519 keys in PEM files, as `openssl genpkey -algorithm ed25519` makes them too: the secret one in PKCS#8
//! (RFC 8410), the public one as a SubjectPublicKeyInfo.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, ensure};
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _, KeypairBytes,
};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use kernel_core::signature::{self, HEAD_BYTES};
use kernel_core::trust::{self, KEY_BYTES, KeyId};

use crate::cli::KeyCommand;
use crate::output;

/// A key that signs.
pub(crate) struct Secret(SigningKey);

pub(crate) fn run(command: &KeyCommand) -> anyhow::Result<ExitCode> {
    match command {
        KeyCommand::New { name } => new(name)?,
        KeyCommand::Show { key } => {
            let public = public(&key.to_string_lossy())?;
            output::line(format_args!("key {}\ntrust={}", KeyId::of(&public), hex(&public)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn new(name: &Path) -> anyhow::Result<()> {
    ensure!(name.file_name().is_some(), "{} is no name for a key", name.display());
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| anyhow!("this machine has no randomness: {error}"))?;
    let secret = SigningKey::from_bytes(&seed);
    let public = secret.verifying_key();
    let (secret_path, public_path) = (with_ending(name, ".key"), with_ending(name, ".pub"));
    // Both names are looked at first: half a pair would be of no use.
    for path in [&secret_path, &public_path] {
        ensure!(!path.exists(), "{} is there already, and a key is never written over", path.display());
    }
    // Without the public key, which not every version of OpenSSL can read there.
    let pem = KeypairBytes { secret_key: seed, public_key: None }.to_pkcs8_pem(LineEnding::LF)?;
    write_new(&secret_path, pem.as_bytes(), 0o600)?;
    write_new(&public_path, public.to_public_key_pem(LineEnding::LF)?.as_bytes(), 0o644)?;
    output::line(format_args!("{}: signs initrds (`--sign`); keep it secret", secret_path.display()));
    output::line(format_args!("{}: for images (`--trust`)", public_path.display()));
    output::line(format_args!("key {}\ntrust={}", KeyId::of(public.as_bytes()), hex(public.as_bytes())));
    Ok(())
}

fn with_ending(name: &Path, ending: &str) -> PathBuf {
    let mut name = name.as_os_str().to_os_string();
    name.push(ending);
    name.into()
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let file = File::options().write(true).create_new(true).mode(mode).open(path);
    let mut file = file.with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The public key that `text` is, as 64 hexadecimal digits, or names, as a file with either half of a key.
///
/// # Errors
/// It is neither.
pub(crate) fn public(text: &str) -> anyhow::Result<[u8; KEY_BYTES]> {
    let key = match trust::key(text) {
        Ok(bytes) => {
            VerifyingKey::from_bytes(&bytes).map_err(|_| anyhow!("{text} is no Ed25519 public key"))?
        }
        Err(_) => read_public(Path::new(text))?,
    };
    ensure!(!key.is_weak(), "{text} is a key that anybody can sign for");
    Ok(key.to_bytes())
}

fn read_public(path: &Path) -> anyhow::Result<VerifyingKey> {
    let text = fs::read_to_string(path).with_context(|| {
        format!(
            "{} is no key of 64 hexadecimal digits, and no file with a key that can be read",
            path.display()
        )
    })?;
    if let Ok(secret) = SigningKey::from_pkcs8_pem(&text) {
        return Ok(secret.verifying_key());
    }
    VerifyingKey::from_public_key_pem(&text)
        .map_err(|error| anyhow!("{} holds no Ed25519 key in PEM: {error}", path.display()))
}

impl Secret {
    /// Reads a key from a file.
    ///
    /// # Errors
    /// There is none in it.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read the key {}", path.display()))?;
        let key = SigningKey::from_pkcs8_pem(&text).map_err(|error| {
            anyhow!(
                "{} holds no secret Ed25519 key in PEM (`skep key new` makes one): {error}",
                path.display()
            )
        })?;
        Ok(Self(key))
    }

    /// A signed initrd.
    pub(crate) fn seal(&self, archive: &[u8]) -> Vec<u8> {
        let mut signed = vec![0; HEAD_BYTES + archive.len()];
        let id = KeyId::of(self.0.verifying_key().as_bytes());
        signature::seal(&mut signed, archive, id, |message| self.0.sign(message).to_bytes());
        signed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_pair_is_read_back_and_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("site.v1");
        new(&name).unwrap();
        let file = |ending| with_ending(&name, ending).display().to_string();
        let from_public = public(&file(".pub")).unwrap();
        assert_eq!(public(&file(".key")).unwrap(), from_public);
        assert_eq!(public(&hex(&from_public)).unwrap(), from_public);
        let before = fs::read(file(".key")).unwrap();
        assert!(new(&name).unwrap_err().to_string().contains("never written over"));
        assert_eq!(fs::read(file(".key")).unwrap(), before);
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(file(".key")).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_key_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notes");
        fs::write(&file, "no key").unwrap();
        for text in ["nowhere", &"0".repeat(64), &file.display().to_string()] {
            assert!(public(text).unwrap_err().to_string().contains(text), "{text}");
        }
        assert!(Secret::read(&file).is_err());
    }
}
