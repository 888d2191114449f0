#include "bench.h"
/* Two 8 by 8 matrices multiplied: nested loops, computed addresses. */
INL u32 work(u8 *data, u8 *end)
{
	if (data + 1100 > end)
		return 0;
	u8 *one = data + 64, *two = data + 320, *out = data + 576;
	u32 trace = 0;
	NOUNROLL for (u32 i = 0; i < 8; i++) {
		NOUNROLL for (u32 j = 0; j < 8; j++) {
			u32 sum = 0;
			NOUNROLL for (u32 k = 0; k < 8; k++)
				sum += *(u32 *)(one + 32 * i + 4 * k) * *(u32 *)(two + 32 * k + 4 * j);
			*(u32 *)(out + 32 * i + 4 * j) = sum;
			trace ^= ROL32(sum, 5);
		}
	}
	return trace;
}
