//! `skep flash`: an SD card image onto a card.

mod card;
mod copy;

use std::fs::{self, File};
use std::io::{IsTerminal as _, stdin};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use card::Card;
use gpt::disk::LogicalBlockSize;
use gpt::mbr::ProtectiveMBR;

use crate::cli::FlashArgs;
use crate::{image, output};

/// `O_EXCL` without `O_CREAT`: a disk that is in use, mounted for one, is not opened (open(2)).
const EXCLUSIVE: i32 = 0o200;

pub(crate) fn run(args: &FlashArgs) -> anyhow::Result<ExitCode> {
    let bytes = image_bytes(&args.image)?;
    let cards = card::all()?;
    let named = args.device.as_ref().map(|path| fs::canonicalize(path).unwrap_or_else(|_| path.clone()));
    let card = match &named {
        Some(path) => cards.iter().find(|card| card.path == *path).with_context(|| {
            format!("there is no disk {}; these can be written to:\n{}", path.display(), list(&cards))
        })?,
        None => choose(&cards)?,
    };
    card.check(bytes)?;
    if !args.yes {
        confirm(card, &args.image)?;
    }
    // Once more, and from now on nobody else can use it: it may have been mounted while the question stood.
    let now = card::all()?;
    let same = now.iter().find(|other| other.path == card.path).context("the card is gone")?;
    ensure!(same == card, "the card in {} is another one now", card.path.display());
    write(&args.image, card, bytes)?;
    output::line(format_args!(
        "{} is on {}, read back and the same. Take the card out.",
        args.image.display(),
        card.path.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// The size of an image that is whole, as far as that can be told: its partitions lie within it, and its sum is the one
/// in the list beside it, if there is one.
fn image_bytes(image: &Path) -> anyhow::Result<u64> {
    let cannot_read = || format!("cannot read the image {}", image.display());
    let mut head = [0; 512];
    let mut file = File::open(image).with_context(cannot_read)?;
    let bytes = file.metadata().with_context(cannot_read)?.len();
    ensure!(fs::metadata(image)?.is_file(), "{} is no file", image.display());
    let is_read = std::io::Read::read_exact(&mut file, &mut head).is_ok();
    let table = ProtectiveMBR::from_bytes(&head, LogicalBlockSize::Lb512).ok().filter(|_| is_read);
    let table = table.with_context(|| {
        format!("{} is no disk image; `skep image rpi3 --format sd` makes one", image.display())
    })?;
    let partitions = (0..4).filter_map(|index| table.partition(index));
    let end = partitions.map(|part| (u64::from(part.lb_start) + u64::from(part.lb_size)) * 512).max();
    ensure!(
        end.is_some_and(|end| end > 0 && end <= bytes) && bytes.is_multiple_of(512),
        "{} is cut off: its partitions end at byte {}, and it has {bytes}",
        image.display(),
        end.unwrap_or_default()
    );
    image::check_sum(image)?;
    Ok(bytes)
}

fn list(cards: &[Card]) -> String {
    let fit: Vec<_> = cards.iter().filter(|card| card.check(0).is_ok()).collect();
    if fit.is_empty() {
        return "  (none: put a card into a reader; disks that are not removable, or mounted, are not shown)"
            .into();
    }
    fit.iter().map(|card| format!("  {card}")).collect::<Vec<_>>().join("\n")
}

fn choose(cards: &[Card]) -> anyhow::Result<&Card> {
    let fit: Vec<_> = cards.iter().filter(|card| card.check(0).is_ok()).collect();
    output::line(format_args!("Removable disks:\n{}", list(cards)));
    ensure!(!fit.is_empty(), "there is no removable disk that is not mounted");
    ensure!(stdin().is_terminal(), "say which one with --device, and --yes");
    let answer = ask("Write to which one? ")?;
    fit.into_iter().find(|card| card.path == Path::new(&answer)).context("nothing was written")
}

fn confirm(card: &Card, image: &Path) -> anyhow::Result<()> {
    ensure!(stdin().is_terminal(), "nobody can be asked here; --yes goes ahead");
    output::line(format_args!(
        "All that is on {card} will be lost, and {} put in its place.",
        image.display()
    ));
    match ask("Type yes to go ahead: ")?.as_str() {
        "yes" => Ok(()),
        _ => bail!("nothing was written"),
    }
}

fn ask(question: &str) -> anyhow::Result<String> {
    output::begin(format_args!("{question}"));
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(answer.trim().into())
}

/// One opening for both: between two of them, a desktop would mount what was just written.
fn write(image: &Path, card: &Card, bytes: u64) -> anyhow::Result<()> {
    let mut source = File::open(image)?;
    let target = File::options().read(true).write(true).custom_flags(EXCLUSIVE).open(&card.path);
    let mut target = target.with_context(|| {
        format!(
            "cannot open {} to write to it (as root, or a member of the group `disk`?)",
            card.path.display()
        )
    })?;
    copy::write(&mut source, &mut target, bytes)?;
    copy::forget_cached(&target)?;
    copy::verify(&mut source, &mut target, bytes)
}
