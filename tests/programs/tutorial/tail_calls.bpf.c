// Shows: tail calls: a program goes on in another one, chosen by a table, and never comes back.
#include "parse.h"

SEC("xdp")
int on_tcp(struct xdp_md *ctx)
{
	bpf_printk("TCP\n");
	return XDP_TX;
}

SEC("xdp")
int on_udp(struct xdp_md *ctx)
{
	bpf_printk("UDP\n");
	return XDP_PASS;
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 18);
	__type(key, __u32);
	__array(values, int(void *));
} by_protocol SEC(".maps") = {
	.values = { [IPPROTO_TCP] = (void *)&on_tcp, [IPPROTO_UDP] = (void *)&on_udp },
};

SEC("xdp")
int tail_calls(struct xdp_md *ctx)
{
	struct packet packet;

	if (!parse_ipv4(DATA(ctx), END(ctx), &packet))
		return XDP_PASS;
	bpf_tail_call(ctx, &by_protocol, packet.ip->protocol);
	/* Only where the table has nothing. */
	bpf_printk("no program for protocol %d\n", packet.ip->protocol);
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
