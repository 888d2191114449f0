//! Signed initrds: who made this archive is settled before any of it is read.
//!
//! A head of 96 bytes stands before the archive:
//!
//! | offset | bytes | holds |
//! |---|---|---|
//! | 0 | 8 | `SKEPSIG1` |
//! | 8 | 64 | Ed25519 signature (RFC 8032) of everything from offset 72 to the end |
//! | 72 | 8 | `initrd 1`: what was signed, so that this signature can stand for nothing else |
//! | 80 | 8 | the first 8 bytes of the public key: tells which key to use, proves nothing |
//! | 88 | 8 | length of the archive in bytes, little-endian |
//! | 96 | | the archive |
//!
//! [`seal`] writes it, [`admit`] checks it, so there is one definition.

use core::fmt;

use ed25519_dalek::Signature;

use crate::trust::{KeyId, Trust};

/// What a signed initrd begins with.
pub const MAGIC: &[u8; 8] = b"SKEPSIG1";
/// Bytes before the archive. A multiple of 8, so that an archive keeps its alignment.
pub const HEAD_BYTES: usize = 96;
/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;

const CONTEXT: &[u8; 8] = b"initrd 1";
/// Where the signed part begins.
const SIGNED_AT: usize = 72;

/// Who vouches for an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody was asked for: the image trusts no key and takes any archive.
    Unasked,
    /// It is signed, and the image trusts no key to check that with.
    Unchecked(KeyId),
    /// Signed by this key, which the image trusts.
    Signed(KeyId),
}

/// An archive that may be read. Only [`admit`] makes one; with a trusted key, every byte of it was signed by one.
#[derive(Debug)]
pub struct Admitted<'a> {
    archive: &'a mut [u8],
    origin: Origin,
}

impl<'a> Admitted<'a> {
    /// Who vouches for it.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The archive, without its head.
    #[must_use]
    pub fn into_archive(self) -> &'a mut [u8] {
        self.archive
    }
}

/// Why an initrd may not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The image trusts keys, and this is not signed.
    Unsigned,
    /// It ends inside its head.
    HeadCut,
    /// The head is not about an initrd.
    Context,
    /// The archive is not as long as its head says.
    Length {
        /// What the head says, in bytes.
        said: u64,
        /// What there is.
        found: u64,
    },
    /// Signed by a key that the image does not trust.
    UnknownKey(KeyId),
    /// The signature is not that key's for these bytes: it was altered, or never signed.
    Forged(KeyId),
    /// What the image was told to trust makes no sense, so it trusts nothing.
    Trust,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => f.write_str("not signed, and this image takes only what a key it trusts has signed: use `skep pack --sign`"),
            Self::HeadCut => f.write_str("it ends inside the head of its signature: it was cut"),
            Self::Context => f.write_str("its signature is not about an initrd of this format"),
            Self::Length { said, found } => {
                write!(f, "its signature is about {said} bytes, here are {found}: it was cut or added to")
            }
            Self::UnknownKey(key) => write!(f, "signed by key {key}, which this image does not trust"),
            Self::Forged(key) => write!(f, "not what key {key} has signed: it was altered"),
            Self::Trust => f.write_str(
                "this image was told to trust something that is no Ed25519 key (`trust=`), so it takes no initrd",
            ),
        }
    }
}

impl core::error::Error for Refusal {}

/// Makes `signed` the signed initrd of `archive`: it is as long as head and archive together. `sign` is given what is to
/// be signed, in one piece.
///
/// # Panics
/// `signed` has another length.
pub fn seal(
    signed: &mut [u8],
    archive: &[u8],
    key: KeyId,
    sign: impl FnOnce(&[u8]) -> [u8; SIGNATURE_BYTES],
) {
    let (head, body) = signed.split_at_mut(HEAD_BYTES);
    body.copy_from_slice(archive);
    head[..8].copy_from_slice(MAGIC);
    head[72..80].copy_from_slice(CONTEXT);
    head[80..88].copy_from_slice(&key.0);
    head[88..].copy_from_slice(&(archive.len() as u64).to_le_bytes());
    let signature = sign(&signed[SIGNED_AT..]);
    signed[8..SIGNED_AT].copy_from_slice(&signature);
}

/// Whether a signed initrd begins here.
#[must_use]
pub fn is_signed(memory: &[u8]) -> bool {
    memory.starts_with(MAGIC)
}

/// Length in bytes of the signed initrd at the start of `memory`, for boards that are told where an initrd begins
/// and not where it ends: by its head, which is not believed before [`admit`] has checked it.
#[must_use]
pub fn extent(memory: &[u8]) -> usize {
    let archive = archive_bytes(memory).and_then(|bytes| usize::try_from(bytes).ok());
    archive.and_then(|bytes| bytes.checked_add(HEAD_BYTES)).unwrap_or(HEAD_BYTES).min(memory.len())
}

fn archive_bytes(memory: &[u8]) -> Option<u64> {
    memory.get(88..HEAD_BYTES)?.try_into().ok().map(u64::from_le_bytes)
}

/// Lets an initrd in, or not. Nothing of the archive is interpreted.
///
/// # Errors
/// Why not.
pub fn admit<'a>(initrd: &'a mut [u8], trust: &Trust) -> Result<Admitted<'a>, Refusal> {
    let is_required = trust.is_required().map_err(|_| Refusal::Trust)?;
    match (is_signed(initrd), is_required) {
        (false, false) => Ok(Admitted { archive: initrd, origin: Origin::Unasked }),
        (false, true) => Err(Refusal::Unsigned),
        (true, false) => {
            let key = check_head(initrd)?;
            Ok(Admitted { archive: &mut initrd[HEAD_BYTES..], origin: Origin::Unchecked(key) })
        }
        (true, true) => {
            let key = check_head(initrd)?;
            check_signature(initrd, key, trust)?;
            Ok(Admitted { archive: &mut initrd[HEAD_BYTES..], origin: Origin::Signed(key) })
        }
    }
}

/// The key that a head names, if the head makes sense.
fn check_head(initrd: &[u8]) -> Result<KeyId, Refusal> {
    let (head, archive) = initrd.split_at_checked(HEAD_BYTES).ok_or(Refusal::HeadCut)?;
    if &head[72..80] != CONTEXT {
        return Err(Refusal::Context);
    }
    let (said, found) = (archive_bytes(head).unwrap_or_default(), archive.len() as u64);
    if said != found {
        return Err(Refusal::Length { said, found });
    }
    head[80..88].try_into().map(KeyId).map_err(|_| Refusal::HeadCut)
}

/// The one place where a signature is believed. Strict: one signature for each message, no weak keys (RFC 8032
/// 5.1.7 leaves both open).
fn check_signature(initrd: &[u8], id: KeyId, trust: &Trust) -> Result<(), Refusal> {
    let bytes: &[u8; SIGNATURE_BYTES] = initrd[8..SIGNED_AT].try_into().map_err(|_| Refusal::HeadCut)?;
    let signature = Signature::from_bytes(bytes);
    let mut keys = trust.keys().filter(|key| KeyId::of(key.as_bytes()) == id).peekable();
    if keys.peek().is_none() {
        return Err(Refusal::UnknownKey(id));
    }
    let is_genuine = keys.any(|key| key.verify_strict(&initrd[SIGNED_AT..], &signature).is_ok());
    if is_genuine { Ok(()) } else { Err(Refusal::Forged(id)) }
}

#[cfg(test)]
mod tests;
