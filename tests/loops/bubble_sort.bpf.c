// Sorts 60 numbers on the stack: two loops inside each other whose body moves what they compare.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define COUNT 60

SEC("syscall")
int bubble_sort(void *ctx)
{
	volatile __u64 numbers[COUNT];
	__u32 seed = 12345;

	for (__u32 i = 0; i < COUNT; i++) {
		seed = seed * 1103515245 + 12345;
		numbers[i] = seed >> 16;
	}
	for (__u32 i = 0; i < COUNT - 1; i++) {
		for (__u32 j = 0; j < COUNT - 1 - i; j++) {
			if (numbers[j] > numbers[j + 1]) {
				__u64 larger = numbers[j];

				numbers[j] = numbers[j + 1];
				numbers[j + 1] = larger;
			}
		}
	}
	for (__u32 i = 0; i < COUNT - 1; i++)
		if (numbers[i] > numbers[i + 1])
			return 1;
	return 0;
}
