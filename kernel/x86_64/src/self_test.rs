//! Faults on purpose, to show on any machine that each is caught and reported. Unsafe because that is the
//! point.

use core::arch::asm;

/// What to do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Read address 0.
    Null,
    /// Write to the kernel's text.
    Text,
    /// Write to the kernel's constants.
    Constants,
    /// Execute data.
    Data,
    /// Use up the stack.
    Stack,
    /// Divide by zero.
    Divide,
    /// Execute an undefined instruction.
    Undefined,
    /// Read an address that is no address.
    NonCanonical,
}

impl Fault {
    /// Every fault by its name on the command line, `selftest=NAME`.
    pub const ALL: [(&str, Self); 8] = [
        ("null", Self::Null),
        ("text", Self::Text),
        ("rodata", Self::Constants),
        ("nx", Self::Data),
        ("stack", Self::Stack),
        ("div", Self::Divide),
        ("ud", Self::Undefined),
        ("gp", Self::NonCanonical),
    ];

    /// The fault of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|each| each.0 == name).map(|each| each.1)
    }
}

/// One return instruction, where nothing may be executed.
static RETURN_AS_DATA: [u8; 1] = [0xc3];

/// Does `fault`. Returning means that the machine let it pass.
pub fn provoke(fault: Fault) {
    let text = provoke as *const () as u64;
    let constants = RETURN_AS_DATA.as_ptr() as u64;
    // SAFETY: each of these raises an exception that ends the image. Where the machine lets one pass, it has
    // read a byte, rewritten a byte with its own value, or returned at once.
    unsafe {
        match fault {
            Fault::Null => read(0),
            Fault::NonCanonical => read(1 << 63),
            Fault::Text => rewrite(text),
            Fault::Constants => rewrite(constants),
            Fault::Data => asm!("call {}", in(reg) constants, clobber_abi("C")),
            Fault::Stack => asm!("2: push rax", "jmp 2b", options(noreturn)),
            Fault::Divide => asm!("div {:e}", in(reg) 0, inout("eax") 1 => _, inout("edx") 0 => _),
            Fault::Undefined => asm!("ud2"),
        }
    }
}

/// Writes the byte at `address` with its own value, which must raise an exception. Returning means that the machine
/// let it pass.
///
/// # Safety
///
/// Nobody else writes that byte.
pub unsafe fn write_to(address: u64) {
    // SAFETY: the caller's duty.
    unsafe { rewrite(address) }
}

/// Calls `address`, which must raise an exception.
///
/// # Safety
///
/// The byte there is a return instruction, in case the machine lets it pass.
pub unsafe fn call(address: u64) {
    // SAFETY: the caller's duty: it returns at once.
    unsafe { asm!("call {}", in(reg) address, clobber_abi("C")) }
}

/// # Safety
///
/// Reading the byte at `address`, if there is one, changes nothing.
unsafe fn read(address: u64) {
    // SAFETY: the caller's duty; assembly, for a null reference must not exist in Rust.
    unsafe { asm!("mov {:r}, [{}]", out(reg) _, in(reg) address, options(nostack, readonly)) }
}

/// # Safety
///
/// Nobody else writes the byte at `address`.
unsafe fn rewrite(address: u64) {
    // SAFETY: the byte keeps its value.
    unsafe { asm!("or byte ptr [{}], 0", in(reg) address, options(nostack)) }
}
