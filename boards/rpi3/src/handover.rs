//! What the boot loader left in memory: a device tree, an initrd. And the verifier's working memory.
//!
//! Unsafe because a boot loader's message is an address; every range is checked against the memory that is
//! mapped and nobody's before it becomes a slice.

use core::ops::Range;

use kernel_aarch64::device_tree::{self, Arguments, Chosen, HEADER_BYTES};
use kernel_aarch64::{layout, mmu};
use kernel_bpf::profile::{ActiveProfile, PhysicalProfile};
use kernel_core::{Trust, initrd, signature};

use crate::trust;

/// Where the initrd is without a device tree: QEMU puts it there, and `config.txt` asks the firmware to.
const INITRD_ADDRESS: u64 = 0x0800_0000;

/// Working memory for the verifier.
const WORKSPACE_WORDS: usize = ActiveProfile::VERIFIER_BYTES / size_of::<u64>();
static mut WORKSPACE: [u64; WORKSPACE_WORDS] = [0; WORKSPACE_WORDS];

/// What the image was given.
pub(crate) struct Handover {
    /// The command line.
    pub(crate) arguments: Arguments,
    /// The initrd; empty if there is none.
    pub(crate) initrd: &'static mut [u8],
    /// Whose initrd is let in.
    pub(crate) trust: Trust,
    /// Where the initrd was looked for, for people.
    pub(crate) searched: &'static str,
    /// The verifier's memory.
    pub(crate) workspace: &'static mut [u64],
}

/// Takes over what the boot loader left; `x0` is the register as it was on entry.
///
/// # Safety
/// Called once, by `main`.
pub(crate) unsafe fn take(x0: usize) -> Handover {
    let chosen = chosen(x0 as u64);
    let arguments = chosen.as_ref().map(|chosen| chosen.arguments.clone()).unwrap_or_default();
    let trust = trust::trust(&arguments);
    let (range, searched) = match &chosen {
        Some(Chosen { initrd: Some(range), .. }) if is_free_memory(range) => (range.clone(), "device tree"),
        Some(Chosen { initrd: Some(_), .. }) => (0..0, "device tree, which puts it outside of memory"),
        Some(_) => (0..0, "device tree"),
        None => (initrd_at_fixed_address(&trust), "memory at 0x08000000, no device tree"),
    };
    // SAFETY: 1. The range is empty or free memory, checked or constant. 2. Nothing else refers to it: the
    // device tree's slice is gone, and this is called once.
    let initrd = unsafe { writable(range) };
    let workspace = &raw mut WORKSPACE;
    // SAFETY: called once, so this is the only reference ever.
    let workspace = unsafe { &mut *workspace };
    Handover { arguments, initrd, trust, searched, workspace }
}

/// Reads the device tree at `address`, if there is one.
fn chosen(address: u64) -> Option<Chosen> {
    let header = memory(address..address.checked_add(HEADER_BYTES as u64)?)?.first_chunk()?;
    let bytes = device_tree::tree_bytes(header)?;
    device_tree::chosen(memory(address..address + bytes as u64)?).ok()
}

/// The initrd at the fixed address, as far as it reaches: at most to the end of memory. Memory of zeros is none at all; anything else is handed
/// on, so that what is wrong with it gets reported. Where it has to be signed, no archive is read to find its end:
/// the head of a signed one tells it, and one that is not signed gets refused however long it is.
fn initrd_at_fixed_address(trust: &Trust) -> Range<u64> {
    let may_be_read = trust.is_required() == Ok(false);
    let bytes = match memory(INITRD_ADDRESS..mmu::RAM.end) {
        Some(memory) if memory[..4] == [0; 4] => 0,
        Some(memory) if signature::is_signed(memory) || !may_be_read => signature::extent(memory),
        Some(memory) => initrd::extent(memory),
        None => 0,
    };
    INITRD_ADDRESS..INITRD_ADDRESS + bytes as u64
}

/// RAM that is mapped and not the image's.
fn is_free_memory(range: &Range<u64>) -> bool {
    range.start >= layout::image().end && range.start <= range.end && range.end <= mmu::RAM.end
}

/// The bytes at `range`, if it is free memory.
fn memory(range: Range<u64>) -> Option<&'static [u8]> {
    if !is_free_memory(&range) {
        return None;
    }
    // SAFETY: 1. Free memory is mapped, and any bytes are valid u8. 2. Only `take` makes it writable, after
    // the last use of what this returns.
    Some(unsafe { core::slice::from_raw_parts(range.start as *const u8, (range.end - range.start) as usize) })
}

/// The bytes at `range`, to write to.
///
/// # Safety
/// 1. `range` is empty or [free memory](is_free_memory).
/// 2. Nothing else refers to it, from now on.
unsafe fn writable(range: Range<u64>) -> &'static mut [u8] {
    if range.is_empty() {
        return &mut [];
    }
    // SAFETY: the caller's duties; free memory is mapped and any bytes are valid u8.
    unsafe { core::slice::from_raw_parts_mut(range.start as *mut u8, (range.end - range.start) as usize) }
}
