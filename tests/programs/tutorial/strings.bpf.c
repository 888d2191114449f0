// Shows: comparing and making texts.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static const char expected[] = "skep 7/0x2a";

SEC("syscall")
int strings(void *ctx)
{
	static const char format[] = "skep %d/0x%llx";
	__u64 numbers[2] = { 7, 42 };
	char text[32] = {};
	long length;

	length = bpf_snprintf(text, sizeof(text), format, numbers, sizeof(numbers));
	if (length != sizeof(expected))
		return -1;
	return bpf_strncmp(text, sizeof(text), expected) == 0 ? length : -2;
}

char _license[] SEC("license") = "GPL";
