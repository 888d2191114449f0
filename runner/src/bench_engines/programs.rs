//! What is measured: sources, and what clang makes of them for each engine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use kernel_bpf::object::Object;
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

use crate::{compile, process, workspace};

/// Bytes of the packet every program gets.
const PACKET_BYTES: usize = 1500;

/// The built-in sources: `tests/bench/*.c`.
pub(super) fn built_in() -> anyhow::Result<Vec<PathBuf>> {
    let folder = workspace::root().join("tests/bench");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut sources = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "c") {
            sources.push(path);
        }
    }
    sources.sort();
    Ok(sources)
}

/// A program in its three builds.
pub(super) struct Program {
    pub(super) name: String,
    /// eBPF that takes memory: the function first, then what it calls.
    pub(super) text: Vec<u8>,
    /// The same as an XDP program, linked.
    pub(super) xdp: Vec<u8>,
    /// A shared library for this machine.
    pub(super) library: PathBuf,
    /// Bytes of its machine code.
    pub(super) native_bytes: u64,
}

impl Program {
    /// Compiles `source` into `folder`.
    pub(super) fn build(source: &Path, folder: &Path) -> anyhow::Result<Self> {
        let source =
            source.canonicalize().with_context(|| format!("there is no file {}", source.display()))?;
        let stem = source.file_stem().and_then(|stem| stem.to_str());
        let name = stem.with_context(|| format!("{} has no name of UTF-8 text", source.display()))?;
        let build = |suffix: &str, flags: &[&str]| -> anyhow::Result<PathBuf> {
            let output = folder.join(format!("{name}{suffix}"));
            let mut clang = Command::new(compile::clang().context("clang is missing")?);
            clang.args(["-O2", "-w"]).args(flags).arg(&source).arg("-o").arg(&output);
            process::capture(&mut clang)?;
            Ok(output)
        };
        let memory = build(".o", &["-target", "bpf", "-mcpu=v3", "-c"])?;
        let xdp = build(".xdp.o", &["-target", "bpf", "-mcpu=v3", "-g", "-DXDP", "-c"])?;
        let native = ["-DNATIVE", "-fPIC", "-shared", "-fno-vectorize", "-fno-slp-vectorize"];
        let library = build(".so", &native)?;
        let text = text_of(&fs::read(memory)?).with_context(|| format!("{name}: the memory build"))?;
        let xdp = linked(fs::read(xdp)?).with_context(|| format!("{name}: the XDP build"))?;
        let native_bytes = code_bytes(&fs::read(&library)?)?;
        Ok(Self { name: name.into(), text, xdp, library, native_bytes })
    }
}

/// The section `.text.prog`, which must need no relocation and begin with the function `prog`, or be made to.
fn text_of(file: &[u8]) -> anyhow::Result<Vec<u8>> {
    let elf = object::File::parse(file)?;
    let section = elf.section_by_name(".text.prog").context("it has no section .text.prog")?;
    ensure!(section.relocations().next().is_none(), "it needs maps or global data, which other engines lack");
    let symbol =
        elf.symbols().find(|symbol| symbol.name() == Ok("prog")).context("it has no function prog")?;
    Ok(entry_first(section.data()?, symbol.address() as usize / 8, symbol.size() as usize / 8))
}

fn linked(mut file: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let object = Object::link(&mut file).map_err(|error| anyhow::anyhow!("{}", error.cause))?;
    let Some(program) = object.programs().next() else { bail!("it has no program") };
    Ok(entry_first(object.text(), program.first_insn, program.insn_count))
}

/// The text with the entry's slots moved to the front, calls between functions corrected.
fn entry_first(text: &[u8], entry: usize, count: usize) -> Vec<u8> {
    let moved = |slot: usize| match slot {
        slot if slot < entry => slot + count,
        slot if slot < entry + count => slot - entry,
        slot => slot,
    };
    let mut out = vec![0; text.len()];
    for (slot, bytes) in text.chunks_exact(8).enumerate() {
        let mut insn: [u8; 8] = bytes.try_into().unwrap_or_default();
        if insn[0] == 0x85 && insn[1] >> 4 == 1 {
            let imm = i32::from_le_bytes([insn[4], insn[5], insn[6], insn[7]]);
            let target = (slot + 1).wrapping_add_signed(imm as isize);
            let distance = moved(target) as i64 - moved(slot) as i64 - 1;
            insn[4..].copy_from_slice(&(distance as i32).to_le_bytes());
        }
        out[moved(slot) * 8..][..8].copy_from_slice(&insn);
    }
    out
}

/// Bytes of the program's functions in a shared library: the ones the linker adds have no size.
fn code_bytes(file: &[u8]) -> anyhow::Result<u64> {
    let elf = object::File::parse(file)?;
    let functions = elf.symbols().filter(|symbol| symbol.kind() == object::SymbolKind::Text);
    Ok(functions.map(|symbol| symbol.size()).sum())
}

/// The packet: an Ethernet, IPv4 and UDP header, then bytes of xorshift64, as shared/bench has it.
pub(super) fn packet() -> Vec<u8> {
    const HEADER: [u8; 42] = [
        0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0, 0x45, 0, 0x05, 0xce, 0x12, 0x34, 0, 0, 0x40, 0x11,
        0, 0, 0x0a, 0, 0, 1, 0xc0, 0xa8, 7, 9, 0x30, 0x39, 0, 0x35, 0x05, 0xba, 0, 0,
    ];
    let mut state = 0x0123_4567_89ab_cdef_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    let mut packet: Vec<u8> = (0..PACKET_BYTES).map(|_| next()).collect();
    packet[..HEADER.len()].copy_from_slice(&HEADER);
    packet[1016..1024].copy_from_slice(b"EbPf-vm!");
    packet
}

/// The packet as memory builds take it: its length, then its bytes.
pub(super) fn memory() -> Vec<u8> {
    let packet = packet();
    [&(packet.len() as u64).to_le_bytes()[..], &packet].concat()
}
