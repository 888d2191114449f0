// Shows: following connections in a table that forgets the oldest: an answer is passed only to who asked.
#include "parse.h"

struct flow {
	__be32 source, target;
	__be16 source_port, target_port;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16);
	__type(key, struct flow);
	__type(value, __u32);
} flows SEC(".maps");

SEC("xdp")
int lru_conntrack(struct xdp_md *ctx)
{
	struct packet packet;
	struct flow flow, back;
	struct tcphdr *tcp;
	__u32 one = 1, *count;

	if (!parse_ipv4(DATA(ctx), END(ctx), &packet) || !(tcp = tcp_of(&packet)))
		return XDP_PASS;
	flow = (struct flow){ packet.ip->saddr, packet.ip->daddr, tcp->source, tcp->dest };
	back = (struct flow){ packet.ip->daddr, packet.ip->saddr, tcp->dest, tcp->source };
	count = bpf_map_lookup_elem(&flows, &flow);
	if (!count)
		count = bpf_map_lookup_elem(&flows, &back);
	if (count) {
		*count += 1;
		bpf_printk("packet %d of its connection\n", *count);
		return XDP_PASS;
	}
	if (!tcp->syn || tcp->ack)
		return XDP_DROP;
	bpf_printk("a connection to port %d\n", bpf_ntohs(tcp->dest));
	return bpf_map_update_elem(&flows, &flow, &one, BPF_ANY) ? XDP_ABORTED : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
