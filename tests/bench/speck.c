#include "bench.h"
/* The block cipher Speck64/128 in counter mode over 256 bytes: additions, rotations, exclusive ors; the round keys
 * lie in the packet. */
INL u32 work(u8 *data, u8 *end)
{
	if (data + 1300 > end)
		return 0;
	u8 *keys = data + 1100;
	u32 k = 0x03020100, l = 0x0b0a0908;
	NOUNROLL for (u32 i = 0; i < 27; i++) {
		*(u32 *)(keys + 4 * i) = k;
		l = (k + ROL32(l, 24)) ^ i;
		k = ROL32(k, 3) ^ l;
	}
	u32 sum = 0;
	NOUNROLL for (u32 block = 0; block < 32; block++) {
		u32 x = block, y = ~block;
		NOUNROLL for (u32 i = 0; i < 27; i++) {
			x = (ROL32(x, 24) + y) ^ *(u32 *)(keys + 4 * i);
			y = ROL32(y, 3) ^ x;
		}
		sum += (x ^ *(u32 *)(data + 8 * block)) * 3 + (y ^ *(u32 *)(data + 8 * block + 4));
	}
	return sum;
}
