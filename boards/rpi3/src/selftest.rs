//! Faults on demand: `selftest=null` and so on in the device tree's command line shows that the image is
//! guarded, by breaking the rule and getting caught.
//!
//! Unsafe because breaking rules is the point. None of this runs unless it is asked for.

use core::arch::asm;
use core::fmt;
use core::hint::black_box;

use kernel_aarch64::layout;
use kernel_core::{Outcome, Platform};
use kernel_report::Line;

use crate::exceptions::ALARM;
use crate::fatal;

/// A word that is data and would be an instruction: `ret`.
static INSTRUCTION_IN_DATA: u32 = 0xd65f_03c0;

/// Runs the named test.
pub(crate) fn run(name: &str, platform: &impl Platform) {
    say(platform, format_args!("selftest: {name}"));
    match name {
        "null" => read_null(),
        "program" => {
            platform.running(Some("selftest"));
            read_null();
        }
        "text" => write_text(),
        "nx" => jump_into_data(),
        "stack" => {
            black_box(overflow_stack(0));
        }
        "undef" => undefined_instruction(),
        "panic" => panic!("selftest asked for it"),
        "sleep" => return sleep(platform),
        _ => {
            say(
                platform,
                format_args!(
                    "selftest: no test is named {name}; there are null, program, text, nx, stack, undef, panic and sleep"
                ),
            );
            fatal::finish(Outcome::Failed)
        }
    }
    panic!("selftest: {name} was not caught");
}

fn read_null() {
    // SAFETY: page 0 is never mapped, so the load faults. Were it mapped, it would read a word and change nothing.
    unsafe { asm!("ldr {0:w}, [{0}]", inout(reg) 0u64 => _) };
}

fn write_text() {
    // SAFETY: text is mapped read-only, so the store faults. Were it not, the image would end by the panic in `run`.
    unsafe { asm!("str wzr, [{}]", in(reg) layout::text().start) };
}

fn jump_into_data() {
    // SAFETY: constants are never executable, so the fetch faults. Were they, the word would return at once.
    unsafe { asm!("blr {}", in(reg) &raw const INSTRUCTION_IN_DATA, clobber_abi("C")) };
}

fn undefined_instruction() {
    // SAFETY: `udf` is undefined for good (Arm ARM C6.2.387), so it changes nothing but takes the exception.
    unsafe { asm!("udf #0") };
}

#[expect(unconditional_recursion, reason = "the stack is to overflow")]
fn overflow_stack(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    overflow_stack(depth + 1) + frame[0]
}

/// Sleeps three times and says how late it woke.
fn sleep(platform: &impl Platform) {
    for length_ns in [1_000, 1_000_000, 250_000_000] {
        let (before, rung) = (platform.now(), ALARM.rung());
        platform.sleep_until(before + length_ns);
        let late = platform.now() - before - length_ns;
        let rings = ALARM.rung() - rung;
        say(
            platform,
            format_args!("selftest: slept {length_ns} ns, {late} ns late, {rings} alarm interrupts"),
        );
    }
}

fn say(platform: &impl Platform, text: fmt::Arguments<'_>) {
    platform.send(Line::human(platform.now(), text).as_bytes());
}
