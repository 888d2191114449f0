// Shows: asking the host for a route. This host is no router, and says so.
#include "parse.h"

#define FAMILY_IPV4 2

SEC("xdp")
int route_lookup(struct xdp_md *ctx)
{
	struct bpf_fib_lookup route = {};
	struct packet packet;
	long result;

	if (!parse_ipv4(DATA(ctx), END(ctx), &packet))
		return XDP_PASS;
	route.family = FAMILY_IPV4;
	route.tos = packet.ip->tos;
	route.l4_protocol = packet.ip->protocol;
	route.tot_len = bpf_ntohs(packet.ip->tot_len);
	route.ipv4_src = packet.ip->saddr;
	route.ipv4_dst = packet.ip->daddr;
	route.ifindex = ctx->ingress_ifindex;
	result = bpf_fib_lookup(ctx, &route, sizeof(route), 0);
	bpf_printk("fib_lookup: %ld\n", result);
	return result == BPF_FIB_LKUP_RET_FWD_DISABLED ? XDP_PASS : XDP_ABORTED;
}

char _license[] SEC("license") = "GPL";
