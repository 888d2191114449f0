// Shows: global variables: constants the program is proven with, data that starts with a value, and zeros.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 limit = 3;
static __u64 total = 100;
static __u64 history[4];

SEC("syscall")
int configuration(void *ctx)
{
	__u32 i;

	for (i = 0; i < 4 && i < limit; i++) {
		history[i] += i + 1;
		total += history[i];
	}
	return total;
}

char _license[] SEC("license") = "GPL";
