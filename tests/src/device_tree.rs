//! A flattened device tree of a few bytes (Devicetree Specification 0.4, chapter 5): all that QEMU needs to
//! fill in the command line and the place of the initrd.

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const END: u32 = 9;
const HEADER_BYTES: usize = 40;
/// The list of reserved memory is its own end: two numbers of 0.
const RESERVED_BYTES: usize = 16;

#[derive(Default)]
struct Tree {
    structure: Vec<u8>,
    strings: Vec<u8>,
}

impl Tree {
    fn word(&mut self, word: u32) {
        self.structure.extend(word.to_be_bytes());
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.structure.extend(bytes);
        self.structure.resize(self.structure.len().next_multiple_of(4), 0);
    }

    fn node(&mut self, name: &str, body: impl FnOnce(&mut Self)) {
        self.word(BEGIN_NODE);
        self.padded(format!("{name}\0").as_bytes());
        body(self);
        self.word(END_NODE);
    }

    fn property(&mut self, name: &str, value: &[u8]) {
        let name_offset = self.strings.len() as u32;
        self.strings.extend(format!("{name}\0").bytes());
        [PROPERTY, value.len() as u32, name_offset].into_iter().for_each(|word| self.word(word));
        self.padded(value);
    }

    fn build(mut self) -> Vec<u8> {
        self.word(END);
        let structure_at = HEADER_BYTES + RESERVED_BYTES;
        let strings_at = structure_at + self.structure.len();
        let total = strings_at + self.strings.len();
        let [version, oldest_compatible, boot_processor] = [17, 16, 0];
        let header = [
            0xd00d_feed,
            total,
            structure_at,
            strings_at,
            HEADER_BYTES,
            version,
            oldest_compatible,
            boot_processor,
            self.strings.len(),
            self.structure.len(),
        ];
        let mut bytes: Vec<u8> = header.iter().flat_map(|&word| (word as u32).to_be_bytes()).collect();
        bytes.extend([0; RESERVED_BYTES]);
        [bytes, self.structure, self.strings].concat()
    }
}

/// A tree with memory and an empty `/chosen`.
#[must_use]
pub fn smallest() -> Vec<u8> {
    let cells = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
    let mut tree = Tree::default();
    tree.node("", |root| {
        root.property("#address-cells", &cells(&[1]));
        root.property("#size-cells", &cells(&[1]));
        root.node("memory@0", |memory| {
            memory.property("device_type", b"memory\0");
            memory.property("reg", &cells(&[0, 0x3c00_0000]));
        });
        root.node("chosen", |_| {});
    });
    tree.build()
}
