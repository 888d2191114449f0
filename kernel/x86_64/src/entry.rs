//! From a boot loader to Rust on the boot stack. Unsafe because nothing holds yet: assembly makes the first
//! address space and the first stack.
//!
//! PVH (Xen, `docs/misc/pvh.pandoc`) enters `pvh_entry` in 32-bit protected mode, paging off, interrupts off,
//! EBX = physical address of `hvm_start_info`.

use core::arch::{asm, global_asm};

use crate::handover::Handover;
use crate::physical::Firmware;
use crate::pvh::{self, PvhError};
use crate::stacks::{BOOT_TOP_OFFSET, STACKS};

/// Link address minus load address of the image; `linker/pc.ld` has the same number.
pub const LOAD_OFFSET: u64 = 0xffff_ffff_8000_0000;

global_asm!(
    r#"
    .pushsection .note.Xen, "a", @note
    .balign 4
    .long 4                                  # bytes of the owner's name
    .long 8                                  # bytes of the value
    .long 18                                 # XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad pvh_entry - {offset}
    .popsection

    # Root table, directory pointers for low memory and for the image, four directories: 4 GiB in 2 MiB pages.
    .pushsection .bss.early_tables, "aw", @nobits
    .balign 4096
early_root:        .skip 4096
early_low:         .skip 4096
early_image:       .skip 4096
early_directories: .skip 4 * 4096
    .popsection

    .pushsection .rodata.early_gdt, "a"
    .balign 8
early_gdt:
    .quad 0
    .quad 0x00af9a000000ffff                 # 64-bit code, ring 0
early_gdt_pointer:
    .word 15
    .long early_gdt - {offset}
    .popsection

    .pushsection .text.pvh, "ax"
    .code32
    .global pvh_entry
pvh_entry:
    cli
    cld

    # Directories: 2048 large pages, present and writable. The address wraps to its start after the last.
    movl $(early_directories - {offset}), %edi
    movl $0x83, %eax
1:  movl %eax, (%edi)
    addl $8, %edi
    addl $0x200000, %eax
    cmpl $0x83, %eax
    jne 1b

    # Low memory at 0, for the next few instructions, and at the direct map; the first GiB at the image.
    movl $(early_directories - {offset} + 0x0003), early_low - {offset}
    movl $(early_directories - {offset} + 0x1003), early_low - {offset} + 8
    movl $(early_directories - {offset} + 0x2003), early_low - {offset} + 16
    movl $(early_directories - {offset} + 0x3003), early_low - {offset} + 24
    movl $(early_directories - {offset} + 0x0003), early_image - {offset} + 510 * 8
    movl $(early_low - {offset} + 3), early_root - {offset}
    movl $(early_low - {offset} + 3), early_root - {offset} + 256 * 8
    movl $(early_image - {offset} + 3), early_root - {offset} + 511 * 8
    movl $(early_root - {offset}), %eax
    movl %eax, %cr3

    # Long mode (Intel SDM vol. 3, section 11.8.5): CR4.PAE, EFER.LME, then CR0.PG with WP, NE, MP and PE.
    movl %cr4, %eax
    orl $0x20, %eax
    movl %eax, %cr4
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl %cr0, %eax
    orl $0x80010023, %eax
    movl %eax, %cr0
    lgdt early_gdt_pointer - {offset}
    ljmp $8, $(2f - {offset})

    .code64
2:  movabsq $3f, %rax
    jmpq *%rax
3:  xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    leaq {stacks} + {top}(%rip), %rsp
    xorl %ebp, %ebp                          # the end of every backtrace
    movl %ebx, %edi
    call skep_pvh_main
    ud2
    .popsection
    "#,
    offset = const LOAD_OFFSET,
    stacks = sym STACKS,
    top = const BOOT_TOP_OFFSET,
    options(att_syntax)
);

/// What the PVH entry passes on. Holding it proves that the early page tables are in force.
#[derive(Debug)]
pub struct PvhStart {
    start_info: u64,
}

impl PvhStart {
    /// For [`pvh_door`](crate::pvh_door) alone.
    ///
    /// # Safety
    ///
    /// Called once, from `skep_pvh_main`, with its argument.
    #[must_use]
    pub const unsafe fn new(start_info: u64) -> Self {
        Self { start_info }
    }

    /// Reads what the loader handed over.
    ///
    /// # Errors
    ///
    /// [`PvhError`] if the loader's structures cannot be used.
    pub fn handover(&self) -> Result<Handover, PvhError> {
        // SAFETY: 1. the early tables map 4 GiB there; 2. the kernel has written nothing but its image yet,
        // and the returned value holds no slice.
        let firmware = unsafe { Firmware::new() };
        pvh::read(&firmware, self.start_info, crate::paging::image_range())
    }
}

/// Makes `$main: fn(PvhStart) -> !` what the PVH entry calls, on the boot stack.
#[macro_export]
macro_rules! pvh_door {
    ($main:path) => {
        const _: () = {
            #[unsafe(export_name = "skep_pvh_main")]
            extern "C" fn pvh_main(start_info: u64) -> ! {
                let main: fn($crate::entry::PvhStart) -> ! = $main;
                // SAFETY: this is `skep_pvh_main`, which the entry code calls once.
                main(unsafe { $crate::entry::PvhStart::new(start_info) })
            }
        };
    };
}

/// Leaves a loader's stack for the boot stack and calls `main` there. The handover stays where it is, on the
/// loader's stack: `main` clones it before the loader's page tables go.
///
/// # Safety
///
/// 1. Called once, by a door that is not on the boot stack.
/// 2. The image is mapped at its link address.
pub unsafe fn on_boot_stack(handover: &Handover, main: extern "C" fn(&Handover) -> !) -> ! {
    // SAFETY: nobody is on the boot stack (duty 1), it is mapped (duty 2), and `main` does not return, so
    // `handover` is never given back.
    unsafe {
        asm!(
            "cli",
            "cld",
            "lea rsp, [rip + {stacks} + {top}]",
            "xor ebp, ebp",
            "call {main}",
            "ud2",
            stacks = sym STACKS,
            top = const BOOT_TOP_OFFSET,
            main = in(reg) main,
            in("rdi") handover,
            options(noreturn)
        )
    }
}
