//! What `ESR_EL1` says, in words.

/// The exception syndrome register (Arm ARM D17.2.37).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syndrome(pub u64);

/// Class of an exception with no information of its own, among them undefined instructions.
pub const UNKNOWN: u64 = 0x00;
const INSTRUCTION_ABORT: u64 = 0x21;
const PC_ALIGNMENT: u64 = 0x22;
const DATA_ABORT: u64 = 0x25;

impl Syndrome {
    /// Exception class, bits 31:26.
    #[must_use]
    pub const fn class(self) -> u64 {
        self.0 >> 26 & 0x3f
    }

    /// The class in words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.class() {
            UNKNOWN => "undefined instruction",
            0x01 => "trapped WFI or WFE",
            0x07 => "floating point is switched off",
            0x0e => "illegal execution state",
            0x15 => "supervisor call",
            0x18 => "trapped system register",
            0x20 => "instruction abort from EL0",
            INSTRUCTION_ABORT => "instruction abort",
            PC_ALIGNMENT => "misaligned program counter",
            0x24 => "data abort from EL0",
            DATA_ABORT => "data abort",
            0x26 => "misaligned stack pointer",
            0x2c => "floating point exception",
            0x2f => "SError",
            0x30 | 0x31 => "breakpoint",
            0x32 | 0x33 => "software step",
            0x34 | 0x35 => "watchpoint",
            0x3c => "BRK instruction",
            _ => "exception of a class of its own",
        }
    }

    /// Whether `FAR_EL1` holds the address that was accessed.
    #[must_use]
    pub const fn has_address(self) -> bool {
        let fault_address_not_valid = self.0 >> 10 & 1 == 1;
        match self.class() {
            0x20 | INSTRUCTION_ABORT | 0x24 | DATA_ABORT => !fault_address_not_valid,
            PC_ALIGNMENT | 0x34 | 0x35 => true,
            _ => false,
        }
    }

    /// What an abort was about, bits 5:0. Empty for everything else.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match (self.class(), self.0 & 0x3f) {
            (0x20 | INSTRUCTION_ABORT | 0x24 | DATA_ABORT, status) => abort_detail(status),
            _ => "",
        }
    }

    /// `read`, `write` or `fetch` for aborts; empty for everything else.
    #[must_use]
    pub const fn access(self) -> &'static str {
        let write_not_read = self.0 >> 6 & 1 == 1;
        match self.class() {
            0x20 | INSTRUCTION_ABORT => "fetch",
            0x24 | DATA_ABORT if write_not_read => "write",
            0x24 | DATA_ABORT => "read",
            _ => "",
        }
    }
}

const fn abort_detail(status: u64) -> &'static str {
    match status {
        0x00..=0x03 => "address size fault",
        0x04 => "nothing mapped (level 0)",
        0x05 => "nothing mapped (level 1)",
        0x06 => "nothing mapped (level 2)",
        0x07 => "nothing mapped (level 3)",
        0x08..=0x0b => "access flag fault",
        0x0c..=0x0f => "no permission",
        0x10 => "external abort",
        0x14..=0x17 => "external abort on a table walk",
        0x21 => "misaligned",
        0x35 => "exclusive access to memory that has none",
        _ => "fault with a status of its own",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_of_the_null_page_reads_so() {
        let syndrome = Syndrome(0x9600_0007);
        assert_eq!(syndrome.name(), "data abort");
        assert_eq!(
            (syndrome.access(), syndrome.detail(), syndrome.has_address()),
            ("read", "nothing mapped (level 3)", true)
        );
    }

    #[test]
    fn a_jump_into_data_reads_so() {
        let syndrome = Syndrome(0x8600_000f);
        assert_eq!(
            (syndrome.name(), syndrome.access(), syndrome.detail()),
            ("instruction abort", "fetch", "no permission")
        );
    }

    #[test]
    fn an_undefined_instruction_has_no_address() {
        let syndrome = Syndrome(0x0200_0000);
        assert_eq!(
            (syndrome.name(), syndrome.has_address(), syndrome.detail()),
            ("undefined instruction", false, "")
        );
    }
}
