//! Whom an image believes: the public keys that may sign its initrd, and the oldest sequence number it takes.
//!
//! They come from a block of bytes in the image, which `skep image --trust` fills in after the build, or from the
//! kernel's command line. A block that holds keys has the last word: a command line can then add no key.

use core::fmt;

use ed25519_dalek::VerifyingKey;

/// Most keys an image trusts: the one in use, the next one, and two to spare.
pub const MAX_KEYS: usize = 4;
/// Bytes of a public key.
pub const KEY_BYTES: usize = 32;
/// Bytes of the block.
pub const BLOCK_BYTES: usize = 32 + MAX_KEYS * KEY_BYTES;
/// What the block begins with, for the tool to find it by. The image never compares it, so that it stands there
/// once, in the block.
pub const BLOCK_MAGIC: &[u8; 16] = b"skep trust block";

/// A block without keys: any initrd will do.
pub const VACANT_BLOCK: [u8; BLOCK_BYTES] = {
    let mut block = [0; BLOCK_BYTES];
    let mut index = 0;
    while index < BLOCK_MAGIC.len() {
        block[index] = BLOCK_MAGIC[index];
        index += 1;
    }
    block
};

/// The first 8 bytes of a public key: enough to name it, in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyId(pub [u8; 8]);

impl KeyId {
    /// The name of a key.
    #[must_use]
    pub fn of(key: &[u8; KEY_BYTES]) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *key;
        Self([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What was to be trusted is no key, or too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTrust;

impl fmt::Display for BadTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected 1 to {MAX_KEYS} Ed25519 public keys of 64 hexadecimal digits each, with commas between"
        )
    }
}

impl core::error::Error for BadTrust {}

/// The keys an image trusts, and the oldest sequence number it takes.
#[derive(Clone, Debug)]
pub struct Trust {
    /// `None` if they make no sense: then nothing is trusted, rather than everything.
    keys: Option<Keys>,
    oldest: u64,
}

type Keys = [Option<VerifyingKey>; MAX_KEYS];

impl Trust {
    /// Any initrd will do.
    pub const ANYTHING: Self = Self { keys: Some([None; MAX_KEYS]), oldest: 0 };

    /// What the block in the image says, and where it names no key, what the command line's `trust=` says. The
    /// later of the block's sequence number and the command line's `oldest=` counts.
    #[must_use]
    pub fn new(block: &[u8; BLOCK_BYTES], trust: Option<&str>, oldest: Option<&str>) -> Self {
        let Ok((keys, block_oldest)) = read_block(block) else { return Self { keys: None, oldest: 0 } };
        let keys = match trust {
            Some(text) if keys[0].is_none() => keys_of(text).ok(),
            _ => Some(keys),
        };
        match oldest.map_or(Ok(0), str::parse) {
            Ok(oldest) => Self { keys, oldest: block_oldest.max(oldest) },
            Err(_) => Self { keys: None, oldest: 0 },
        }
    }

    /// Whether an initrd has to be signed.
    ///
    /// # Errors
    /// What was to be trusted makes no sense.
    pub fn is_required(&self) -> Result<bool, BadTrust> {
        self.keys.as_ref().map(|keys| keys.iter().any(Option::is_some)).ok_or(BadTrust)
    }

    /// The keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.iter().flatten().flatten()
    }

    /// The oldest sequence number of a manifest that is taken.
    #[must_use]
    pub fn oldest(&self) -> u64 {
        self.oldest
    }
}

/// A block that holds these keys.
///
/// # Errors
/// More than [`MAX_KEYS`].
pub fn block(keys: &[[u8; KEY_BYTES]], oldest: u64) -> Result<[u8; BLOCK_BYTES], BadTrust> {
    let mut block = VACANT_BLOCK;
    let (places, _) = block[32..].as_chunks_mut::<KEY_BYTES>();
    if keys.len() > MAX_KEYS {
        return Err(BadTrust);
    }
    for (place, key) in places.iter_mut().zip(keys) {
        *place = *key;
    }
    block[16..24].copy_from_slice(&oldest.to_le_bytes());
    block[24..32].copy_from_slice(&(keys.len() as u64).to_le_bytes());
    Ok(block)
}

fn read_block(block: &[u8; BLOCK_BYTES]) -> Result<(Keys, u64), BadTrust> {
    let (head, keys) = block.split_at(32);
    let number = |at: usize| head[at..at + 8].try_into().map(u64::from_le_bytes).map_err(|_| BadTrust);
    let (oldest, count) = (number(16)?, number(24)?);
    let (places, _) = keys.as_chunks::<KEY_BYTES>();
    let used = usize::try_from(count).ok().and_then(|count| places.get(..count)).ok_or(BadTrust)?;
    Ok((checked(used.iter().copied())?, oldest))
}

fn keys_of(text: &str) -> Result<Keys, BadTrust> {
    let mut keys = [[0; KEY_BYTES]; MAX_KEYS];
    let mut count = 0;
    for word in text.split(',') {
        *keys.get_mut(count).ok_or(BadTrust)? = key(word)?;
        count += 1;
    }
    checked(keys.into_iter().take(count))
}

/// A key from its 64 hexadecimal digits.
///
/// # Errors
/// It is something else.
pub fn key(text: &str) -> Result<[u8; KEY_BYTES], BadTrust> {
    let mut key = [0; KEY_BYTES];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != KEY_BYTES || !rest.is_empty() {
        return Err(BadTrust);
    }
    for (byte, &[high, low]) in key.iter_mut().zip(pairs) {
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Ok(key)
}

fn digit(character: u8) -> Result<u8, BadTrust> {
    let value = char::from(character).to_digit(16).ok_or(BadTrust)?;
    u8::try_from(value).map_err(|_| BadTrust)
}

/// Keys that are points of the curve and not of small order: for the others anybody can make signatures.
fn checked(keys: impl Iterator<Item = [u8; KEY_BYTES]>) -> Result<Keys, BadTrust> {
    let mut out = [None; MAX_KEYS];
    for (place, bytes) in out.iter_mut().zip(keys) {
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| BadTrust)?;
        if key.is_weak() {
            return Err(BadTrust);
        }
        *place = Some(key);
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
