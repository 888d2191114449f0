// Shows: the smallest program, and how to print. bpf_printk lines appear on the serial console.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("syscall")
int hello(void *ctx)
{
	bpf_printk("Hello from eBPF, on processor %d\n", bpf_get_smp_processor_id());
	return 0;
}

char _license[] SEC("license") = "GPL";
