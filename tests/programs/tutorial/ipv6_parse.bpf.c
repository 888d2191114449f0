// Shows: parsing IPv6, and dropping what is not UDP.
#include "parse.h"
#include <linux/ipv6.h>

SEC("xdp")
int ipv6_parse(struct xdp_md *ctx)
{
	void *data = DATA(ctx), *end = END(ctx);
	struct ethhdr *eth = data;
	struct ipv6hdr *ip6 = data + sizeof(*eth);

	if ((void *)(ip6 + 1) > end || eth->h_proto != bpf_htons(ETH_P_IPV6))
		return XDP_ABORTED;
	if (ip6->nexthdr != IPPROTO_UDP)
		return XDP_DROP;
	bpf_printk("IPv6, %d bytes of UDP, from ...%x\n", bpf_ntohs(ip6->payload_len), ip6->saddr.s6_addr[15]);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
