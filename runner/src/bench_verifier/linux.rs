//! Linux's verifier, by way of bpf(2). Unsafe because that is a raw system call over structures of addresses.

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use anyhow::{Context, bail};

const BPF_MAP_CREATE: libc::c_int = 0;
const BPF_MAP_UPDATE_ELEM: libc::c_int = 2;
const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_MAP_FREEZE: libc::c_int = 22;
/// `BPF_LOG_STATS`: the time and the numbers alone.
const LOG_STATS: u32 = 4;

/// The fields of `union bpf_attr` that loading takes (uapi/linux/bpf.h).
#[repr(C)]
#[derive(Default)]
struct Load {
    kind: u32,
    insn_count: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kern_version: u32,
    flags: u32,
    rest: [u64; 11],
}

/// A map to be made.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MapShape {
    pub(super) kind: u32,
    pub(super) key_size: u32,
    pub(super) value_size: u32,
    pub(super) max_entries: u32,
    pub(super) flags: u32,
    pub(super) rest: [u32; 27],
}

#[repr(C)]
#[derive(Default)]
struct Update {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    rest: [u64; 13],
}

/// What Linux says of a program it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Statistics {
    /// Microseconds.
    pub(super) time: u64,
    /// Instructions it stepped through.
    pub(super) processed: u64,
}

fn bpf<T>(command: libc::c_int, attributes: &mut T) -> std::io::Result<libc::c_long> {
    // SAFETY: 1. `attributes` is as long as is said, and every address in it is of memory that its caller owns.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size_of::<T>()) };
    if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(result) }
}

fn own(descriptor: libc::c_long) -> OwnedFd {
    // SAFETY: 1. The system call has just returned this descriptor, which nobody else owns.
    unsafe { OwnedFd::from_raw_fd(descriptor as i32) }
}

/// Makes a map; `first` are the bytes of its first value, which never change if `frozen`.
pub(super) fn map(mut shape: MapShape, first: Option<&[u8]>, frozen: bool) -> anyhow::Result<OwnedFd> {
    let map = own(bpf(BPF_MAP_CREATE, &mut shape).context("Linux does not make a map of it")?);
    if let Some(value) = first {
        let key = 0u32;
        let mut update = Update {
            map: map.as_raw_fd() as u32,
            key: std::ptr::from_ref(&key) as u64,
            value: value.as_ptr() as u64,
            ..Update::default()
        };
        bpf(BPF_MAP_UPDATE_ELEM, &mut update).context("Linux does not take a map's value")?;
    }
    if frozen {
        bpf(BPF_MAP_FREEZE, &mut Update { map: map.as_raw_fd() as u32, ..Update::default() })
            .context("Linux does not freeze a map")?;
    }
    Ok(map)
}

/// Loads a program whose entry comes first, and drops it again; `kind` and `flags` are Linux's.
///
/// # Errors
/// The system call's error, and the last thing that the verifier said.
pub(super) fn verify(text: &[u8], kind: u32, flags: u32) -> anyhow::Result<Statistics> {
    let (log, result) = load(text, kind, flags, LOG_STATS);
    match result {
        Ok(program) => drop(own(program)),
        Err(error) => {
            let (log, _) = load(text, kind, flags, 1);
            let statistics = ["processed", "verification time", "stack depth"];
            let says = |line: &&str| !statistics.iter().any(|start| line.starts_with(start));
            bail!("{error}: {}", log.lines().rev().find(says).unwrap_or_default());
        }
    }
    statistics(&log).with_context(|| format!("Linux tells no statistics: {log}"))
}

fn load(text: &[u8], kind: u32, flags: u32, level: u32) -> (String, std::io::Result<libc::c_long>) {
    let mut log = vec![0u8; 1 << if level == LOG_STATS { 12 } else { 24 }];
    let mut load = Load {
        kind,
        insn_count: (text.len() / 8) as u32,
        insns: text.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        log_level: level,
        log_size: log.len() as u32,
        log: log.as_mut_ptr() as u64,
        flags,
        ..Load::default()
    };
    let result = bpf(BPF_PROG_LOAD, &mut load);
    let end = log.iter().position(|&byte| byte == 0).unwrap_or(log.len());
    (String::from_utf8_lossy(&log[..end]).into_owned(), result)
}

/// `verification time 53 usec`, `processed 278 insns (limit …`
fn statistics(log: &str) -> Option<Statistics> {
    let number = |start: &str| {
        let rest = log.lines().find_map(|line| line.strip_prefix(start))?;
        rest.split_whitespace().next()?.parse().ok()
    };
    Some(Statistics { time: number("verification time ")?, processed: number("processed ")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_read_from_the_log() {
        let log =
            "verification time 53 usec\nstack depth 0+16\nprocessed 278 insns (limit 1000000) max_states 1\n";
        assert_eq!(statistics(log), Some(Statistics { time: 53, processed: 278 }));
        assert_eq!(statistics("verification time 53 usec\n"), None);
    }

    #[test]
    fn attributes_are_laid_out_as_linux_reads_them() {
        assert_eq!((std::mem::offset_of!(Load, log), std::mem::offset_of!(Load, flags)), (32, 44));
        assert_eq!((std::mem::offset_of!(Update, key), std::mem::offset_of!(Update, value)), (8, 16));
        assert_eq!((size_of::<Load>(), size_of::<MapShape>(), size_of::<Update>()), (136, 128, 128));
    }
}
