// Shows: a Bloom filter: whether a source was seen before, in few bits.
#include "parse.h"

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 64);
	__uint(value_size, 4);
	__uint(map_extra, 3);
} seen SEC(".maps");

SEC("xdp")
int bloom_seen(struct xdp_md *ctx)
{
	struct packet packet;
	__be32 source;

	if (!parse_ipv4(DATA(ctx), END(ctx), &packet))
		return XDP_PASS;
	source = packet.ip->saddr;
	if (bpf_map_peek_elem(&seen, &source) == 0) {
		bpf_printk("seen before\n");
		return XDP_PASS;
	}
	bpf_printk("new\n");
	return bpf_map_push_elem(&seen, &source, 0) ? XDP_ABORTED : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
