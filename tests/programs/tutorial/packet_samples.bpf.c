// Shows: sending the first bytes of each packet out as a perf event, as packet sniffers do.
#include "parse.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} samples SEC(".maps");

struct header {
	__u16 cookie, bytes;
};

SEC("xdp")
int packet_samples(struct xdp_md *ctx)
{
	struct header header = { 0xdead, bpf_xdp_get_buff_len(ctx) };
	__u64 length = 34;

	if (bpf_perf_event_output(ctx, &samples, BPF_F_CURRENT_CPU | length << 32, &header, sizeof(header)))
		return XDP_ABORTED;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
