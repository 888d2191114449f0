// Shows: what a router does to each packet: the time to live goes down by one, and the header's checksum with it.
#include "parse.h"

SEC("xdp")
int ttl_route(struct xdp_md *ctx)
{
	struct packet packet;
	__u32 sum;

	if (!parse_ipv4(DATA(ctx), END(ctx), &packet))
		return XDP_PASS;
	if (packet.ip->ttl <= 1)
		return XDP_DROP;
	packet.ip->ttl--;
	sum = packet.ip->check + bpf_htons(0x0100);
	packet.ip->check = sum + (sum >= 0xffff);
	bpf_printk("ttl %d, checksum %x\n", packet.ip->ttl, bpf_ntohs(packet.ip->check));
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
