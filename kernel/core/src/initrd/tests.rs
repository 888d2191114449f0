use std::format;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use super::*;

const FILE: u32 = 0o100_644;
const DIRECTORY: u32 = 0o040_755;

fn member(magic: &str, name: &[u8], mode: u32, bytes: &[u8]) -> Vec<u8> {
    let sum: u32 = if magic == "070702" { bytes.iter().map(|&byte| u32::from(byte)).sum() } else { 0 };
    let fields = [1, mode, 0, 0, 1, 0, bytes.len() as u32, 0, 0, 0, 0, name.len() as u32 + 1, sum];
    let mut out: Vec<u8> = magic.into();
    for field in fields {
        out.extend(format!("{field:08x}").bytes());
    }
    out.extend(name);
    out.push(0);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend(bytes);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn archive_of(magic: &str, members: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut out: Vec<u8> =
        members.iter().flat_map(|(name, mode, bytes)| member(magic, name.as_bytes(), *mode, bytes)).collect();
    out.extend(member(magic, b"TRAILER!!!", 0, b""));
    out
}

fn sample(magic: &str) -> Vec<u8> {
    archive_of(
        magic,
        &[
            (".", DIRECTORY, b""),
            ("./programs/hello.o", FILE, b"\x7fELF\x02\x01\x01 and so on"),
            ("link", 0o120_777, b"programs/hello.o"),
            ("empty", FILE, b""),
            ("manifest", FILE, &[0xff; 1001]),
        ],
    )
}

type Listed = Vec<Result<(String, u64, Vec<u8>), InitrdError>>;

fn list(archive: &mut [u8]) -> Listed {
    entries(archive)
        .map(|entry| entry.map(|entry| (entry.name.to_string(), entry.offset, entry.bytes.to_vec())))
        .collect()
}

fn failure(archive: &[u8]) -> InitrdError {
    list(&mut archive.to_vec()).pop().expect("an error").expect_err("an error")
}

#[test]
fn regular_files_come_out_with_their_bytes_and_places() {
    for magic in ["070701", "070702"] {
        let mut archive = sample(magic);
        let copy = archive.clone();
        let listed: Vec<_> = list(&mut archive).into_iter().map(Result::unwrap).collect();
        let names: Vec<_> = listed.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["programs/hello.o", "empty", "manifest"]);
        assert_eq!(listed[2].2, [0xff; 1001]);
        for (_, offset, bytes) in &listed {
            assert_eq!(offset % 4, 0);
            assert_eq!(&copy[*offset as usize..][..bytes.len()], bytes);
        }
    }
}

#[test]
fn files_stay_writable_side_by_side() {
    let mut archive = sample("070701");
    let mut files: Vec<_> = entries(&mut archive).map(Result::unwrap).collect();
    files[2].bytes.fill(1);
    files[0].bytes.fill(2);
    assert_eq!((files[0].bytes[0], files[2].bytes[1000]), (2, 1));
}

#[test]
fn cpio_itself_writes_what_we_read() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let directory = std::env::temp_dir().join(format!("skep-initrd-{}", std::process::id()));
    std::fs::create_dir_all(directory.join("sub")).unwrap();
    std::fs::write(directory.join("sub/a.o"), b"contents").unwrap();
    for format in ["newc", "crc"] {
        let cpio = Command::new("cpio")
            .args(["-o", "--quiet", "-H", format])
            .current_dir(&directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut cpio) = cpio else {
            std::eprintln!("skipped: no cpio on this machine");
            return;
        };
        cpio.stdin.take().unwrap().write_all(b".\n./sub\n./sub/a.o\n").unwrap();
        let mut archive = cpio.wait_with_output().unwrap().stdout;
        let length = extent(&archive);
        assert!(length <= archive.len() && archive[length..].iter().all(|&byte| byte == 0));
        let listed = list(&mut archive);
        assert_eq!(listed.len(), 1);
        let (name, _, bytes) = listed[0].as_ref().unwrap();
        assert_eq!((name.as_str(), &bytes[..]), ("sub/a.o", &b"contents"[..]));
    }
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn bytes_behind_the_trailer_change_nothing() {
    let mut archive = sample("070701");
    let length = archive.len();
    let expected = list(&mut archive.clone());
    archive.extend([0; 512]);
    archive.extend(b"anything at all, 070701");
    assert_eq!(extent(&archive), length);
    assert_eq!(list(&mut archive), expected);
}

#[test]
fn every_cut_archive_is_refused_and_extent_agrees() {
    for magic in ["070701", "070702"] {
        let whole = sample(magic);
        // The last name's NUL is byte -4 of the archive: what follows it is padding nobody misses.
        for length in 0..whole.len() - 3 {
            let cut = &whole[..length];
            let error = failure(cut);
            assert!(error.offset <= length as u64, "{error}");
            let clipped = &cut[..extent(cut)];
            assert_eq!(failure(clipped), error, "cut at {length}");
        }
    }
}

#[test]
fn no_flipped_bit_panics_or_leaves_the_archive() {
    for magic in ["070701", "070702"] {
        let whole = sample(magic);
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(extent(&flipped) <= flipped.len());
            let length = flipped.len() as u64;
            for entry in list(&mut flipped) {
                match entry {
                    Ok((_, offset, bytes)) => assert!(offset + bytes.len() as u64 <= length),
                    Err(error) => assert!(error.offset <= length),
                }
            }
        }
    }
}

#[test]
fn a_flipped_bit_in_a_summed_file_is_found() {
    let mut archive = sample("070702");
    let at = archive.windows(4).position(|window| window == b"\x7fELF").unwrap();
    archive[at + 3] ^= 1;
    let error = failure(&archive);
    assert_eq!(error.offset, at as u64);
    assert!(matches!(error.cause, InitrdCause::Checksum { .. }), "{error}");
    assert_eq!(extent(&archive), archive.len());
}

#[test]
fn nothing_follows_an_error() {
    let mut archive = member("070701", b"good", FILE, b"1");
    archive.extend([b'?'; 200]);
    let mut entries = entries(&mut archive);
    assert!(entries.next().unwrap().is_ok());
    assert!(entries.next().unwrap().is_err());
    assert!(entries.next().is_none());
    assert!(entries.next().is_none());
}

#[test]
fn other_formats_are_called_by_their_names() {
    let named: &[(&[u8], &str)] = &[
        (b"\x1f\x8b\x08\0\0\0\0\0", "gzip"),
        (b"\xfd7zXZ\0\0\x04", "xz"),
        (b"\x28\xb5\x2f\xfd\x04\0", "zstd"),
        (b"\x02\x21\x4c\x18\0\0", "lz4"),
        (b"BZh91AY", "bzip2"),
        (b"070707000000", "odc"),
        (b"\xc7\x71\0\0\0\0", "old binary"),
        (b"\x7fELF\x02\x01", "found 7f 45 4c 46 02 01"),
        (b"", "was cut"),
        (b"0707", "inside a header"),
    ];
    for (bytes, name) in named {
        let error = failure(bytes);
        assert_eq!(error.offset, 0);
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(extent(bytes), bytes.len());
    }
}

#[test]
fn a_bad_field_is_pointed_at() {
    let good = sample("070701");
    let with = |offset: usize, text: &[u8]| {
        let mut bad = good.clone();
        bad[offset..offset + text.len()].copy_from_slice(text);
        failure(&bad)
    };
    assert_eq!(with(33, b"x"), InitrdError { offset: 33, cause: InitrdCause::Digit(b'x') });
    assert_eq!(with(94, b"00000000"), InitrdError { offset: 94, cause: InitrdCause::NameLength(0) });
    assert_eq!(with(94, b"ffffffff"), InitrdError { offset: 94, cause: InitrdCause::NameLength(u32::MAX) });
    assert_eq!(with(54, b"ffffffff").cause, InitrdCause::FileTruncated { size: u32::MAX });
    assert_eq!(with(111, b"x"), InitrdError { offset: 110, cause: InitrdCause::NameTerminator });
}

#[test]
fn a_name_that_is_no_text_is_refused_where_it_goes_wrong() {
    let mut archive = member("070701", b"ok\xff.o", FILE, b"1");
    archive.extend(member("070701", b"TRAILER!!!", 0, b""));
    assert_eq!(failure(&archive), InitrdError { offset: 112, cause: InitrdCause::NameEncoding });
}

#[test]
fn a_nul_inside_a_name_is_refused() {
    let archive = [member("070701", b"a\0b", FILE, b"1"), vec![0; 8]].concat();
    assert_eq!(failure(&archive).cause, InitrdCause::NameTerminator);
}
