#include "bench.h"
/* 128 binary searches in 64 sorted words. */
INL u32 work(u8 *data, u8 *end)
{
	if (data + 1400 > end)
		return 0;
	u8 *sorted = data + 1088;
	NOUNROLL for (u32 i = 0; i < 64; i++)
		*(u32 *)(sorted + 4 * i) = i * 0x03f00000 + 7;
	u32 found = 0;
	NOUNROLL for (u32 i = 0; i < 128; i++) {
		u32 key = *(u32 *)(data + 4 * i), low = 0;
		NOUNROLL for (u32 half = 32; half > 0; half >>= 1) {
			if (*(u32 *)(sorted + 4 * ((low + half) & 63)) <= key)
				low += half;
		}
		found = found * 3 + low;
	}
	return found;
}
