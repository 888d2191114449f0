// Shows: a rejection. Nothing bounds this loop, so nobody can say when the program ends.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("syscall")
int reject_loop(void *ctx)
{
	while (bpf_get_prandom_u32() != 7)
		;
	return 0;
}

char _license[] SEC("license") = "GPL";
