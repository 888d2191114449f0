// Shows: maps and global variables. Both keep their values between runs; here two programs share them.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

const volatile __u32 step = 5; /* .rodata: the verifier knows its value */
__u32 total = 100;             /* .data */
__u32 calls;                   /* .bss */

static __attribute__((noinline)) __u64 count(__u32 slot)
{
	__u64 *value = bpf_map_lookup_elem(&counts, &slot);

	if (!value) /* without this check the verifier refuses the program */
		return 0;
	return __sync_fetch_and_add(value, step) + step;
}

SEC("syscall")
int count_first(void *ctx)
{
	calls++;
	total += step;
	return count(0) + total; /* 5 + 105 = 110 */
}

SEC("syscall")
int count_both(void *ctx)
{
	__u32 slot = 1;
	__u64 start = 40;

	calls++;
	bpf_map_update_elem(&counts, &slot, &start, BPF_ANY);
	return count(0) + count(1) + calls; /* 10 + 45 + 2 = 57 */
}

char _license[] SEC("license") = "GPL";
