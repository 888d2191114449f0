// Shows: an array of maps: which table is used is itself data.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct table {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} day SEC(".maps"), night SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, __u32);
	__array(values, struct table);
} tables SEC(".maps") = {
	.values = { [0] = &day, [2] = &night },
};

static __always_inline __u64 add(__u32 which, __u64 amount)
{
	__u32 key = 1;
	void *table = bpf_map_lookup_elem(&tables, &which);
	__u64 *value;

	if (!table)
		return 1000;
	value = bpf_map_lookup_elem(table, &key);
	if (!value)
		return 2000;
	*value = amount;
	return 0;
}

SEC("syscall")
int maps_in_map(void *ctx)
{
	__u32 key = 1;
	__u64 errors, *value;

	errors = add(0, 5) + add(2, 70) + add(1, 9);
	value = bpf_map_lookup_elem(&night, &key);
	return value ? errors + *value : -1;
}

char _license[] SEC("license") = "GPL";
