//! Linux's own JIT, by way of bpf(2). Unsafe because that is a raw system call over structures of addresses.

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use anyhow::bail;

const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_PROG_TEST_RUN: libc::c_int = 10;
const BPF_OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const BPF_PROG_TYPE_XDP: u32 = 6;

/// A program in the kernel.
pub(super) struct Loaded {
    program: OwnedFd,
}

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
    rest: [u64; 12],
}

#[repr(C)]
#[derive(Default)]
struct TestRun {
    program: u32,
    result: u32,
    size_in: u32,
    size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    nanoseconds: u32,
    rest: [u64; 12],
}

#[repr(C)]
#[derive(Default)]
struct Query {
    program: u32,
    size: u32,
    info: u64,
    rest: [u64; 16],
}

/// The beginning of `struct bpf_prog_info`.
#[repr(C)]
#[derive(Default)]
struct Info {
    kind: u32,
    id: u32,
    tag: [u8; 8],
    jited_bytes: u32,
    translated_bytes: u32,
    rest: [u64; 32],
}

fn bpf<T>(command: libc::c_int, attributes: &mut T) -> std::io::Result<libc::c_long> {
    // SAFETY: 1. `attributes` is as long as is said, and every address in it is of memory that its caller owns.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size_of::<T>()) };
    if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(result) }
}

impl Loaded {
    /// Loads an XDP program whose entry comes first.
    pub(super) fn new(text: &[u8]) -> anyhow::Result<Self> {
        let license = c"GPL";
        let mut log = vec![0u8; 1 << 16];
        let mut load = Load {
            kind: BPF_PROG_TYPE_XDP,
            insn_count: (text.len() / 8) as u32,
            insns: text.as_ptr() as u64,
            license: license.as_ptr() as u64,
            ..Load::default()
        };
        let program = match bpf(BPF_PROG_LOAD, &mut load) {
            Ok(program) => program,
            Err(error) => {
                (load.log_level, load.log_size, load.log) = (1, log.len() as u32, log.as_mut_ptr() as u64);
                // Only for its reason: the log's last line but one.
                let _ = bpf(BPF_PROG_LOAD, &mut load);
                let text = String::from_utf8_lossy(&log);
                let text = text.trim_end_matches('\0').trim_end();
                let reason =
                    text.lines().rev().find(|line| !line.starts_with("processed")).unwrap_or_default();
                bail!("{error}: {reason}");
            }
        };
        // SAFETY: 1. The system call has just returned this descriptor, which nobody else owns.
        Ok(Self { program: unsafe { OwnedFd::from_raw_fd(program as i32) } })
    }

    /// Runs it `repeat` times on a packet; the last result and the mean nanoseconds, as the kernel counts them.
    pub(super) fn run(&self, packet: &[u8], repeat: u32) -> anyhow::Result<(u32, u32)> {
        let mut test = TestRun {
            program: self.program.as_raw_fd() as u32,
            size_in: packet.len() as u32,
            data_in: packet.as_ptr() as u64,
            repeat,
            ..TestRun::default()
        };
        bpf(BPF_PROG_TEST_RUN, &mut test)?;
        Ok((test.result, test.nanoseconds))
    }

    /// Bytes of machine code; 0 if the kernel interprets it or does not tell.
    pub(super) fn code_bytes(&self) -> u32 {
        let mut info = Info::default();
        let mut query = Query {
            program: self.program.as_raw_fd() as u32,
            size: size_of::<Info>() as u32,
            info: std::ptr::from_mut(&mut info) as u64,
            ..Query::default()
        };
        if bpf(BPF_OBJ_GET_INFO_BY_FD, &mut query).is_ok() { info.jited_bytes } else { 0 }
    }
}
