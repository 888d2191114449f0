// Shows: cutting a packet off at the end its IP header says.
#include "parse.h"

SEC("xdp")
int tail_trim(struct xdp_md *ctx)
{
	struct packet packet;
	int length, wanted;

	if (!parse_ipv4(DATA(ctx), END(ctx), &packet))
		return XDP_PASS;
	length = bpf_xdp_get_buff_len(ctx);
	wanted = sizeof(struct ethhdr) + bpf_ntohs(packet.ip->tot_len);
	if (wanted < length && bpf_xdp_adjust_tail(ctx, wanted - length))
		return XDP_ABORTED;
	bpf_printk("%d bytes of %d\n", (int)bpf_xdp_get_buff_len(ctx), length);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
