// Shows: a bounded loop. The verifier proves that it ends, and how many instructions it takes.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define COUNT 30

SEC("syscall")
int fibonacci(void *ctx)
{
	unsigned int previous = 0, current = 1;

	/* A barrier keeps clang from computing the result itself; the loop must really run. */
#pragma clang loop unroll(disable)
	for (int i = 1; i < COUNT; i++) {
		unsigned int next = previous + current;

		previous = current;
		current = next;
		asm volatile("" : "+r"(current));
	}
	return current; /* the 30th Fibonacci number: 832040 */
}

char _license[] SEC("license") = "GPL";
