// Looks for eight kinds of bytes in a packet of up to 1500 bytes: 8 ways for each byte.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define MOST 1500

SEC("xdp")
int byte_search(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end;
	__u32 zeros = 0, spaces = 0, digits = 0, letters = 0, high = 0, last = 0, runs = 0, others = 0;

	for (__u32 i = 0; i < MOST; i++) {
		if (data + i + 1 > end)
			break;
		__u8 byte = data[i];

		if (byte == 0)
			zeros++;
		else if (byte == ' ')
			spaces += 2;
		else if (byte >= '0' && byte <= '9')
			digits += byte - '0';
		else if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z')
			letters ^= byte << (i & 7);
		else if (byte & 0x80)
			high = high * 31 + byte;
		else if (byte == last)
			runs++;
		else if (byte < ' ')
			others -= byte;
		else
			others += i;
		last = byte;
	}
	return (zeros + spaces + digits + letters + high + runs + others) & 3;
}
