// Shows: a routing table: the longest prefix wins. The program fills its own table.
#include "parse.h"

struct key {
	__u32 bits;
	__u8 prefix[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 8);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct key);
	__type(value, __u32);
} routes SEC(".maps");

static __always_inline void add(__u32 bits, __u8 a, __u8 b, __u8 c, __u8 d, __u32 hop)
{
	struct key key = { bits, { a, b, c, d } };

	bpf_map_update_elem(&routes, &key, &hop, BPF_NOEXIST);
}

SEC("xdp")
int lpm_route(struct xdp_md *ctx)
{
	struct packet packet;
	struct key key;
	__u32 *hop;

	add(0, 0, 0, 0, 0, 1);
	add(16, 192, 168, 0, 0, 2);
	add(24, 192, 168, 7, 0, 3);
	add(32, 192, 168, 7, 1, 4);
	if (!parse_ipv4(DATA(ctx), END(ctx), &packet))
		return XDP_PASS;
	key.bits = 32;
	__builtin_memcpy(key.prefix, &packet.ip->daddr, 4);
	hop = bpf_map_lookup_elem(&routes, &key);
	if (!hop)
		return XDP_DROP;
	bpf_printk("next hop %d\n", *hop);
	return *hop == 3 ? XDP_TX : XDP_ABORTED;
}

char _license[] SEC("license") = "GPL";
