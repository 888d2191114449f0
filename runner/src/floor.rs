//! The least image there can be: it ends QEMU with its first instructions. What QEMU itself needs to start and end is
//! the floor under every boot time.

use object::Endianness;
use object::elf::{
    EM_X86_64, ET_EXEC, FileFlags, OsAbi, PF_R, PF_X, PT_LOAD, PT_NOTE, ProgramFlags, ProgramType,
};
use object::write::elf::{FileHeader, ProgramHeader, Writer};

/// 32-bit code: `mov dx, 0xf4; mov al, 0x10; out dx, al; hlt; jmp $-1`. Port 0xf4 is the isa-debug-exit device's.
pub(crate) const CODE: [u8; 10] = [0x66, 0xba, 0xf4, 0x00, 0xb0, 0x10, 0xee, 0xf4, 0xeb, 0xfd];

/// The exit status QEMU makes of the value written: `(value << 1) | 1`.
pub(crate) const EXIT_STATUS: i32 = (0x10 << 1) | 1;

/// `XEN_ELFNOTE_PHYS32_ENTRY` (Xen's public/elfnote.h): the 32-bit entry point of a PVH guest.
const PHYS32_ENTRY: u32 = 18;

/// The image, loaded at 1 MiB.
pub(crate) fn exit_at_once() -> Vec<u8> {
    exit_at(0x10_0000)
}

/// The image, with its code loaded at `physical`.
pub(crate) fn exit_at(physical: u64) -> Vec<u8> {
    let note = note(physical as u32);
    let mut elf = Vec::new();
    let mut writer = Writer::new(Endianness::Little, true, &mut elf);
    writer.reserve_file_header();
    writer.reserve_program_headers(2);
    let note_offset = writer.reserve(note.len() as u64, 4);
    let code_offset = writer.reserve(CODE.len() as u64, 16);
    // Everything is reserved, so nothing below can run out of room.
    let _ = writer.write_file_header(&FileHeader {
        os_abi: OsAbi(0),
        abi_version: 0,
        e_type: ET_EXEC,
        e_machine: EM_X86_64,
        e_entry: physical,
        e_flags: FileFlags(0),
    });
    writer.write_align_program_headers();
    writer.write_program_header(&segment(PT_LOAD, PF_R | PF_X, code_offset, physical, CODE.len()));
    writer.write_program_header(&segment(PT_NOTE, PF_R, note_offset, 0, note.len()));
    writer.write_align(4);
    writer.write(&note);
    writer.write_align(16);
    writer.write(&CODE);
    elf
}

fn segment(
    p_type: ProgramType,
    p_flags: ProgramFlags,
    p_offset: u64,
    address: u64,
    bytes: usize,
) -> ProgramHeader {
    let bytes = bytes as u64;
    ProgramHeader {
        p_type,
        p_flags,
        p_offset,
        p_vaddr: address,
        p_paddr: address,
        p_filesz: bytes,
        p_memsz: bytes,
        p_align: 4,
    }
}

/// An ELF note: lengths of name and value, type, name, value.
fn note(entry: u32) -> Vec<u8> {
    let words = [4, 4, PHYS32_ENTRY, u32::from_le_bytes(*b"Xen\0"), entry];
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}
