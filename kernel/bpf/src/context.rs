//! Program types and the contexts they get: const tables, one row a field.

use core::fmt;

/// What a program may do with a context field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldAccess {
    /// Load it.
    Read,
    /// Load and store it.
    ReadWrite,
}

/// What a context field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A number; loads of any aligned part of it are fine.
    Number,
    /// A number that is loaded whole.
    WholeNumber,
    /// The address of the packet's first byte. A 4-byte load yields the whole address.
    PacketStart,
    /// The address past the packet's last byte. A 4-byte load yields the whole address.
    PacketEnd,
    /// The address of the packet's metadata. A 4-byte load yields the whole address.
    PacketMeta,
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// First byte in the context.
    pub offset: u16,
    /// Bytes.
    pub size: u16,
    /// What a program may do with it.
    pub access: FieldAccess,
    /// What it holds.
    pub kind: FieldKind,
}

/// The context of a program type.
#[derive(Debug)]
pub struct Layout {
    /// Bytes of the context.
    pub size: u16,
    /// Its fields, by offset. What lies between them cannot be accessed.
    pub fields: &'static [Field],
}

impl Layout {
    /// The field that an access of `size` bytes at `offset` lies in, if one does.
    #[must_use]
    pub fn field(&self, offset: u64, size: u64) -> Option<&'static Field> {
        self.fields.iter().find(|field| {
            let start = u64::from(field.offset);
            offset >= start && size <= u64::from(field.size) && offset - start <= u64::from(field.size) - size
        })
    }
}

const fn field(offset: u16, size: u16, access: FieldAccess, kind: FieldKind) -> Field {
    Field { offset, size, access, kind }
}

use FieldAccess::{Read, ReadWrite};
use FieldKind::{Number, PacketEnd, PacketMeta, PacketStart, WholeNumber};

/// `struct xdp_md` of Linux's `uapi/linux/bpf.h`, without `egress_ifindex` (devmap programs only).
static XDP: Layout = Layout {
    size: 24,
    fields: &[
        field(0, 4, Read, PacketStart),
        field(4, 4, Read, PacketEnd),
        field(8, 4, Read, PacketMeta),
        field(12, 4, Read, WholeNumber), // ingress_ifindex
        field(16, 4, Read, WholeNumber), // rx_queue_index
    ],
};

/// `struct __sk_buff`, as socket filters see it: numbers only.
static SOCKET_FILTER: Layout = Layout {
    size: 192,
    fields: &[
        field(0, 24, Read, Number),       // len .. vlan_tci
        field(28, 20, Read, Number),      // vlan_proto .. tc_index
        field(48, 20, ReadWrite, Number), // cb[5]
        field(68, 4, Read, Number),       // hash
    ],
};

/// `struct __sk_buff`, as traffic control programs see it: with direct packet access.
static SCHED_CLS: Layout = Layout {
    size: 192,
    fields: &[
        field(0, 8, Read, Number),        // len, pkt_type
        field(8, 4, ReadWrite, Number),   // mark
        field(12, 20, Read, Number),      // queue_mapping .. vlan_proto
        field(32, 4, ReadWrite, Number),  // priority
        field(36, 8, Read, Number),       // ingress_ifindex, ifindex
        field(44, 4, ReadWrite, Number),  // tc_index
        field(48, 20, ReadWrite, Number), // cb[5]
        field(68, 4, Read, Number),       // hash
        field(72, 4, ReadWrite, Number),  // tc_classid
        field(76, 4, Read, PacketStart),
        field(80, 4, Read, PacketEnd),
    ],
};

/// Arguments of a tracepoint: eight 64-bit words.
static TRACEPOINT: Layout = Layout { size: 64, fields: &[field(0, 64, Read, Number)] };

/// `struct skep_event { u64 now_ns; u64 sequence; u64 period_ns; u64 reserved[5]; }`: what started the program.
static EVENT: Layout = Layout { size: 64, fields: &[field(0, 64, Read, Number)] };

/// `struct skep_event` as scratch memory of the program.
static SYSCALL: Layout = Layout { size: 64, fields: &[field(0, 64, ReadWrite, Number)] };

/// A program's type: what starts it, what context it gets, what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramKind {
    /// Express data path: a packet as it arrives.
    Xdp,
    /// A packet for a socket.
    SocketFilter,
    /// Traffic control classifier or action.
    SchedCls,
    /// A tracepoint of ours.
    Tracepoint,
    /// A raw tracepoint of ours.
    RawTracepoint,
    /// A timer tick.
    PerfEvent,
    /// Run once, with a scratch context.
    Syscall,
    /// A periodic program: `timer/<period>`.
    Timer {
        /// Nanoseconds; 0 if the section names none.
        period: u64,
    },
    /// A plain function: r1 is the address of so many bytes of memory and r2 their number; both are 0 without.
    Memory {
        /// Bytes.
        size: u32,
    },
}

impl ProgramKind {
    /// The type that an ELF section name stands for (libbpf's names, and `timer/<period>`), if we have it.
    #[must_use]
    pub fn of_section(section: &str) -> Option<Self> {
        let section = section.strip_prefix('?').unwrap_or(section);
        let (head, tail) = section.split_once(['/', '.']).unwrap_or((section, ""));
        Some(match head {
            "xdp" => Self::Xdp,
            "socket" => Self::SocketFilter,
            "tc" | "classifier" | "action" | "tcx" => Self::SchedCls,
            "tracepoint" | "tp" => Self::Tracepoint,
            "raw_tracepoint" | "raw_tp" => Self::RawTracepoint,
            "perf_event" => Self::PerfEvent,
            "syscall" => Self::Syscall,
            "timer" => Self::Timer { period: period(tail)? },
            "" if tail == "text" => Self::Syscall,
            _ if head.starts_with("xdp_") => Self::Xdp,
            _ if head.starts_with("socket") => Self::SocketFilter,
            _ => return None,
        })
    }

    /// The name in reports, as bpftool spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xdp => "xdp",
            Self::SocketFilter => "socket_filter",
            Self::SchedCls => "sched_cls",
            Self::Tracepoint => "tracepoint",
            Self::RawTracepoint => "raw_tracepoint",
            Self::PerfEvent => "perf_event",
            Self::Syscall => "syscall",
            Self::Timer { .. } => "timer",
            Self::Memory { .. } => "memory",
        }
    }

    /// The fields of its context. A [`Self::Memory`] program has none: its bytes are plain memory.
    #[must_use]
    pub const fn layout(self) -> &'static Layout {
        match self {
            Self::Xdp => &XDP,
            Self::SocketFilter => &SOCKET_FILTER,
            Self::SchedCls => &SCHED_CLS,
            Self::Tracepoint | Self::RawTracepoint => &TRACEPOINT,
            Self::PerfEvent | Self::Timer { .. } => &EVENT,
            Self::Syscall => &SYSCALL,
            Self::Memory { .. } => &Layout { size: 0, fields: &[] },
        }
    }

    /// Whether it is given a packet.
    #[must_use]
    pub const fn takes_packet(self) -> bool {
        matches!(self, Self::Xdp | Self::SocketFilter | Self::SchedCls)
    }
}

/// Why a section's programs cannot run: the part of Linux they need, if its name tells.
#[must_use]
pub fn missing_facility(section: &str) -> MissingFacility<'_> {
    MissingFacility(section)
}

/// See [`missing_facility`]; its text is the reason.
#[derive(Clone, Copy, Debug)]
pub struct MissingFacility<'s>(&'s str);

impl fmt::Display for MissingFacility<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = self.0.trim_start_matches('?').split(['/', '.', '+']).next().unwrap_or_default();
        let facility = match head {
            "fentry" | "fexit" | "fmod_ret" | "freplace" | "tp_btf" => "tracing of functions by their types",
            "kprobe" | "kretprobe" | "ksyscall" | "kretsyscall" => "probes in Linux's functions",
            "uprobe" | "uretprobe" | "usdt" => "probes in user programs",
            "lsm" | "lsm_cgroup" => "security hooks",
            "sockops" | "sk_msg" | "sk_skb" | "sk_lookup" | "sk_reuseport" => "sockets",
            "struct_ops" => "replaceable operations",
            "iter" => "iterators over its objects",
            "flow_dissector" | "lwt_in" | "lwt_out" | "lwt_xmit" | "lwt_seg6local" | "netfilter" => {
                "its network stack"
            }
            _ if head.starts_with("cgroup") => "control groups",
            _ => return write!(f, "section `{}` stands for a program type that is not available", self.0),
        };
        write!(f, "section `{}` needs {facility}, which is Linux's alone", self.0)
    }
}

/// `10ms`, `500us`, `1s`, `250ns` in nanoseconds; nothing is 0. `None` if it is no such time.
fn period(text: &str) -> Option<u64> {
    if text.is_empty() {
        return Some(0);
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let scale = match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(scale).filter(|&nanoseconds| nanoseconds > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_name_program_types_as_libbpf_does() {
        for (section, kind) in [
            ("xdp", Some(ProgramKind::Xdp)),
            ("xdp.frags", Some(ProgramKind::Xdp)),
            ("xdp_pass", Some(ProgramKind::Xdp)),
            ("?tc", Some(ProgramKind::SchedCls)),
            ("tracepoint/skep/boot", Some(ProgramKind::Tracepoint)),
            ("timer/10ms", Some(ProgramKind::Timer { period: 10_000_000 })),
            ("timer", Some(ProgramKind::Timer { period: 0 })),
            ("timer/0ms", None),
            ("timer/10parsecs", None),
            ("timer/99999999999999999999s", None),
            (".text", Some(ProgramKind::Syscall)),
            ("kprobe/do_exit", None),
            ("", None),
        ] {
            assert_eq!(ProgramKind::of_section(section), kind, "{section}");
        }
    }

    #[test]
    fn fields_lie_inside_their_context_and_do_not_overlap() {
        for layout in [&XDP, &SOCKET_FILTER, &SCHED_CLS, &TRACEPOINT, &EVENT, &SYSCALL] {
            let mut end = 0;
            for field in layout.fields {
                assert!(field.offset >= end, "{field:?}");
                end = field.offset + field.size;
            }
            assert!(end <= layout.size);
        }
    }

    #[test]
    fn an_access_must_lie_in_one_field() {
        assert!(XDP.field(0, 4).is_some());
        assert!(XDP.field(2, 4).is_none());
        assert!(XDP.field(20, 4).is_none());
        assert!(XDP.field(u64::MAX, 4).is_none());
    }
}
