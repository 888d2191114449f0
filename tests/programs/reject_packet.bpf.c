// Shows: a rejection. The packet may be shorter than 14 bytes, and this program does not check for it.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int reject_packet(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;

	return data[13] == 0 ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
