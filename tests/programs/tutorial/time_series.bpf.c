// Shows: Skep's own map of samples: the mean of what a sensor said lately. Not in Linux.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define BPF_MAP_TYPE_TIMESERIES 0x8001
enum { NEWEST, SMALLEST, LARGEST, MEAN, COUNT };

struct {
	__uint(type, BPF_MAP_TYPE_TIMESERIES);
	__uint(max_entries, 8);
	__uint(map_extra, 60000); /* the window, in milliseconds */
	__type(key, __u32);
	__type(value, __s64);
} level SEC(".maps");

static __always_inline __s64 figure(__u32 which)
{
	__s64 *value = bpf_map_lookup_elem(&level, &which);

	return value ? *value : -1;
}

SEC("timer/10ms")
int time_series(void *ctx)
{
	__u64 sequence = ((__u64 *)ctx)[1];
	__s64 sample = 20 + (sequence & 3);
	__u32 newest = NEWEST;

	if (bpf_map_update_elem(&level, &newest, &sample, BPF_ANY))
		return -1;
	if (figure(SMALLEST) < 20 || figure(LARGEST) > 23 || figure(COUNT) < 1)
		return -2;
	return (__u64)figure(MEAN) / 20;
}

char _license[] SEC("license") = "GPL";
