//! Where the devices of a Raspberry Pi 3 are.
//!
//! Unsafe because an address is all a driver has to go by: each `Mmio::new` below names a block of registers
//! once, and nothing else in the image makes one.

use kernel_aarch64::{layout, mmu};
use kernel_drivers::gpio::{self, Gpio, Pin};
use kernel_drivers::legacy_interrupts::{self, Interrupt, LegacyInterrupts};
use kernel_drivers::local_interrupts::{self, LocalInterrupts};
use kernel_drivers::mailbox::{self, FirmwareClock, Mailbox};
use kernel_drivers::mmio::Mmio;
use kernel_drivers::pl011::{self, Divisors};
use kernel_drivers::random_source::{self, RandomSource};

/// Start of the peripherals; BCM2835 ARM Peripherals writes 0x7e00_0000.
const PERIPHERALS: usize = 0x3f00_0000;
/// Start of the ARM-local peripherals.
const LOCAL: usize = 0x4000_0000;
/// The alias of RAM that the video processor sees without its cache (BCM2835 ARM Peripherals 1.2.4).
const UNCACHED_ALIAS: u32 = 0xc000_0000;

/// The PL011's line of the legacy controller (BCM2835 ARM Peripherals 7.5).
pub(crate) const UART_INTERRUPT: Interrupt = Interrupt::new(57);
const TRANSMIT_PIN: Pin = Pin::new(14);
const RECEIVE_PIN: Pin = Pin::new(15);

const BAUD: u32 = 115_200;
/// What the firmware gives the UART unless `config.txt` says otherwise (`init_uart_clock`).
const USUAL_UART_HZ: u32 = 48_000_000;

const fn peripheral(offset: usize, bytes: usize) -> Mmio {
    // SAFETY: 1. `mmu` maps all peripherals as device memory before `main` is called. 2. Each offset used
    // below is that device's alone, and of these devices only the mailbox writes memory: the shared page.
    unsafe { Mmio::new(PERIPHERALS + offset, bytes) }
}

/// The PL011's registers, for the one driver of it.
pub(crate) const fn uart_registers() -> Mmio {
    peripheral(0x20_1000, pl011::BYTES)
}

/// The random number generator.
pub(crate) static RANDOM: RandomSource<Mmio> = RandomSource::new(peripheral(0x10_4000, random_source::BYTES));

/// The controller of the peripherals' interrupts.
pub(crate) static LEGACY: LegacyInterrupts<Mmio> =
    LegacyInterrupts::new(peripheral(0xb200, legacy_interrupts::BYTES));

/// The controller of core 0's interrupts.
pub(crate) static CORE: LocalInterrupts<Mmio> = LocalInterrupts::new({
    // SAFETY: 1. `mmu` maps the local peripherals as device memory. 2. They write no memory.
    unsafe { Mmio::new(LOCAL, local_interrupts::BYTES) }
});

/// All pins.
pub(crate) const fn pins() -> Gpio<Mmio> {
    Gpio::new(peripheral(0x20_0000, gpio::BYTES))
}

/// Gives pins 14 and 15 to the PL011 and takes their pulls off: a serial line drives them.
pub(crate) fn connect_uart() {
    let pins = pins();
    for pin in [TRANSMIT_PIN, RECEIVE_PIN] {
        pins.select_alternate_0(pin);
        pins.remove_pull(pin);
    }
}

/// The divisors for 115200 baud from the UART clock as the firmware tells it, or as it usually is.
pub(crate) fn uart_divisors() -> Divisors {
    const USUAL: Divisors = Divisors::new(USUAL_UART_HZ, BAUD).unwrap();
    let told = mailbox().clock_rate(FirmwareClock::Uart);
    told.and_then(|clock_hz| Divisors::new(clock_hz, BAUD)).unwrap_or(USUAL)
}

/// The firmware's mailbox, with the shared page to lay messages in: for the main program, and for the end of the image.
pub(crate) fn mailbox() -> Mailbox<Mmio> {
    let page = layout::shared().start;
    // SAFETY: 1. `mmu` maps the shared page, not cached. 2. The linker script reserves it for this.
    let message = unsafe { Mmio::new(page as usize, mailbox::MESSAGE_BYTES) };
    // The image lies in the first 4 MiB, so its addresses fit.
    Mailbox::new(peripheral(0xb880, mailbox::BYTES), message, page as u32 | UNCACHED_ALIAS, mmu::barrier)
}
