// Shows: a layer-4 load balancer with consistent hashing: each flow has its own server, found on a ring of points.
#include "parse.h"

#define POINTS 16
#define SERVERS 3

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SERVERS);
	__type(key, __u32);
	__type(value, __u64);
} chosen SEC(".maps");

/* Which server has which part of the ring: removing one moves only its own flows. */
static const volatile __u8 ring[POINTS] = { 0, 2, 1, 0, 1, 2, 2, 0, 1, 0, 2, 1, 1, 2, 0, 1 };

static __always_inline __u32 mix(__u32 hash, __u32 word)
{
	hash ^= word;
	hash *= 0x9e3779b1;
	return hash ^ hash >> 15;
}

SEC("xdp")
int l4_balancer(struct xdp_md *ctx)
{
	struct packet packet;
	struct udphdr *udp;
	__u32 hash = 7, server;
	__u64 *count;

	if (!parse_ipv4(DATA(ctx), END(ctx), &packet) || !(udp = udp_of(&packet)))
		return XDP_PASS;
	hash = mix(hash, packet.ip->saddr);
	hash = mix(hash, packet.ip->daddr);
	hash = mix(hash, udp->source << 16 | udp->dest);
	server = ring[hash & (POINTS - 1)];
	count = bpf_map_lookup_elem(&chosen, &server);
	if (!count)
		return XDP_ABORTED;
	__sync_fetch_and_add(count, 1);
	packet.eth->h_dest[5] = server;
	bpf_printk("server %d, flow %llu of it\n", server, *count);
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
