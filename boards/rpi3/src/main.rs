//! The Raspberry Pi 3: the embedded profile on a Cortex-A53.
//!
//! `kernel8.img` is this image without its ELF headers. QEMU's `raspi3b` and the firmware load it at 0x80000
//! and enter at its first byte. Unsafe for that first byte, and for `main`'s promise that it runs once.
#![no_std]
#![no_main]

mod exceptions;
mod fatal;
mod handover;
mod hardware;
mod led;
mod running;
mod selftest;
mod serial;
mod text;
mod time;
mod trust;

use core::arch::naked_asm;
use core::panic::PanicInfo;

use kernel_aarch64::clock::Clock;
use kernel_aarch64::{entry, interrupts, mmu, timer, vectors};
use kernel_core::{Memory, Platform};
use kernel_report::Line;

use crate::exceptions::{ALARM, HOOKS};
use crate::hardware::RANDOM;
use crate::running::RUNNING;
use crate::serial::SERIAL;

/// Looks for a random word before the clock alone has to do: about 100 ms.
const RANDOM_PATIENCE: u32 = 1_000_000;

/// The first instructions of the image. They tell the processor's code where the board's begins.
///
/// # Safety
/// For the boot loader to enter, with `x0` a device tree's address or anything else.
#[unsafe(naked)]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text.entry")]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        "adrp x1, {main}",
        "add x1, x1, :lo12:{main}",
        "b {enter}",
        main = sym main,
        enter = sym entry::enter,
    )
}

/// The board's part of the boot: MMU and caches are on, interrupts masked.
extern "C" fn main(x0: usize, entry_level: u64) -> ! {
    vectors::install(&HOOKS);
    hardware::connect_uart();
    SERIAL.start(hardware::uart_divisors());
    led::start();
    RANDOM.start();
    exceptions::route_interrupts();
    interrupts::unmask();

    let board = Rpi3 { clock: time::clock() };
    // SAFETY: `entry` calls this function once, and it does this once.
    let handover = unsafe { handover::take(x0) };
    board.describe(entry_level, &handover);
    if let Some(name) = handover.arguments.value("selftest") {
        selftest::run(name, &board);
    }
    let outcome = kernel_core::boot(&board, handover.initrd, &handover.trust, handover.workspace);
    board.say(format_args!(
        "rpi3: {} alarm interrupts, {} serial interrupts",
        ALARM.rung(),
        SERIAL.interrupts()
    ));
    fatal::finish(outcome)
}

/// The board, as the supervisor sees it.
struct Rpi3 {
    clock: Clock,
}

impl Rpi3 {
    fn describe(&self, entry_level: u64, handover: &handover::Handover) {
        let map = mmu::summary();
        self.say(format_args!(
            "rpi3: entered at EL{entry_level}, clock {} Hz",
            self.clock.ticks_per_second()
        ));
        self.say(format_args!(
            "mmu: wx_pages={} null_mapped={} pages={}",
            map.writable_executable_pages, map.null_pages, map.pages
        ));
        match handover.initrd.len() {
            0 => self.say(format_args!("initrd: none found ({})", handover.searched)),
            bytes => self.say(format_args!("initrd: {bytes} bytes ({})", handover.searched)),
        }
    }

    fn say(&self, text: core::fmt::Arguments<'_>) {
        self.send(Line::human(self.now(), text).as_bytes());
    }
}

impl Platform for Rpi3 {
    const BOARD: &'static str = "rpi3";

    fn now(&self) -> u64 {
        self.clock.ns_at(timer::ticks())
    }

    fn send(&self, line: &[u8]) {
        SERIAL.send(line);
    }

    fn try_send(&self, line: &[u8]) {
        SERIAL.try_send(line);
    }

    fn lost_lines(&self) -> u64 {
        SERIAL.lost_lines()
    }

    fn seed(&self) -> u64 {
        let word = || u64::from(RANDOM.word(RANDOM_PATIENCE).unwrap_or_default());
        // The counter keeps two boots apart should the generator be silent.
        (word() << 32 | word()) ^ timer::ticks().wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn sleep_until(&self, until: u64) {
        led::beat(until.saturating_sub(self.now()));
        ALARM.sleep_until(self.clock.first_tick_at(until));
    }

    fn running(&self, program: Option<&'static str>) {
        RUNNING.set(program);
    }

    fn memory(&self) -> Memory {
        Memory { heap_high: 0, wx_pages: mmu::summary().writable_executable_pages }
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    fatal::on_panic(info)
}
