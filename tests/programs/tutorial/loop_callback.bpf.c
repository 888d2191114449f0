// Shows: a loop that the kernel turns, which costs the verifier one look at its body.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct sums {
	__u64 sum, squares;
};

static long add(__u32 i, struct sums *sums)
{
	sums->sum += i;
	sums->squares += i * i;
	return i == 99;
}

SEC("syscall")
int loop_callback(void *ctx)
{
	struct sums sums = {};
	long turns = bpf_loop(1000, add, &sums, 0);

	bpf_printk("%ld turns, %llu, %llu\n", turns, sums.sum, sums.squares);
	return sums.sum;
}

char _license[] SEC("license") = "GPL";
