#include "bench.h"
/* Occurrences of a short pattern in 1000 bytes of four letters, the plain way. */
INL u32 work(u8 *data, u8 *end)
{
	if (data + 1024 > end)
		return 0;
	u32 hits = 0, last = 0;
	NOUNROLL for (u32 i = 0; i < 1000; i++) {
		if ((data[i] & 3) != 1)
			continue;
		if ((data[i + 1] & 3) != 2)
			continue;
		if ((data[i + 2] & 3) == 3 || (data[i + 3] & 3) == 0) {
			hits++;
			last = i;
		}
	}
	return hits << 16 | last;
}
