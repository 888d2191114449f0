//! What a boot loader says in the device tree's `/chosen` node (Devicetree Specification 0.4, section 3.6).

use core::ops::Range;

use dtoolkit::error::FdtParseError;
use dtoolkit::fdt::Fdt;
use dtoolkit::{Node, Property};

/// Bytes of a tree that have to be seen to know [how long it is](tree_bytes).
pub const HEADER_BYTES: usize = 40;
/// No tree for this board is longer: the firmware's own is 30 KiB.
const LONGEST_TREE: u32 = 1 << 20;
const MAGIC: u32 = 0xd00d_feed;

/// Bytes of a command line that are kept.
const ARGUMENT_BYTES: usize = 1024;

/// The boot loader's message. It borrows nothing: the tree's memory may be used for something else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Physical addresses of the initrd, if it was loaded. Not checked against anything but order.
    pub initrd: Option<Range<u64>>,
    /// The command line; empty if there is none.
    pub arguments: Arguments,
}

/// A command line of `key=value` words, cut after 1,024 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    bytes: [u8; ARGUMENT_BYTES],
    len: usize,
}

/// Length in bytes of the tree that starts with `header`; `None` if no tree does.
#[must_use]
pub fn tree_bytes(header: &[u8; HEADER_BYTES]) -> Option<usize> {
    let (magic, bytes) = (word(header, 0), word(header, 4));
    let plausible = HEADER_BYTES as u32..=LONGEST_TREE;
    (magic == MAGIC && plausible.contains(&bytes)).then_some(bytes as usize)
}

/// Reads `/chosen` of a whole tree. A tree without that node says nothing.
///
/// # Errors
/// Where and why `tree` is not a valid flattened device tree.
pub fn chosen(tree: &[u8]) -> Result<Chosen, FdtParseError> {
    let tree = Fdt::new(tree)?;
    let mut chosen = Chosen::default();
    let (mut start, mut end) = (None, None);
    for property in tree.chosen().iter().flat_map(|node| node.properties()) {
        let value = property.value();
        match property.name() {
            "linux,initrd-start" => start = number(value),
            "linux,initrd-end" => end = number(value),
            "bootargs" => chosen.arguments = Arguments::from_property(value),
            _ => {}
        }
    }
    chosen.initrd = start.zip(end).filter(|(start, end)| start <= end).map(|(start, end)| start..end);
    Ok(chosen)
}

impl Default for Arguments {
    fn default() -> Self {
        Self { bytes: [0; ARGUMENT_BYTES], len: 0 }
    }
}

impl Arguments {
    /// The value of `key`, if the line has one.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        let line = core::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default();
        line.split_ascii_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    /// From the value of a property, which a NUL ends.
    fn from_property(value: &[u8]) -> Self {
        let mut arguments = Self::default();
        let text = value.split(|&byte| byte == 0).next().unwrap_or_default();
        arguments.len = text.len().min(ARGUMENT_BYTES);
        arguments.bytes[..arguments.len].copy_from_slice(&text[..arguments.len]);
        arguments
    }
}

/// One or two cells: boot loaders differ.
fn number(value: &[u8]) -> Option<u64> {
    match value.len() {
        4 => Some(u32::from_be_bytes(value.try_into().ok()?).into()),
        8 => Some(u64::from_be_bytes(value.try_into().ok()?)),
        _ => None,
    }
}

fn word(bytes: &[u8; HEADER_BYTES], offset: usize) -> u32 {
    u32::from_be_bytes([bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// A tree with `properties` in `/chosen`, written by hand so that the test does not trust the reader.
    fn tree(properties: &[(&str, &[u8])]) -> Vec<u8> {
        let (mut structure, mut strings) = (Vec::new(), Vec::new());
        let cell = |out: &mut Vec<u8>, value: u32| out.extend(value.to_be_bytes());
        cell(&mut structure, 1);
        cell(&mut structure, 0);
        cell(&mut structure, 1);
        structure.extend(b"chosen\0\0");
        for (name, value) in properties {
            cell(&mut structure, 3);
            cell(&mut structure, value.len() as u32);
            cell(&mut structure, strings.len() as u32);
            structure.extend(*value);
            structure.resize(structure.len().next_multiple_of(4), 0);
            strings.extend(name.as_bytes());
            strings.push(0);
        }
        for token in [2, 2, 9] {
            cell(&mut structure, token);
        }
        let (begin, len) = (HEADER_BYTES + 16, structure.len());
        let total = begin + len + strings.len();
        let mut out = Vec::new();
        for value in [MAGIC as usize, total, begin, begin + len, HEADER_BYTES, 17, 16, 0, strings.len(), len]
        {
            cell(&mut out, value as u32);
        }
        out.resize(begin, 0);
        [out, structure, strings].concat()
    }

    fn sample() -> Vec<u8> {
        tree(&[
            ("linux,initrd-start", &[8, 0, 0, 0]),
            ("bootargs", b"quiet selftest=null\0"),
            ("linux,initrd-end", &[0, 0, 0, 0, 8, 0, 0x10, 1]),
        ])
    }

    #[test]
    fn the_initrd_and_the_command_line_are_found() {
        let sample = sample();
        let chosen = chosen(&sample).unwrap();
        assert_eq!(chosen.initrd, Some(0x0800_0000..0x0800_1001));
        assert_eq!(chosen.arguments.value("selftest"), Some("null"));
        assert_eq!(chosen.arguments.value("self"), None);
        assert_eq!(tree_bytes(sample.first_chunk().unwrap()), Some(sample.len()));
    }

    #[test]
    fn half_an_initrd_is_none() {
        for properties in [
            &[("linux,initrd-start", &[8, 0, 0, 0][..])][..],
            &[("linux,initrd-start", &[8, 0, 0, 0]), ("linux,initrd-end", &[7, 0, 0, 0])],
            &[("linux,initrd-start", &[8, 0, 0]), ("linux,initrd-end", &[9, 0, 0, 0])],
        ] {
            assert_eq!(chosen(&tree(properties)).unwrap(), Chosen::default());
        }
    }

    #[test]
    fn a_command_line_that_is_no_text_has_no_values() {
        for line in [&b"a=\xff b=1\0"[..], b"", b"\0a=1", &[b'x'; 3000]] {
            let arguments = Arguments::from_property(line);
            assert_eq!((arguments.value("a"), arguments.value("b")), (None, None));
        }
    }

    #[test]
    fn no_cut_and_no_flipped_bit_panics() {
        let whole = sample();
        for length in 0..whole.len() {
            assert!(chosen(&whole[..length]).is_err(), "cut at {length}");
        }
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(Chosen { initrd: Some(initrd), .. }) = chosen(&flipped) {
                assert!(initrd.start <= initrd.end);
            }
        }
    }

    #[test]
    fn memory_that_is_no_tree_has_no_length() {
        assert_eq!(tree_bytes(&[0; HEADER_BYTES]), None);
        let mut huge: [u8; HEADER_BYTES] = *sample().first_chunk().unwrap();
        huge[4] = 0xff;
        assert_eq!(tree_bytes(&huge), None);
    }
}
