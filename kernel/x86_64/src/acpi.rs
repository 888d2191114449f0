//! The three facts the kernel wants from ACPI: how to power off, and where the PM timer is (ACPI 6.5,
//! chapters 4 and 5).

use crate::physical::Physical;

/// How this machine powers itself off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoftOff {
    /// Write `value` to the I/O port of the PM1a control block (section 4.8.3.2).
    Pm1aControl {
        /// The port.
        port: u16,
        /// `SLP_EN` and the sleep type of S5.
        value: u16,
    },
    /// Write `value` to the sleep control register of a hardware-reduced machine (section 4.8.3.7).
    SleepControl {
        /// The register's physical address.
        address: u64,
        /// `SLP_EN` and the sleep type of S5.
        value: u8,
    },
}

/// What the tables say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acpi {
    /// How to power off, if that is stated.
    pub soft_off: Option<SoftOff>,
    /// The port of the PM timer, if there is one.
    pub pm_timer_port: Option<u16>,
}

const TABLE_HEADER_BYTES: u64 = 36;
/// Tables are a few hundred KiB at most; a larger length is damage.
const MAX_TABLE_BYTES: u64 = 4 << 20;
const HARDWARE_REDUCED: u32 = 1 << 20;
const SPACE_MEMORY: u8 = 0;

/// Reads the tables behind the root pointer `rsdp`; `None` if there are none that can be read.
pub fn read<P: Physical + ?Sized>(physical: &P, rsdp: u64) -> Option<Acpi> {
    let fadt = Fadt { physical, at: find_fadt(physical, rsdp)? };
    Some(Acpi { soft_off: fadt.soft_off(), pm_timer_port: fadt.pm_timer_port() })
}

fn find_fadt<P: Physical + ?Sized>(physical: &P, rsdp: u64) -> Option<u64> {
    if physical.bytes(rsdp, 8)? != b"RSD PTR " {
        return None;
    }
    let [revision] = physical.field(rsdp + 15)?;
    let (root, entry_bytes) = match revision {
        0 | 1 => (u64::from(physical.u32(rsdp + 16)?), 4),
        _ => (physical.u64(rsdp + 24)?, 8),
    };
    let entries = (table_bytes(physical, root)?.checked_sub(TABLE_HEADER_BYTES)?) / entry_bytes;
    (0..entries)
        .filter_map(|index| {
            let entry = root + TABLE_HEADER_BYTES + index * entry_bytes;
            if entry_bytes == 4 { physical.u32(entry).map(u64::from) } else { physical.u64(entry) }
        })
        .find(|&table| physical.bytes(table, 4) == Some(b"FACP".as_slice()))
}

fn table_bytes<P: Physical + ?Sized>(physical: &P, table: u64) -> Option<u64> {
    let bytes = u64::from(physical.u32(table.checked_add(4)?)?);
    (bytes <= MAX_TABLE_BYTES).then_some(bytes)
}

/// The fixed ACPI description table (section 5.2.9).
struct Fadt<'a, P: ?Sized> {
    physical: &'a P,
    at: u64,
}

impl<P: Physical + ?Sized> Fadt<'_, P> {
    fn soft_off(&self) -> Option<SoftOff> {
        let sleep_type = self.s5_sleep_type()?;
        if self.u32(112)? & HARDWARE_REDUCED == 0 {
            let port = self.u32(64).and_then(nonzero_port)?;
            return Some(SoftOff::Pm1aControl { port, value: 1 << 13 | u16::from(sleep_type) << 10 });
        }
        let [space] = self.field(244)?;
        let address = self.field(248).map(u64::from_le_bytes)?;
        (space == SPACE_MEMORY && address != 0)
            .then_some(SoftOff::SleepControl { address, value: 1 << 5 | sleep_type << 2 })
    }

    fn pm_timer_port(&self) -> Option<u16> {
        self.u32(76).and_then(nonzero_port)
    }

    /// The first element of the `\_S5` package. Looking for its bytes spares an AML interpreter, and every
    /// machine writes it as a plain package of constants.
    fn s5_sleep_type(&self) -> Option<u8> {
        let dsdt = u64::from(self.u32(40)?);
        let dsdt = if dsdt == 0 { self.field(140).map(u64::from_le_bytes)? } else { dsdt };
        s5_sleep_type(self.physical.bytes(dsdt, table_bytes(self.physical, dsdt)?)?)
    }

    fn u32(&self, offset: u64) -> Option<u32> {
        self.field(offset).map(u32::from_le_bytes)
    }

    /// A field, if the table is long enough to have it.
    fn field<const N: usize>(&self, offset: u64) -> Option<[u8; N]> {
        let bytes = table_bytes(self.physical, self.at)?;
        (offset + N as u64 <= bytes).then(|| self.physical.field(self.at + offset))?
    }
}

fn nonzero_port(port: u32) -> Option<u16> {
    u16::try_from(port).ok().filter(|&port| port != 0)
}

/// `NameOp? "_S5_" PackageOp PkgLength NumElements element…` (section 20.2).
fn s5_sleep_type(aml: &[u8]) -> Option<u8> {
    const PACKAGE_OP: u8 = 0x12;
    const BYTE_PREFIX: u8 = 0x0a;
    let name = aml.windows(5).position(|window| window == [b'_', b'S', b'5', b'_', PACKAGE_OP])?;
    let package = &aml[name + 5..];
    // The top two bits of the first length byte say how many more there are.
    let length_bytes = 1 + usize::from(package.first()? >> 6);
    match *package.get(length_bytes + 1..)? {
        [BYTE_PREFIX, value, ..] | [value @ (0 | 1), ..] if value < 8 => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;

    const RSDP: u64 = 0x1000;
    const RSDT: u64 = 0x1100;
    const FADT: u64 = 0x1200;
    const DSDT: u64 = 0x1400;

    fn put(memory: &mut [u8], at: u64, bytes: &[u8]) {
        memory[at as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    fn table(memory: &mut [u8], at: u64, signature: &[u8; 4], bytes: u32) {
        put(memory, at, signature);
        put(memory, at + 4, &bytes.to_le_bytes());
    }

    fn machine(sleep_element: &[u8]) -> Vec<u8> {
        let mut memory = vec![0; 0x2000];
        put(&mut memory, RSDP, b"RSD PTR ");
        put(&mut memory, RSDP + 16, &(RSDT as u32).to_le_bytes());
        table(&mut memory, RSDT, b"RSDT", 40);
        put(&mut memory, RSDT + 36, &(FADT as u32).to_le_bytes());
        table(&mut memory, FADT, b"FACP", 256);
        put(&mut memory, FADT + 40, &(DSDT as u32).to_le_bytes());
        put(&mut memory, FADT + 64, &0x604_u32.to_le_bytes());
        put(&mut memory, FADT + 76, &0x608_u32.to_le_bytes());
        table(&mut memory, DSDT, b"DSDT", 80);
        put(&mut memory, DSDT + 50, b"\x08_S5_\x12\x06\x04");
        put(&mut memory, DSDT + 58, sleep_element);
        memory
    }

    #[test]
    fn a_pc_powers_off_through_pm1a() {
        let acpi = read(machine(&[0, 0, 0, 0]).as_slice(), RSDP).unwrap();
        assert_eq!(acpi.soft_off, Some(SoftOff::Pm1aControl { port: 0x604, value: 0x2000 }));
        assert_eq!(acpi.pm_timer_port, Some(0x608));
    }

    #[test]
    fn a_hardware_reduced_machine_powers_off_through_its_sleep_register() {
        let mut memory = machine(&[0x0a, 5]);
        put(&mut memory, FADT + 112, &HARDWARE_REDUCED.to_le_bytes());
        put(&mut memory, FADT + 248, &0xfea0_0200_u64.to_le_bytes());
        put(&mut memory, FADT + 76, &[0; 4]);
        let acpi = read(memory.as_slice(), RSDP).unwrap();
        assert_eq!(acpi.soft_off, Some(SoftOff::SleepControl { address: 0xfea0_0200, value: 0x34 }));
        assert_eq!(acpi.pm_timer_port, None);
    }

    #[test]
    fn fields_behind_the_end_of_a_short_fadt_do_not_exist() {
        let mut memory = machine(&[0]);
        table(&mut memory, FADT, b"FACP", 76);
        assert_eq!(read(memory.as_slice(), RSDP).unwrap(), Acpi::default());
    }

    #[test]
    fn a_sleep_type_that_is_no_constant_is_not_guessed() {
        assert_eq!(s5_sleep_type(b"\x08_S5_\x12\x06\x04\x0a\x09"), None);
        assert_eq!(s5_sleep_type(b"\x08_S5_\x12\x06\x04\x5b"), None);
        assert_eq!(s5_sleep_type(b"\x08_S5_\x12"), None);
        assert_eq!(s5_sleep_type(b"\x08_S5_\x12\x46\x01\x04\x01"), Some(1));
    }

    #[test]
    fn no_flipped_byte_makes_the_reader_panic() {
        let sound = machine(&[0, 0, 0, 0]);
        for at in 0x1000..0x1480 {
            for value in [0, 0x7f, 0xff] {
                let mut memory = sound.clone();
                memory[at] = value;
                let acpi = read(memory.as_slice(), RSDP);
                assert!(acpi.is_none_or(|acpi| acpi.pm_timer_port != Some(0)));
            }
        }
    }
}
