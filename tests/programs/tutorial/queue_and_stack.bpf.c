// Shows: maps without keys: what goes into a queue first comes out first, of a stack last.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 4);
	__type(value, __u32);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 4);
	__type(value, __u32);
} stack SEC(".maps");

SEC("syscall")
int queue_and_stack(void *ctx)
{
	__u32 value, sum = 0;

	for (int i = 1; i <= 4; i++) {
		value = i;
		bpf_map_push_elem(&queue, &value, BPF_ANY);
		bpf_map_push_elem(&stack, &value, BPF_ANY);
	}
	/* Both are full: the queue loses its oldest, 1, and takes 5. */
	value = 5;
	if (bpf_map_push_elem(&stack, &value, BPF_ANY) == 0 || bpf_map_push_elem(&queue, &value, BPF_EXIST))
		return -1;
	if (bpf_map_pop_elem(&queue, &value))
		return -2;
	sum += value;
	if (bpf_map_pop_elem(&stack, &value))
		return -3;
	sum += 10 * value;
	if (bpf_map_peek_elem(&queue, &value))
		return -4;
	sum += 100 * value;
	/* Empty both for the next run. */
	for (int i = 0; i < 4; i++) {
		bpf_map_pop_elem(&queue, &value);
		bpf_map_pop_elem(&stack, &value);
	}
	return sum;
}

char _license[] SEC("license") = "GPL";
