// Shows: a socket filter: it returns how much of a packet its socket gets, here the first 64 bytes of UDP to port 53.
#include "parse.h"

SEC("socket")
int socket_filter(struct __sk_buff *skb)
{
	__be16 port;
	__u8 protocol;

	if (skb->protocol != bpf_htons(ETH_P_IP))
		return 0;
	if (bpf_skb_load_bytes(skb, sizeof(struct ethhdr) + 9, &protocol, 1) || protocol != IPPROTO_UDP)
		return 0;
	if (bpf_skb_load_bytes_relative(skb, sizeof(struct iphdr) + 2, &port, 2, BPF_HDR_START_NET))
		return 0;
	return port == bpf_htons(53) ? 64 : 0;
}

char _license[] SEC("license") = "GPL";
