// Shows: a traffic control classifier: it marks a packet and gives it a priority by its protocol.
#include "parse.h"

#define TC_ACT_OK 0

SEC("tc")
int tc_classify(struct __sk_buff *skb)
{
	struct packet packet;

	if (!parse_ipv4(DATA(skb), END(skb), &packet))
		return TC_ACT_OK;
	skb->mark = packet.ip->protocol;
	skb->priority = packet.ip->protocol == IPPROTO_TCP ? 1 : 2;
	bpf_printk("mark %d, priority %d, %d bytes\n", skb->mark, skb->priority, skb->len);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
