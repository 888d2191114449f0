// Shows: a histogram by powers of two, as tracing tools print it, of the lengths of packets.
#include "parse.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 12);
	__type(key, __u32);
	__type(value, __u64);
} lengths SEC(".maps");

static __always_inline __u32 log2(__u32 value)
{
	__u32 result = 0;

	for (int i = 0; i < 11; i++)
		result += value >> (i + 1) != 0;
	return result;
}

SEC("xdp")
int histogram(struct xdp_md *ctx)
{
	__u32 slot = log2(bpf_xdp_get_buff_len(ctx));
	__u64 *count = bpf_map_lookup_elem(&lengths, &slot);

	if (!count)
		return XDP_ABORTED;
	*count += 1;
	bpf_printk("%d to %d bytes: %llu\n", 1 << slot, (2 << slot) - 1, *count);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
