#include "bench.h"
/* Selection sort of 24 words: nested loops, compares, loads and stores. */
INL u32 work(u8 *data, u8 *end)
{
	if (data + 1200 > end)
		return 0;
	u8 *words = data + 1088;
	NOUNROLL for (u32 i = 0; i < 24; i++)
		*(u32 *)(words + 4 * i) = *(u32 *)(data + 128 + 4 * i) ^ i * 0x9e3779b9;
	NOUNROLL for (u32 i = 0; i < 23; i++) {
		NOUNROLL for (u32 k = i + 1; k < 24; k++) {
			u32 one = *(u32 *)(words + 4 * i), two = *(u32 *)(words + 4 * k);
			if (two < one) {
				*(u32 *)(words + 4 * i) = two;
				*(u32 *)(words + 4 * k) = one;
			}
		}
	}
	u32 h = 0;
	NOUNROLL for (u32 i = 0; i < 24; i++)
		h = h * 31 + *(u32 *)(words + 4 * i);
	return h;
}
