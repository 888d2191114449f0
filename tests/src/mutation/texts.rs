//! Damage to the manifest and to the capture.

use super::{Base, Damage, hostile};
use crate::random::Random;

const MANIFEST: &str = "manifest";
const MAGIC: &str = "skep-manifest 1\n";

/// Garbage in the manifest: noise, lines too long, keys twice, numbers too large, text that is no text.
pub(super) fn manifest(base: &Base, random: &mut Random) -> Damage {
    let text =
        base.file(MANIFEST).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
    let line = text.lines().rfind(|line| line.starts_with("program ")).unwrap_or_default().to_string();
    let length = 1 + random.below(2000);
    let with_line = |line: &str| format!("{text}{line}\n").into_bytes();
    let (what, bytes) = match random.below(16) {
        0 => ("noise", random.bytes(length)),
        1 => ("noise behind the first line", [MAGIC.as_bytes(), &random.bytes(length), b"\n"].concat()),
        2 => ("a line of 100,000 bytes", with_line(&"x".repeat(100_000))),
        3 => (
            "a name of 100,000 bytes",
            with_line(&format!("program object={} program=p", "x".repeat(100_000))),
        ),
        4 => ("bytes that are no UTF-8", [text.as_bytes(), b"program object=\xff\xfe program=p\n"].concat()),
        5 => ("a key twice", with_line(&format!("{line} {}", line.split(' ').nth(1).unwrap_or_default()))),
        6 => ("a program twice", with_line(&line)),
        7 => ("a number too large", with_line("program object=x.o program=p expect=18446744073709551616")),
        8 => ("a negative number", with_line("program object=x.o program=p expect=-1")),
        9 => ("a period of 0", with_line("program object=x.o program=p trigger=every:0")),
        10 => ("a key nobody knows", with_line("program object=x.o program=p colour=red")),
        11 => ("no line feed at its end", text.trim_end().into()),
        12 => ("Windows' line ends", text.replace('\n', "\r\n").into_bytes()),
        13 => ("300 programs", many_programs(&text, 300)),
        14 => ("250 programs that are not there", many_programs(&text, 240)),
        _ => ("another version", text.replacen('1', "2", 1).into_bytes()),
    };
    Damage::refused(format!("manifest with {what}"), base.with_file(MANIFEST, bytes))
}

fn many_programs(text: &str, count: usize) -> Vec<u8> {
    let lines: String = (0..count).map(|index| format!("program object=x.o program=p{index}\n")).collect();
    format!("{text}{lines}").into()
}

/// A broken capture: hostile numbers in its headers, cut, or another format.
pub(super) fn capture(base: &Base, random: &mut Random) -> Damage {
    let found = base.files.iter().find(|file| file.name.ends_with(".pcap"));
    let Some(capture) = found.cloned() else {
        return super::archives::several_bits(base, random);
    };
    let (name, mut bytes) = (capture.name, capture.bytes);
    const FIRST_LENGTH: usize = 24 + 8;
    let what = match random.below(5) {
        0 => {
            bytes.truncate(1 + random.below(23));
            "is cut in its header"
        }
        1 => {
            bytes.pop();
            "is cut in its last packet"
        }
        2 => {
            bytes[..4].copy_from_slice(&[0x0a, 0x0d, 0x0d, 0x0a]);
            "is of the newer format"
        }
        3 => {
            bytes[20..24].copy_from_slice(&(random.number() as u32 | 2).to_le_bytes());
            "is of another link"
        }
        _ => {
            // Larger than any packet, so that it cannot be the length of another division of the same bytes.
            let length = hostile(0x1_0000, 0x2_0000, random) as u32 | 0x1_0000;
            bytes[FIRST_LENGTH..FIRST_LENGTH + 4].copy_from_slice(&length.to_le_bytes());
            "has a packet too long"
        }
    };
    Damage::refused(format!("{name} {what}"), base.with_file(&name, bytes))
}
