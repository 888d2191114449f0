// Shows: counting without a lock: a value a processor.
#include "parse.h"

struct traffic {
	__u64 packets, bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traffic);
} traffic SEC(".maps");

SEC("xdp")
int percpu_counters(struct xdp_md *ctx)
{
	struct traffic *own, *again;
	__u32 key = 0;

	own = bpf_map_lookup_elem(&traffic, &key);
	if (!own)
		return XDP_ABORTED;
	own->packets++;
	own->bytes += END(ctx) - DATA(ctx);
	again = bpf_map_lookup_percpu_elem(&traffic, &key, bpf_get_smp_processor_id());
	if (!again)
		return XDP_ABORTED;
	bpf_printk("%llu packets, %llu bytes\n", again->packets, again->bytes);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
