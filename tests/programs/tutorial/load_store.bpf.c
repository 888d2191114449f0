// Shows: reading and writing a packet by copies, without pointers into it.
#include "parse.h"

SEC("xdp")
int load_store(struct xdp_md *ctx)
{
	struct iphdr ip;
	__u8 tos = 0xb8;

	if (bpf_xdp_load_bytes(ctx, sizeof(struct ethhdr), &ip, sizeof(ip)))
		return XDP_ABORTED;
	if (ip.version != 4)
		return XDP_PASS;
	if (bpf_xdp_store_bytes(ctx, sizeof(struct ethhdr) + 1, &tos, 1))
		return XDP_ABORTED;
	if (bpf_xdp_load_bytes(ctx, sizeof(struct ethhdr), &ip, sizeof(ip)))
		return XDP_ABORTED;
	bpf_printk("protocol %d, class %x\n", ip.protocol, ip.tos);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
