// Shows: limiting a rate: a bucket of 3 tokens that gets one a second. Of four packets at once, the last is dropped.
#include "parse.h"

struct bucket {
	__u64 tokens, filled_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bucket);
} buckets SEC(".maps");

#define CAPACITY 3
#define NS_PER_TOKEN 1000000000ULL

SEC("xdp")
int token_bucket(struct xdp_md *ctx)
{
	struct bucket *bucket;
	__u64 now = bpf_ktime_get_ns(), earned;
	__u32 key = 0;

	bucket = bpf_map_lookup_elem(&buckets, &key);
	if (!bucket)
		return XDP_ABORTED;
	if (!bucket->filled_ns) {
		bucket->tokens = CAPACITY;
		bucket->filled_ns = now;
	}
	earned = (now - bucket->filled_ns) / NS_PER_TOKEN;
	if (earned) {
		bucket->tokens = bucket->tokens + earned > CAPACITY ? CAPACITY : bucket->tokens + earned;
		bucket->filled_ns += earned * NS_PER_TOKEN;
	}
	if (!bucket->tokens) {
		bpf_printk("over the limit\n");
		return XDP_PASS;
	}
	bucket->tokens--;
	bpf_printk("%llu tokens left\n", bucket->tokens);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
