// Shows: writing a record where it will be read, in a ring buffer: reserved, filled, submitted or given up.
#include "parse.h"

struct event {
	__u64 sequence;
	__u32 bytes;
	__u32 protocol;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 512);
} ring SEC(".maps");

static __u64 sequence;

SEC("xdp")
int ring_reserve(struct xdp_md *ctx)
{
	struct packet packet;
	struct event *event;

	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event)
		return XDP_ABORTED;
	event->sequence = ++sequence;
	event->bytes = bpf_xdp_get_buff_len(ctx);
	if (!parse_ipv4(DATA(ctx), END(ctx), &packet)) {
		bpf_ringbuf_discard(event, 0);
		return XDP_PASS;
	}
	event->protocol = packet.ip->protocol;
	bpf_ringbuf_submit(event, 0);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
