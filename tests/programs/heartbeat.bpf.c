// Shows: a periodic program. Its section says how often it is released.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct skep_event {
	__u64 now_ns;
	__u64 sequence;
	__u64 period_ns;
};

SEC("timer/20ms")
int heartbeat(struct skep_event *event)
{
	bpf_printk("beat %llu\n", event->sequence);
	return event->period_ns == 20000000 && bpf_ktime_get_ns() >= event->now_ns;
}

char _license[] SEC("license") = "GPL";
