// Counts the primes below 504 with a sieve on the stack: the step of the inner loop is the counter of the outer.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define LIMIT 504

SEC("syscall")
int sieve_stack(void *ctx)
{
	volatile __u8 composite[LIMIT];
	__u32 primes = 0;

	for (__u32 i = 0; i < LIMIT; i++)
		composite[i] = 0;
	for (__u32 i = 2; i * i < LIMIT; i++)
		if (!composite[i])
			for (__u32 j = i * i; j < LIMIT; j += i)
				composite[j] = 1;
	for (__u32 i = 2; i < LIMIT; i++)
		primes += !composite[i];
	return primes;
}
