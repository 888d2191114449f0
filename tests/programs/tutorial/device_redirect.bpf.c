// Shows: sending packets out of another device, or passing them where the map has none (as here, at first).
#include "parse.h"

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} devices SEC(".maps");

SEC("xdp")
int device_redirect(struct xdp_md *ctx)
{
	return bpf_redirect_map(&devices, ctx->rx_queue_index, XDP_PASS);
}

char _license[] SEC("license") = "GPL";
