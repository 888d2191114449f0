// Shows: telling the outside what happened through a ring buffer: each record is in the report.
#include "parse.h"

struct event {
	__be32 source;
	__be16 port;
	__u16 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024);
} events SEC(".maps");

SEC("xdp")
int ring_events(struct xdp_md *ctx)
{
	struct packet packet;
	struct udphdr *udp;
	struct event event;

	if (!parse_ipv4(DATA(ctx), END(ctx), &packet) || !(udp = udp_of(&packet)))
		return XDP_PASS;
	event.source = packet.ip->saddr;
	event.port = udp->source;
	event.bytes = bpf_xdp_get_buff_len(ctx);
	if (bpf_ringbuf_output(&events, &event, sizeof(event), 0))
		return XDP_ABORTED;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
