// Shows: answering a ping: addresses exchanged, type changed, checksum adjusted by what changed.
#include "parse.h"
#include <linux/icmp.h>

SEC("xdp")
int icmp_echo(struct xdp_md *ctx)
{
	struct packet packet;
	struct icmphdr *icmp;
	__u8 mac[ETH_ALEN];
	__be32 address;
	__u32 old, new;

	if (!parse_ipv4(DATA(ctx), END(ctx), &packet) || packet.ip->protocol != IPPROTO_ICMP)
		return XDP_PASS;
	icmp = packet.l4;
	if ((void *)(icmp + 1) > packet.end || icmp->type != ICMP_ECHO)
		return XDP_PASS;
	__builtin_memcpy(mac, packet.eth->h_source, ETH_ALEN);
	__builtin_memcpy(packet.eth->h_source, packet.eth->h_dest, ETH_ALEN);
	__builtin_memcpy(packet.eth->h_dest, mac, ETH_ALEN);
	address = packet.ip->saddr;
	packet.ip->saddr = packet.ip->daddr;
	packet.ip->daddr = address;
	/* The first word of the header holds type and code; the checksum in it counts as 0. */
	old = icmp->type | icmp->code << 8;
	icmp->type = ICMP_ECHOREPLY;
	new = icmp->type | icmp->code << 8;
	icmp->checksum = ~fold(bpf_csum_diff(&old, 4, &new, 4, (__u16)~icmp->checksum));
	bpf_printk("echo reply %d, checksum %x\n", bpf_ntohs(icmp->un.echo.sequence), bpf_ntohs(icmp->checksum));
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
