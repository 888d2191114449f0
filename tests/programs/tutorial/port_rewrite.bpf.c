// Shows: rewriting a packet in place: UDP port 53 becomes 5353, and the checksum follows (RFC 1624).
#include "parse.h"

SEC("xdp")
int port_rewrite(struct xdp_md *ctx)
{
	struct packet packet;
	struct udphdr *udp;
	__u32 sum;

	if (!parse_ipv4(DATA(ctx), END(ctx), &packet) || !(udp = udp_of(&packet)))
		return XDP_PASS;
	if (udp->dest != bpf_htons(53))
		return XDP_PASS;
	sum = (__u16)~udp->check;
	sum += (__u16)~udp->dest;
	udp->dest = bpf_htons(5353);
	sum += udp->dest;
	udp->check = ~fold(sum);
	bpf_printk("to port %d, checksum %x\n", bpf_ntohs(udp->dest), bpf_ntohs(udp->check));
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
