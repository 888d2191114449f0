// Shows: putting a VLAN tag in: the packet grows by 4 bytes at its front.
#include "parse.h"

struct vlan {
	__be16 tag, protocol;
};

SEC("xdp")
int vlan_push(struct xdp_md *ctx)
{
	void *data = DATA(ctx), *end = END(ctx);
	struct ethhdr *eth = data, copy;
	struct vlan *vlan;

	if ((void *)(eth + 1) > end)
		return XDP_ABORTED;
	copy = *eth;
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*vlan)))
		return XDP_ABORTED;
	data = DATA(ctx);
	end = END(ctx);
	eth = data;
	vlan = data + sizeof(*eth);
	if ((void *)(vlan + 1) > end)
		return XDP_ABORTED;
	vlan->tag = bpf_htons(42);
	vlan->protocol = copy.h_proto;
	copy.h_proto = bpf_htons(ETH_P_8021Q);
	*eth = copy;
	bpf_printk("%d bytes with its tag\n", (int)bpf_xdp_get_buff_len(ctx));
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
