//! The names of exceptions and of error code bits (Intel SDM vol. 3, table 7-1 and section 7.15).

use core::fmt;

/// An exception vector, 0 to 31.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vector(u8);

const NAMES: [&str; 32] = [
    "divide error",
    "debug exception",
    "non-maskable interrupt",
    "breakpoint",
    "overflow",
    "bound range exceeded",
    "invalid opcode",
    "device not available",
    "double fault",
    "coprocessor segment overrun",
    "invalid TSS",
    "segment not present",
    "stack-segment fault",
    "general protection fault",
    "page fault",
    "reserved exception",
    "x87 floating-point error",
    "alignment check",
    "machine check",
    "SIMD floating-point exception",
    "virtualization exception",
    "control protection exception",
    "reserved exception",
    "reserved exception",
    "reserved exception",
    "reserved exception",
    "reserved exception",
    "reserved exception",
    "hypervisor injection exception",
    "VMM communication exception",
    "security exception",
    "reserved exception",
];

impl Vector {
    /// How many there are.
    pub const COUNT: usize = NAMES.len();
    /// A division by zero, or with a quotient that is too large.
    pub const DIVIDE_ERROR: Self = Self(0);
    /// An access that no page table is asked about: an address that is none.
    pub const GENERAL_PROTECTION: Self = Self(13);
    /// Non-maskable interrupt.
    pub const NON_MASKABLE: Self = Self(2);
    /// An exception while entering the handler of another.
    pub const DOUBLE_FAULT: Self = Self(8);
    /// An access the page tables forbid.
    pub const PAGE_FAULT: Self = Self(14);
    /// The hardware is broken.
    pub const MACHINE_CHECK: Self = Self(18);
    /// One bit for each vector that pushes an error code.
    pub const WITH_CODE: u32 = 0x6022_7d00;

    /// The vector of that number, modulo 32.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self((number % Self::COUNT as u64) as u8)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The name in the manual.
    #[must_use]
    pub const fn name(self) -> &'static str {
        NAMES[self.0 as usize]
    }
}

/// The error code of a page fault, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageFaultCode(pub u64);

impl fmt::Display for PageFaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match self.0 {
            code if code & 1 << 4 != 0 => "execution",
            code if code & 1 << 1 != 0 => "write",
            _ => "read",
        };
        let reason = match self.0 {
            code if code & 1 << 3 != 0 => "reserved bit set in a table",
            code if code & 1 != 0 => "forbidden there",
            _ => "nothing mapped there",
        };
        write!(f, "{access}, {reason}")
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn the_vectors_with_an_error_code_are_those_of_the_manual() {
        let with_code: Vec<u32> = (0..32).filter(|bit| Vector::WITH_CODE & 1 << bit != 0).collect();
        assert_eq!(with_code, [8, 10, 11, 12, 13, 14, 17, 21, 29, 30]);
        assert_eq!(Vector::PAGE_FAULT.name(), "page fault");
        assert_eq!(Vector::MACHINE_CHECK.name(), "machine check");
        assert_eq!(Vector::new(33).number(), 1);
    }

    #[test]
    fn a_page_fault_code_says_what_was_tried_and_why_it_failed() {
        assert_eq!(PageFaultCode(0).to_string(), "read, nothing mapped there");
        assert_eq!(PageFaultCode(3).to_string(), "write, forbidden there");
        assert_eq!(PageFaultCode(0x11).to_string(), "execution, forbidden there");
        assert_eq!(PageFaultCode(9).to_string(), "read, reserved bit set in a table");
    }
}
