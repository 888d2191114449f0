// Shows: taking a VLAN tag off: the Ethernet addresses are moved over it, and the packet starts 4 bytes later.
#include "parse.h"

struct vlan {
	__be16 tag, protocol;
};

SEC("xdp")
int vlan_pop(struct xdp_md *ctx)
{
	void *data = DATA(ctx), *end = END(ctx);
	struct ethhdr *eth = data, copy;
	struct vlan *vlan = data + sizeof(*eth);

	if ((void *)(vlan + 1) > end || eth->h_proto != bpf_htons(ETH_P_8021Q))
		return XDP_PASS;
	bpf_printk("VLAN %d\n", bpf_ntohs(vlan->tag) & 0xfff);
	copy = *eth;
	copy.h_proto = vlan->protocol;
	if (bpf_xdp_adjust_head(ctx, sizeof(*vlan)))
		return XDP_ABORTED;
	/* What was known of the packet is void now. */
	data = DATA(ctx);
	end = END(ctx);
	eth = data;
	if ((void *)(eth + 1) > end)
		return XDP_ABORTED;
	*eth = copy;
	return eth->h_proto == bpf_htons(ETH_P_IP) ? XDP_TX : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
