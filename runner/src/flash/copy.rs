//! Writing and reading back.

use std::fs::File;
use std::io::{IsTerminal as _, Read, Seek, SeekFrom, Write, stderr};

use anyhow::{Context, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use rustix::fs::{Advice, fadvise};

use crate::{interrupt, output};

/// Bytes at a time.
const PIECE_BYTES: usize = 1 << 20;

/// Copies `bytes` bytes and waits until the card has them.
///
/// # Errors
/// Reading or writing failed, or the user pressed Ctrl-C; the message says how far it got.
pub(super) fn write(source: &mut File, target: &mut File, bytes: u64) -> anyhow::Result<()> {
    interrupt::watch()?;
    let bar = bar("writing", bytes);
    copy(source, target, bytes, |done| bar.set_position(done))?;
    target.sync_all().context("the card did not take the last bytes")?;
    bar.finish_and_clear();
    Ok(())
}

fn copy(
    source: &mut (impl Read + Seek),
    target: &mut (impl Write + Seek),
    bytes: u64,
    mut progress: impl FnMut(u64),
) -> anyhow::Result<()> {
    source.rewind()?;
    target.rewind()?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut done = 0;
    while done < bytes {
        ensure!(!interrupt::asked(), "interrupted after {done} of {bytes} bytes: the card is not usable now");
        let length = piece.len().min(usize::try_from(bytes - done)?);
        let piece = &mut piece[..length];
        source.read_exact(piece).with_context(|| format!("the image ends after {done} bytes"))?;
        target.write_all(piece).with_context(|| format!("cannot write to the card at byte {done}"))?;
        done += length as u64;
        progress(done);
    }
    Ok(())
}

/// Makes the system forget what it keeps of the card in memory.
///
/// # Errors
/// It does not.
pub(super) fn forget_cached(card: &File) -> anyhow::Result<()> {
    fadvise(card, 0, None, Advice::DontNeed).context("cannot read the card past the system's memory")
}

/// Compares `bytes` bytes.
///
/// # Errors
/// They differ; the message says where first.
pub(super) fn verify(source: &mut File, written: &mut File, bytes: u64) -> anyhow::Result<()> {
    let bar = bar("reading back", bytes);
    compare(source, written, bytes, |done| bar.set_position(done))?;
    bar.finish_and_clear();
    Ok(())
}

fn compare(
    source: &mut (impl Read + Seek),
    written: &mut (impl Read + Seek),
    bytes: u64,
    mut progress: impl FnMut(u64),
) -> anyhow::Result<()> {
    source.seek(SeekFrom::Start(0))?;
    written.seek(SeekFrom::Start(0))?;
    let (mut expected, mut found) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]);
    let mut done = 0;
    while done < bytes {
        ensure!(!interrupt::asked(), "interrupted: what was written is not checked");
        let length = PIECE_BYTES.min(usize::try_from(bytes - done)?);
        source.read_exact(&mut expected[..length])?;
        written
            .read_exact(&mut found[..length])
            .with_context(|| format!("cannot read the card at byte {done}"))?;
        if let Some(at) = (0..length).find(|&at| expected[at] != found[at]) {
            bail!("the card is bad: byte {} reads back as something else than was written", done + at as u64);
        }
        done += length as u64;
        progress(done);
    }
    Ok(())
}

/// A progress bar on a terminal, a plain line elsewhere.
fn bar(what: &'static str, bytes: u64) -> ProgressBar {
    if !stderr().is_terminal() {
        output::note(format_args!("skep: {what} {bytes} bytes …"));
        return ProgressBar::hidden();
    }
    let template = "{msg} [{bar:40}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(bytes).with_style(style).with_message(what)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn image() -> Vec<u8> {
        (0..3 * PIECE_BYTES + 512).map(|at| (at % 251) as u8).collect()
    }

    #[test]
    fn what_is_copied_compares_equal_and_the_rest_of_the_card_is_left() {
        let (image, mut card) = (image(), vec![0xee; 4 << 20]);
        let mut seen = Vec::new();
        let bytes = image.len() as u64;
        copy(&mut Cursor::new(&image), &mut Cursor::new(&mut card), bytes, |done| seen.push(done)).unwrap();
        compare(&mut Cursor::new(&image), &mut Cursor::new(&card), bytes, |_| {}).unwrap();
        assert_eq!(seen.last(), Some(&bytes));
        assert!(card[image.len()..].iter().all(|&byte| byte == 0xee));
    }

    #[test]
    fn one_changed_bit_is_found_and_its_place_is_told() {
        let image = image();
        for at in [0, PIECE_BYTES - 1, PIECE_BYTES, image.len() - 1] {
            let mut card = image.clone();
            card[at] ^= 4;
            let bytes = image.len() as u64;
            let error =
                compare(&mut Cursor::new(&image), &mut Cursor::new(&card), bytes, |_| {}).unwrap_err();
            assert!(error.to_string().contains(&format!("byte {at} ")), "{error}");
        }
    }

    #[test]
    fn a_card_that_ends_early_is_an_error() {
        let image = image();
        let mut card = [0; 1 << 20];
        let mut card = Cursor::new(&mut card[..]);
        assert!(copy(&mut Cursor::new(&image), &mut card, image.len() as u64, |_| {}).is_err());
        assert!(compare(&mut Cursor::new(&image), &mut card, image.len() as u64, |_| {}).is_err());
    }
}
