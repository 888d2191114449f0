//! What a helper takes and leaves, as Linux's `struct bpf_func_proto` has it. The verifier checks calls against
//! this; engines only need the number.

use crate::context::ProgramKind;

/// What a helper expects in an argument register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// The handle of a map. A key or value argument after it is of this map.
    Map,
    /// The address of a key of the map: initialised, readable.
    Key,
    /// The address of a value of the map: initialised, readable.
    Value,
    /// The address of room for a value of the map, which the helper writes.
    ValueRoom,
    /// The address of readable memory whose size is the next argument.
    Memory,
    /// As [`Self::Memory`], or null with size 0.
    MemoryOrNull,
    /// The address of memory that the helper writes, whose size is the next argument.
    Room,
    /// As [`Self::Room`], or null with size 0.
    RoomOrNull,
    /// The size of the memory argument before: a number of at least 1.
    Size,
    /// The size of the memory argument before; it may be 0.
    SizeOrZero,
    /// The size of the memory that the helper returns: a constant.
    ConstantSize,
    /// The address of memory that [`Return::RingMemoryOrNull`] was, which must not be used afterwards.
    RingMemory,
    /// The address of the context as the program got it.
    Context,
    /// The address of a function of the program.
    Callback,
    /// The address of memory on the stack for a callback, or null.
    StackOrNull,
    /// The address of a `struct bpf_spin_lock` in a map's value.
    SpinLock,
    /// The address of a `struct bpf_timer` in a map's value.
    Timer,
    /// The address of a text with a NUL in read-only data.
    Text,
    /// Any number.
    Number,
    /// What a format string prints: nothing or a number, as the string says.
    Printed,
}

/// What a helper leaves in r0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// Nothing that may be read.
    Nothing,
    /// A number.
    Number,
    /// A 32-bit number.
    Number32,
    /// The address of a value of the map argument, or null. Of a map of maps: the handle of a map, or null.
    ValueOrNull,
    /// The address of as many bytes as the [`Argument::ConstantSize`] says, or null. Who gets it must give it
    /// back.
    RingMemoryOrNull,
}

/// What a helper does to what must be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// Nothing.
    Keeps,
    /// What it returns must be given back before the program ends.
    Acquires,
    /// It takes back what its argument is.
    Releases,
}

/// Which programs may call a helper (the sets of Linux's `net/core/filter.c` and `kernel/bpf/helpers.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers {
    /// All.
    All,
    /// Those of type xdp.
    Xdp,
    /// Those of type xdp and of traffic control.
    XdpAndTraffic,
    /// Those of traffic control.
    Traffic,
    /// Those of traffic control and of sockets.
    Buffers,
    /// All but plain functions: they have a context.
    WithContext,
}

impl Callers {
    /// Whether a program of type `kind` is one.
    #[must_use]
    pub const fn include(self, kind: ProgramKind) -> bool {
        let (xdp, traffic) = (matches!(kind, ProgramKind::Xdp), matches!(kind, ProgramKind::SchedCls));
        match self {
            Self::All => true,
            Self::Xdp => xdp,
            Self::XdpAndTraffic => xdp || traffic,
            Self::Traffic => traffic,
            Self::Buffers => traffic || matches!(kind, ProgramKind::SocketFilter),
            Self::WithContext => !matches!(kind, ProgramKind::Memory { .. }),
        }
    }

    /// What to call them in a message.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Xdp => "xdp",
            Self::XdpAndTraffic => "xdp and tc",
            Self::Traffic => "tc",
            Self::Buffers => "tc and socket",
            Self::WithContext => "those with a context",
        }
    }
}

/// One helper's signature.
#[derive(Clone, Copy, Debug)]
pub struct Helper {
    /// Linux's number (`BPF_FUNC_*`).
    pub id: u32,
    /// Its name without `bpf_`.
    pub name: &'static str,
    /// r1, r2, … as far as it takes any.
    pub arguments: &'static [Argument],
    /// r0.
    pub returns: Return,
    /// Who may call it.
    pub callers: Callers,
    /// It may move the packet: pointers into it are of no use afterwards.
    pub moves_packet: bool,
    /// What must be given back.
    pub holding: Holding,
    /// It changes the map it is given: none does that to a map that programs only read.
    pub changes_map: bool,
}
