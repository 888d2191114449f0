/* What the packet programs here share: headers behind each other, each shown to lie in front of data_end. */
#ifndef PARSE_H
#define PARSE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct packet {
	void *data, *end;
	struct ethhdr *eth;
	struct iphdr *ip;
	void *l4;
};

/* The IPv4 header of a packet without options; 0 if it has none. */
static __always_inline int parse_ipv4(void *data, void *end, struct packet *packet)
{
	packet->data = data;
	packet->end = end;
	packet->eth = data;
	packet->ip = data + sizeof(struct ethhdr);
	packet->l4 = packet->ip + 1;
	if (packet->l4 > end || packet->eth->h_proto != bpf_htons(ETH_P_IP) || packet->ip->ihl != 5)
		return 0;
	return 1;
}

static __always_inline struct udphdr *udp_of(struct packet *packet)
{
	struct udphdr *udp = packet->l4;

	if (packet->ip->protocol != IPPROTO_UDP || (void *)(udp + 1) > packet->end)
		return 0;
	return udp;
}

static __always_inline struct tcphdr *tcp_of(struct packet *packet)
{
	struct tcphdr *tcp = packet->l4;

	if (packet->ip->protocol != IPPROTO_TCP || (void *)(tcp + 1) > packet->end)
		return 0;
	return tcp;
}

/* A sum of 16-bit words with its carries added back in. */
static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

#define DATA(ctx) ((void *)(long)(ctx)->data)
#define END(ctx) ((void *)(long)(ctx)->data_end)

#endif
