// Shows: a hash table as a set: addresses that are dropped.
#include "parse.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __be32);
	__type(value, __u64);
} blocked SEC(".maps");

SEC("xdp")
int blocklist(struct xdp_md *ctx)
{
	struct packet packet;
	__be32 bad = bpf_htonl(0x0a000002);
	__u64 none = 0, *hits;

	bpf_map_update_elem(&blocked, &bad, &none, BPF_NOEXIST);
	if (!parse_ipv4(DATA(ctx), END(ctx), &packet))
		return XDP_PASS;
	hits = bpf_map_lookup_elem(&blocked, &packet.ip->saddr);
	if (!hits)
		return XDP_PASS;
	*hits += 1;
	bpf_printk("blocked, %llu times\n", *hits);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
