//! Packets out of a classic pcap file, as tcpdump and Wireshark write them.
//!
//! The format is the IETF draft draft-ietf-opsawg-pcap: a file header of 24 bytes, then for each packet a
//! header of 16 bytes and what was captured of it. Timestamps are not read, so both precisions are one.

use core::fmt;

const FILE_HEADER_BYTES: usize = 24;
const PACKET_HEADER_BYTES: usize = 16;

/// Most bytes of one packet. Captures declare more than they need (tcpdump: 262,144), so what counts is
/// what each packet has.
const LONGEST_PACKET: u32 = 65_535;

/// `LINKTYPE_ETHERNET`.
const ETHERNET: u32 = 1;

/// Why a capture cannot be read (on).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PcapError {
    /// Where in the file, in bytes from its start.
    pub offset: u64,
    /// What is wrong there.
    pub cause: PcapCause,
}

/// What is wrong with a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PcapCause {
    /// The newer pcapng format.
    Pcapng,
    /// These four bytes instead of a magic number.
    Magic([u8; 4]),
    /// Format version of this major number, expected 2.
    Version(u16),
    /// Packets of this link type, expected 1 (Ethernet).
    LinkType(u32),
    /// The file ends inside its own header.
    FileHeaderTruncated,
    /// The file ends inside a packet's header.
    PacketHeaderTruncated,
    /// A packet of this many bytes, expected at most 65,535.
    PacketLength(u32),
    /// The file ends inside a packet of this many bytes.
    PacketTruncated(u32),
}

/// The packets of a capture, in its order, each as much as was captured of it. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    /// The packets not read yet.
    rest: &'a [u8],
    /// Where `rest` begins in the file.
    offset: usize,
    order: ByteOrder,
}

#[derive(Clone, Copy, Debug)]
enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }
}

impl<'a> Packets<'a> {
    /// Reads a capture's header.
    ///
    /// # Errors
    /// If `file` is no classic pcap file with Ethernet packets.
    pub fn new(file: &'a [u8]) -> Result<Self, PcapError> {
        let order = byte_order(file)?;
        let Some((header, rest)) = file.split_first_chunk::<FILE_HEADER_BYTES>() else {
            return Err(PcapCause::FileHeaderTruncated.at(0));
        };
        let version = order.u16([header[4], header[5]]);
        if version != 2 {
            return Err(PcapCause::Version(version).at(4));
        }
        // The upper bits tell of a checksum behind each packet.
        let link = order.u32([header[20], header[21], header[22], header[23]]) & 0x0fff_ffff;
        if link != ETHERNET {
            return Err(PcapCause::LinkType(link).at(20));
        }
        Ok(Self { rest, offset: FILE_HEADER_BYTES, order })
    }

    fn cut(&mut self) -> Result<&'a [u8], PcapError> {
        let start = self.offset;
        let Some((header, rest)) = self.rest.split_first_chunk::<PACKET_HEADER_BYTES>() else {
            return Err(PcapCause::PacketHeaderTruncated.at(start));
        };
        let length = self.order.u32([header[8], header[9], header[10], header[11]]);
        if length > LONGEST_PACKET {
            return Err(PcapCause::PacketLength(length).at(start + 8));
        }
        let Some((packet, rest)) = rest.split_at_checked(length as usize) else {
            return Err(PcapCause::PacketTruncated(length).at(start + PACKET_HEADER_BYTES));
        };
        self.rest = rest;
        self.offset += PACKET_HEADER_BYTES + packet.len();
        Ok(packet)
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<&'a [u8], PcapError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let packet = self.cut();
        if packet.is_err() {
            self.rest = &[];
        }
        Some(packet)
    }
}

impl core::iter::FusedIterator for Packets<'_> {}

/// Tells the byte order by the magic number; its last byte differs with the precision of timestamps.
fn byte_order(file: &[u8]) -> Result<ByteOrder, PcapError> {
    match file.first_chunk() {
        Some([0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1]) => Ok(ByteOrder::Little),
        Some([0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d]) => Ok(ByteOrder::Big),
        Some([0x0a, 0x0d, 0x0d, 0x0a]) => Err(PcapCause::Pcapng.at(0)),
        Some(&other) => Err(PcapCause::Magic(other).at(0)),
        None => Err(PcapCause::FileHeaderTruncated.at(0)),
    }
}

impl PcapCause {
    const fn at(self, offset: usize) -> PcapError {
        PcapError { offset: offset as u64, cause: self }
    }
}

impl fmt::Display for PcapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pcap at byte {}: {}", self.offset, self.cause)
    }
}

impl fmt::Display for PcapCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pcapng => {
                f.write_str("pcapng file; convert it with `tcpdump -r IN -w OUT` or `editcap -F pcap`")
            }
            Self::Magic([a, b, c, d]) => {
                write!(f, "not a pcap file: expected magic a1b2c3d4, found {a:02x}{b:02x}{c:02x}{d:02x}")
            }
            Self::Version(major) => write!(f, "pcap version {major}, expected 2"),
            Self::LinkType(link) => write!(f, "packets of link type {link}, expected 1 (Ethernet)"),
            Self::FileHeaderTruncated => f.write_str("file ends inside its header of 24 bytes"),
            Self::PacketHeaderTruncated => f.write_str("file ends inside a packet's header of 16 bytes"),
            Self::PacketLength(length) => {
                write!(f, "packet of {length} bytes, expected at most {LONGEST_PACKET}")
            }
            Self::PacketTruncated(length) => write!(f, "file ends inside a packet of {length} bytes"),
        }
    }
}

impl core::error::Error for PcapError {}

#[cfg(test)]
mod tests {
    use std::string::ToString;
    use std::vec::Vec;

    use super::*;

    const PACKETS: [&[u8]; 3] = [b"first", b"", &[0xaa; 1500]];

    /// A capture with this magic; `number` gives a number's bytes in the file's order.
    fn capture(magic: u32, number: fn(u32) -> [u8; 4]) -> Vec<u8> {
        let version = if number(1)[0] == 1 { [2, 0, 4, 0] } else { [0, 2, 0, 4] };
        let mut file = [number(magic), version, [0; 4], [0; 4], number(262_144), number(1)].concat();
        for packet in PACKETS {
            let length = packet.len() as u32;
            file.extend([number(7), number(8), number(length), number(length + 4)].concat());
            file.extend(packet);
        }
        file
    }

    fn little() -> Vec<u8> {
        capture(0xa1b2_c3d4, u32::to_le_bytes)
    }

    fn failure(file: &[u8]) -> PcapError {
        match Packets::new(file) {
            Err(error) => error,
            Ok(packets) => packets.last().expect("an error").expect_err("an error"),
        }
    }

    #[test]
    fn both_byte_orders_and_precisions_give_the_same_packets() {
        let orders: [fn(u32) -> [u8; 4]; 2] = [u32::to_le_bytes, u32::to_be_bytes];
        for order in orders {
            for magic in [0xa1b2_c3d4, 0xa1b2_3c4d] {
                let file = capture(magic, order);
                let packets: Vec<_> = Packets::new(&file).unwrap().map(Result::unwrap).collect();
                assert_eq!(packets, PACKETS);
            }
        }
    }

    #[test]
    fn a_cut_capture_gives_whole_packets_and_then_says_where_it_was_cut() {
        let file = little();
        // The lengths at which no packet is missing a part.
        let whole = [24, 24 + 16 + 5, 24 + 16 + 5 + 16, file.len()];
        for length in 0..=file.len() {
            let cut = &file[..length];
            if whole.contains(&length) {
                assert!(Packets::new(cut).unwrap().all(|packet| packet.is_ok()));
            } else {
                let error = failure(cut);
                assert!(error.offset <= length as u64, "{error}");
                assert!(error.to_string().contains("file ends inside"), "{error}");
            }
        }
    }

    #[test]
    fn nothing_follows_an_error() {
        let file = little();
        let mut packets = Packets::new(&file[..file.len() - 1]).unwrap().skip_while(Result::is_ok);
        assert!(packets.next().is_some());
        assert!(packets.next().is_none());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let with = |at: usize, value: u32| {
            let mut file = little();
            file[at..at + 4].copy_from_slice(&value.to_le_bytes());
            failure(&file)
        };
        assert!(failure(b"\x0a\x0d\x0d\x0a\x1c\0\0\0").to_string().contains("pcapng"));
        assert!(failure(b"GIF89a").to_string().contains("found 47494638"));
        assert_eq!(with(4, 3), PcapError { offset: 4, cause: PcapCause::Version(3) });
        assert_eq!(with(20, 105), PcapError { offset: 20, cause: PcapCause::LinkType(105) });
        assert_eq!(with(32, 65_536), PcapError { offset: 32, cause: PcapCause::PacketLength(65_536) });
        assert_eq!(with(32, 65_535).cause, PcapCause::PacketTruncated(65_535));
    }

    #[test]
    fn no_flipped_bit_panics() {
        let file = little();
        for bit in 0..file.len() * 8 {
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(packets) = Packets::new(&flipped) {
                assert!(packets.flatten().map(<[u8]>::len).sum::<usize>() <= file.len());
            }
        }
    }
}
