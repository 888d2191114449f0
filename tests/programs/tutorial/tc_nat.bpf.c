// Shows: changing an address with the helpers for checksums: the target becomes 10.9.9.9.
#include "parse.h"
#include <stddef.h>

#define TC_ACT_OK 0
#define TC_ACT_SHOT 2
#define IP_OFFSET sizeof(struct ethhdr)
#define UDP_OFFSET (IP_OFFSET + sizeof(struct iphdr))

SEC("tc")
int tc_nat(struct __sk_buff *skb)
{
	struct packet packet;
	__be32 old, new = bpf_htonl(0x0a090909);
	__u16 sums[2];

	if (!parse_ipv4(DATA(skb), END(skb), &packet) || packet.ip->protocol != IPPROTO_UDP)
		return TC_ACT_OK;
	old = packet.ip->daddr;
	if (bpf_l4_csum_replace(skb, UDP_OFFSET + offsetof(struct udphdr, check), old, new,
				BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 | sizeof(new)))
		return TC_ACT_SHOT;
	if (bpf_l3_csum_replace(skb, IP_OFFSET + offsetof(struct iphdr, check), old, new, sizeof(new)))
		return TC_ACT_SHOT;
	if (bpf_skb_store_bytes(skb, IP_OFFSET + offsetof(struct iphdr, daddr), &new, sizeof(new), 0))
		return TC_ACT_SHOT;
	if (bpf_skb_load_bytes(skb, IP_OFFSET + offsetof(struct iphdr, check), &sums[0], 2) ||
	    bpf_skb_load_bytes(skb, UDP_OFFSET + offsetof(struct udphdr, check), &sums[1], 2))
		return TC_ACT_SHOT;
	bpf_printk("checksums %x and %x\n", bpf_ntohs(sums[0]), bpf_ntohs(sums[1]));
	return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
