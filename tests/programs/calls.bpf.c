// Shows: BPF-to-BPF calls. A function has its own 512 bytes of stack and keeps its caller's r6 to r9.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __attribute__((noinline)) unsigned int square(unsigned int x)
{
	return x * x;
}

static __attribute__((noinline)) unsigned int sum_of_squares(const unsigned int *numbers, int count)
{
	unsigned int sum = 0;

	for (int i = 0; i < 4; i++)
		if (i < count)
			sum += square(numbers[i]);
	return sum;
}

SEC("syscall")
int calls(void *ctx)
{
	unsigned int numbers[4] = { 1, 2, 3, 4 };

	asm volatile("" : : "r"(numbers) : "memory");
	return sum_of_squares(numbers, 4); /* 1 + 4 + 9 + 16 = 30 */
}

char _license[] SEC("license") = "GPL";
