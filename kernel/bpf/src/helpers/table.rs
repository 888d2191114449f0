//! The table of helpers.

use super::signature::Argument::{
    Callback, ConstantSize, Context, Key, Map, Memory, MemoryOrNull, Number, Printed, RingMemory, Room,
    RoomOrNull, Size, SizeOrZero, SpinLock, StackOrNull, Text, Timer, Value, ValueRoom,
};
use super::signature::{Argument, Callers, Helper, Holding, Return};

const fn helper(id: u32, name: &'static str, arguments: &'static [Argument], returns: Return) -> Helper {
    let (callers, holding) = (Callers::All, Holding::Keeps);
    Helper { id, name, arguments, returns, callers, moves_packet: false, holding, changes_map: false }
}

const fn of(callers: Callers, helper: Helper) -> Helper {
    Helper { callers, ..helper }
}

const fn moving(callers: Callers, helper: Helper) -> Helper {
    Helper { callers, moves_packet: true, ..helper }
}

const fn holding(holding: Holding, helper: Helper) -> Helper {
    Helper { holding, ..helper }
}

const fn changing(helper: Helper) -> Helper {
    Helper { changes_map: true, ..helper }
}

use Callers::{Buffers, Traffic, WithContext, Xdp, XdpAndTraffic};
use Holding::{Acquires, Releases};
use Return::{Nothing, Number32, RingMemoryOrNull, ValueOrNull};

/// A number in r0.
const N: Return = Return::Number;

/// By number.
pub(super) const TABLE: &[Helper] = &[
    helper(1, "map_lookup_elem", &[Map, Key], ValueOrNull),
    changing(helper(2, "map_update_elem", &[Map, Key, Value, Number], N)),
    changing(helper(3, "map_delete_elem", &[Map, Key], N)),
    helper(5, "ktime_get_ns", &[], N),
    helper(6, "trace_printk", &[Memory, Size, Printed, Printed, Printed], N),
    helper(7, "get_prandom_u32", &[], Number32),
    helper(8, "get_smp_processor_id", &[], Number32),
    moving(Traffic, helper(9, "skb_store_bytes", &[Context, Number, Memory, Size, Number], N)),
    moving(Traffic, helper(10, "l3_csum_replace", &[Context, Number, Number, Number, Number], N)),
    moving(Traffic, helper(11, "l4_csum_replace", &[Context, Number, Number, Number, Number], N)),
    of(WithContext, helper(12, "tail_call", &[Context, Map, Number], N)),
    of(XdpAndTraffic, helper(23, "redirect", &[Number, Number], N)),
    of(WithContext, helper(25, "perf_event_output", &[Context, Map, Number, Memory, SizeOrZero], N)),
    of(Buffers, helper(26, "skb_load_bytes", &[Context, Number, Room, Size], N)),
    of(
        XdpAndTraffic,
        helper(28, "csum_diff", &[MemoryOrNull, SizeOrZero, MemoryOrNull, SizeOrZero, Number], N),
    ),
    of(Traffic, helper(34, "get_hash_recalc", &[Context], N)),
    moving(Traffic, helper(39, "skb_pull_data", &[Context, Number], N)),
    helper(42, "get_numa_node_id", &[], N),
    moving(Xdp, helper(44, "xdp_adjust_head", &[Context, Number], N)),
    of(Xdp, helper(51, "redirect_map", &[Map, Number, Number], N)),
    moving(Xdp, helper(54, "xdp_adjust_meta", &[Context, Number], N)),
    moving(Xdp, helper(65, "xdp_adjust_tail", &[Context, Number], N)),
    of(Buffers, helper(68, "skb_load_bytes_relative", &[Context, Number, Room, Size, Number], N)),
    // The parameters are read and written.
    of(XdpAndTraffic, helper(69, "fib_lookup", &[Context, Memory, Size, Number], N)),
    changing(helper(87, "map_push_elem", &[Map, Value, Number], N)),
    changing(helper(88, "map_pop_elem", &[Map, ValueRoom], N)),
    helper(89, "map_peek_elem", &[Map, ValueRoom], N),
    helper(93, "spin_lock", &[SpinLock], Nothing),
    helper(94, "spin_unlock", &[SpinLock], Nothing),
    helper(118, "jiffies64", &[], N),
    helper(125, "ktime_get_boot_ns", &[], N),
    helper(130, "ringbuf_output", &[Map, Memory, SizeOrZero, Number], N),
    holding(Acquires, helper(131, "ringbuf_reserve", &[Map, ConstantSize, Number], RingMemoryOrNull)),
    holding(Releases, helper(132, "ringbuf_submit", &[RingMemory, Number], Nothing)),
    holding(Releases, helper(133, "ringbuf_discard", &[RingMemory, Number], Nothing)),
    helper(134, "ringbuf_query", &[Map, Number], N),
    helper(160, "ktime_get_coarse_ns", &[], N),
    helper(164, "for_each_map_elem", &[Map, Callback, StackOrNull, Number], N),
    helper(165, "snprintf", &[RoomOrNull, SizeOrZero, Text, MemoryOrNull, SizeOrZero], N),
    helper(169, "timer_init", &[Timer, Map, Number], N),
    helper(170, "timer_set_callback", &[Timer, Callback], N),
    helper(171, "timer_start", &[Timer, Number, Number], N),
    helper(172, "timer_cancel", &[Timer], N),
    helper(177, "trace_vprintk", &[Memory, Size, MemoryOrNull, SizeOrZero], N),
    helper(181, "loop", &[Number, Callback, StackOrNull, Number], N),
    helper(182, "strncmp", &[Memory, Size, Text], N),
    of(Xdp, helper(188, "xdp_get_buff_len", &[Context], N)),
    of(Xdp, helper(189, "xdp_load_bytes", &[Context, Number, Room, Size], N)),
    of(Xdp, helper(190, "xdp_store_bytes", &[Context, Number, Memory, Size], N)),
    helper(195, "map_lookup_percpu_elem", &[Map, Key, Number], ValueOrNull),
    helper(208, "ktime_get_tai_ns", &[], N),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helpers::names::name;

    #[test]
    fn helpers_have_linuxs_numbers_and_names() {
        for helper in TABLE {
            assert_eq!(name(helper.id), Some(helper.name));
        }
        assert!(TABLE.is_sorted_by(|one, two| one.id < two.id));
    }

    #[test]
    fn every_argument_has_what_it_refers_to_beside_it() {
        for helper in TABLE {
            for (index, argument) in helper.arguments.iter().enumerate() {
                let before = &helper.arguments[..index];
                let name = helper.name;
                match argument {
                    Key | Value | ValueRoom => assert!(before.contains(&Map), "{name}"),
                    Size | SizeOrZero => {
                        let sized = matches!(before.last(), Some(Memory | MemoryOrNull | Room | RoomOrNull));
                        assert!(sized, "{name}");
                    }
                    Memory | MemoryOrNull | Room | RoomOrNull => {
                        assert!(matches!(helper.arguments.get(index + 1), Some(Size | SizeOrZero)), "{name}");
                    }
                    _ => {}
                }
            }
            assert!(helper.arguments.len() <= 5);
        }
    }
}
