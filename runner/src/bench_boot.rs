//! `skep bench boot`: wall time from starting QEMU to the first serial line and to QEMU's end, next to QEMU's own
//! floor: an image that ends it with its first instructions. All are measured in turn, so that whatever else the
//! machine does meets all of them alike.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use comfy_table::Table;

use crate::board::Board;
use crate::cli::{Accel, Machine};
use crate::console::{self, End};
use crate::outcome::{self, Outcome, Report};
use crate::packages::{self, Need, OnMissing};
use crate::qemu::{Door, Ending, Hardware, Start, Vm};
use crate::{build, floor, interrupt, output, pack, progress, qemu, table, workspace};

const ROUNDS: usize = 11;
const LIMIT: Duration = Duration::from_secs(60);
const MACHINES: [(&str, Machine); 2] = [("microvm", Machine::Microvm), ("q35", Machine::Q35)];

/// Wall times of one machine.
#[derive(Default)]
struct Times {
    floor: Vec<Duration>,
    first_line: Vec<Duration>,
    end: Vec<Duration>,
}

pub(crate) fn run(on_missing: OnMissing) -> anyhow::Result<ExitCode> {
    packages::require(&[Need::Qemu(Board::Pc)], on_missing)?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let floor = put(folder.path(), "floor.elf", &floor::exit_at_once())?;
    let hello = workspace::examples().join("hello.bpf.c");
    let initrd = put(folder.path(), "initrd.cpio", &pack::archive(&[hello], None, on_missing)?)?;
    let image = build::image(Board::Pc, on_missing)?.boot;
    interrupt::watch()?;
    let times = progress::step(&format!("booting {ROUNDS} times on each machine"), || {
        let mut times = MACHINES.map(|_| Times::default());
        for _ in 0..ROUNDS {
            for ((_, machine), times) in MACHINES.iter().zip(&mut times) {
                times.floor.push(time_floor(vm(*machine, &floor, None)?)?);
                let (first_line, end) = time_image(vm(*machine, &image, Some(&initrd))?)?;
                times.first_line.push(first_line);
                times.end.push(end);
            }
        }
        Ok(times)
    })?;
    output::line(format_args!("{}", table(times)));
    Ok(ExitCode::SUCCESS)
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn vm(machine: Machine, image: &Path, initrd: Option<&Path>) -> anyhow::Result<Vm> {
    let hardware = Hardware::new(Board::Pc, Some(machine), None, Accel::Tcg)?;
    let initrd = initrd.map(PathBuf::from);
    let door = Door::Kernel { kernel: image.into(), initrd };
    Ok(Vm { hardware, door, append: None, start: Start::AtOnce })
}

fn time_floor(vm: Vm) -> anyhow::Result<Duration> {
    let begin = Instant::now();
    let end = console::follow(qemu::spawn(&vm)?, Some(LIMIT), |_, _| {})?;
    ensure!(
        end == End::Exit(Some(floor::EXIT_STATUS)),
        "the image that exits at once ended QEMU otherwise: {end:?}"
    );
    Ok(begin.elapsed())
}

/// Time to the first line and to the end.
fn time_image(vm: Vm) -> anyhow::Result<(Duration, Duration)> {
    let begin = Instant::now();
    let mut report = Report::default();
    let mut first_line = None;
    let end = console::follow(qemu::spawn(&vm)?, Some(LIMIT), |line, at| {
        first_line.get_or_insert(at.duration_since(begin));
        report.add(line);
    })?;
    let total = begin.elapsed();
    let outcome = outcome::judge(Board::Pc, Ending::Status, end, &report);
    ensure!(outcome == Outcome::Ok, "a boot that goes wrong is not measured: {outcome:?}");
    Ok((first_line.context("the image printed nothing")?, total))
}

fn table(times: [Times; 2]) -> Table {
    let header = ["machine", "exit at once", "first line", "end", "first line / exit at once"];
    let mut table = table::new(header, 1);
    for ((name, _), times) in MACHINES.iter().zip(times) {
        let medians = [times.floor, times.first_line, times.end].map(median);
        let ratio = medians[1].as_secs_f64() / medians[0].as_secs_f64();
        let [floor, first_line, end] = medians.map(|time| format!("{:.1} ms", time.as_secs_f64() * 1e3));
        table.add_row([(*name).into(), floor, first_line, end, format!("{ratio:.2}")]);
    }
    table
}

/// The middle one of an odd number of times.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_ignores_the_order_and_one_outlier() {
        let times = [900, 3, 1, 2, 4].map(Duration::from_millis).to_vec();
        assert_eq!(median(times), Duration::from_millis(3));
    }
}
