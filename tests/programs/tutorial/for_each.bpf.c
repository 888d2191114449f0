// Shows: going over all entries of a map with a function.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

static long add(void *map, __u32 *key, __u64 *value, __u64 *sum)
{
	*sum += *key * 100 + *value;
	*value = 0;
	return 0;
}

SEC("syscall")
int for_each(void *ctx)
{
	__u64 sum = 0, value;

	for (int i = 1; i <= 3; i++) {
		__u32 key = i;

		value = i * 7;
		bpf_map_update_elem(&table, &key, &value, BPF_ANY);
	}
	if (bpf_for_each_map_elem(&table, add, &sum, 0) != 3)
		return -1;
	return sum;
}

char _license[] SEC("license") = "GPL";
