#include "bench.h"
/* How often each of 32 classes of bytes occurs, and the largest count: counters in memory. */
INL u32 work(u8 *data, u8 *end)
{
	if (data + 1200 > end)
		return 0;
	u8 *counts = data + 1040;
	NOUNROLL for (u32 i = 0; i < 32; i++)
		*(u32 *)(counts + 4 * i) = 0;
	NOUNROLL for (u32 i = 0; i < 1024; i++)
		*(u32 *)(counts + 4 * (data[i] >> 3)) += 1;
	u32 most = 0, which = 0;
	NOUNROLL for (u32 i = 0; i < 32; i++) {
		u32 count = *(u32 *)(counts + 4 * i);
		if (count > most) {
			most = count;
			which = i;
		}
	}
	return most << 8 | which;
}
