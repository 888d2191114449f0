//! Giving a built image the keys it trusts.

use std::fs;

use anyhow::{Context, bail, ensure};
use kernel_core::trust::{self, BLOCK_BYTES, BLOCK_MAGIC, MAX_KEYS, VACANT_BLOCK};

use crate::build::Image;
use crate::cli::TrustArgs;
use crate::key;

/// The image as it is booted, with the keys it trusts.
///
/// # Errors
/// A key is none, or the image has no place for it.
pub(crate) fn kernel(image: &Image, args: &TrustArgs) -> anyhow::Result<Vec<u8>> {
    let mut bytes = fs::read(&image.boot).with_context(|| format!("cannot read {}", image.boot.display()))?;
    fill(&mut bytes, args).with_context(|| format!("cannot give {} its keys", image.boot.display()))?;
    Ok(bytes)
}

fn fill(image: &mut [u8], args: &TrustArgs) -> anyhow::Result<()> {
    ensure!(
        args.oldest.is_none() || !args.trust.is_empty(),
        "--oldest needs --trust: without a key anybody can write any sequence number"
    );
    ensure!(args.trust.len() <= MAX_KEYS, "an image trusts at most {MAX_KEYS} keys");
    let keys = args.trust.iter().map(|text| key::public(text)).collect::<anyhow::Result<Vec<_>>>()?;
    let block = trust::block(&keys, args.oldest.unwrap_or(0))?;
    place(image)?.copy_from_slice(&block);
    Ok(())
}

/// The one block in the image, which is vacant.
fn place(image: &mut [u8]) -> anyhow::Result<&mut [u8]> {
    let found: Vec<_> = image
        .windows(BLOCK_MAGIC.len())
        .enumerate()
        .filter(|(_, window)| window == BLOCK_MAGIC)
        .map(|(at, _)| at)
        .collect();
    let [at] = found[..] else { bail!("it has {} places for keys, not one", found.len()) };
    let place = image.get_mut(at..at + BLOCK_BYTES).context("it is cut off")?;
    ensure!(*place == VACANT_BLOCK, "its place for keys is taken");
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(trust: &[&str], oldest: Option<u64>) -> TrustArgs {
        TrustArgs { trust: trust.iter().map(|text| (*text).to_string()).collect(), oldest }
    }

    /// RFC 8032, section 7.1, test 1.
    const KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    #[test]
    fn keys_go_to_the_one_vacant_place() {
        let mut image = [&[1; 7][..], &VACANT_BLOCK, &[2; 9]].concat();
        fill(&mut image, &args(&[KEY], Some(5))).unwrap();
        let expected = trust::block(&[trust::key(KEY).unwrap()], 5).unwrap();
        assert_eq!(image, [&[1; 7][..], &expected, &[2; 9]].concat());
        assert!(fill(&mut image, &args(&[KEY], None)).is_err(), "it is taken");
    }

    #[test]
    fn no_place_two_places_and_too_many_keys_are_refused() {
        for mut image in [vec![0; 1000], [VACANT_BLOCK, VACANT_BLOCK].concat(), VACANT_BLOCK[..40].to_vec()] {
            assert!(fill(&mut image, &args(&[KEY], None)).is_err());
        }
        let mut image = VACANT_BLOCK.to_vec();
        assert!(fill(&mut image, &args(&[KEY; 5], None)).is_err());
        assert!(fill(&mut image, &args(&[], Some(1))).is_err());
        assert!(fill(&mut image, &args(&["nowhere"], None)).is_err());
        assert_eq!(image, VACANT_BLOCK);
    }
}
