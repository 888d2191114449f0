#include "bench.h"
/* A walk over type-length-value options, as in TCP and DHCP: data-dependent steps and branches. */
INL u32 work(u8 *data, u8 *end)
{
	if (data + 1024 + 64 > end)
		return 0;
	u32 at = 0, seen = 0, sum = 0;
	NOUNROLL for (u32 step = 0; step < 200; step++) {
		u8 *option = data + (at & 1023);
		u32 type = option[0], len = option[1] & 15;
		if (type < 64) {
			sum += type;
			at += 1;
			continue;
		}
		if (type & 1)
			seen |= 1u << (type & 31);
		else
			sum ^= *(u32 *)(option + 2);
		if (len < 2)
			len = 2;
		at += len;
	}
	return sum ^ seen ^ at;
}
