//! The records: one fact each, keys spelled as bpftool spells them where it has them.

#[cfg(feature = "host")]
use serde::Deserialize;
use serde::Serialize;

/// What the verifier decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "host", derive(Deserialize))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Proven safe; the program may run.
    Accept,
    /// Not proven safe; the program cannot run.
    Reject,
}

/// What the failure semantic of the profile decided after a failed run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "host", derive(Deserialize))]
pub enum Action {
    /// Run again from a fresh state.
    Restart,
    /// Give the program up.
    Abort,
    /// Drop this job; the next release runs as usual.
    SkipAndContinue,
    /// Go on with less.
    Degrade,
    /// Stop everything and hold the declared safe values.
    SafeState,
}

/// One machine-readable fact. `S` is `&str` in an image and `String` on the host.
///
/// Times are nanoseconds since the image's clock started; sizes are bytes. Optional fields are left out of
/// the JSON when they do not apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "host", derive(Deserialize))]
#[serde(tag = "ev", rename_all = "snake_case")]
pub enum Record<S> {
    /// The first record: who is speaking.
    Boot {
        /// `pc` or `rpi3`.
        board: S,
        /// `cloud` or `embedded`.
        profile: S,
        /// The version of the image.
        version: S,
        /// Time of this record.
        ns: u64,
    },
    /// Something in the initrd was refused; the rest goes on.
    Refused {
        /// The file in the initrd, or `initrd` for the archive itself.
        file: S,
        /// Byte offset of the fault within that file.
        offset: u64,
        /// What is wrong and what was expected.
        reason: S,
    },
    /// The verifier's decision on one program.
    Program {
        /// Function name of the program.
        name: S,
        /// The file in the initrd that holds it.
        object: S,
        /// Program type, as bpftool spells it.
        #[serde(rename = "type")]
        kind: S,
        /// Accepted or rejected.
        verdict: Verdict,
        /// Instructions of the program with its subprograms.
        insns: u32,
        /// Deepest stack the program can reach.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        stack: Option<u32>,
        /// Bound on executed instructions on the longest path, helpers counted as one each.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        wcet_insns: Option<u64>,
        /// `interpreter` or `jit`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        engine: Option<S>,
        /// Bytes of machine code made from it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        jited_bytes: Option<u32>,
        /// Where a rejected program fails: instruction index within its function.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        insn: Option<u32>,
        /// The source line of that instruction, `file.bpf.c:12`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        line: Option<S>,
        /// Why it was rejected.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reason: Option<S>,
        /// False if the manifest expected the other verdict.
        expected: bool,
    },
    /// One completed run.
    Run {
        /// Function name of the program.
        name: S,
        /// The file in the initrd that holds it.
        object: S,
        /// When the run was due.
        release_ns: u64,
        /// When it began.
        start_ns: u64,
        /// When it ended.
        end_ns: u64,
        /// The program's return value.
        r0: u64,
        /// Instructions executed, if the engine counts them: compiled code does not.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        insns: Option<u64>,
        /// False if the manifest expected another return value.
        expected: bool,
    },
    /// A record that a program put into a ring buffer or sent as a perf event.
    Output {
        /// The map it went through.
        map: S,
        /// Function name of the program whose run it was read after.
        name: S,
        /// The file in the initrd that holds it.
        object: S,
        /// Bytes of it.
        bytes: u32,
        /// Its first bytes, two hexadecimal digits each: all of them if they fit.
        data: S,
    },
    /// A run ended, or would have ended, after its deadline.
    Miss {
        /// Function name of the program.
        name: S,
        /// The file in the initrd that holds it.
        object: S,
        /// The deadline that passed.
        deadline_ns: u64,
    },
    /// A run failed, and this was done about it.
    Recovery {
        /// Function name of the program.
        name: S,
        /// The file in the initrd that holds it.
        object: S,
        /// The error, as `BpfError` names it.
        error: S,
        /// What was done.
        action: Action,
        /// Which retry this is, from 1; 0 if the program is not run again.
        retry: u32,
    },
    /// The processor raised an exception in the kernel; the image stops after this.
    Exception {
        /// The vector's name, e.g. `page fault`.
        vector: S,
        /// The processor's error code or syndrome.
        code: u64,
        /// Address of the instruction.
        pc: u64,
        /// Address that was accessed, if any.
        address: u64,
        /// The program that ran, if one did.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        program: Option<S>,
    },
    /// The kernel panicked; the image stops after this.
    Panic {
        /// `file:line`
        at: S,
        /// The message.
        reason: S,
    },
    /// Memory in use at the end of a run.
    Memory {
        /// Bytes of the static pool in use (embedded).
        pool_used: u64,
        /// Most bytes of the static pool ever in use (embedded).
        pool_high: u64,
        /// Most bytes of the heap ever in use (cloud).
        heap_high: u64,
        /// Pages both writable and executable, counted by walking the live page tables.
        wx_pages: u64,
    },
    /// The last record.
    Summary {
        /// Programs accepted.
        loaded: u32,
        /// Programs rejected.
        rejected: u32,
        /// Completed runs.
        runs: u64,
        /// Missed deadlines.
        misses: u64,
        /// Restarts by the failure semantic.
        restarts: u64,
        /// Lines that did not fit into the serial ring.
        lost_lines: u64,
        /// Whether all went as the manifest expects and nothing was refused.
        ok: bool,
    },
}
