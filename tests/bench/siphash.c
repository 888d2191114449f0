#include "bench.h"
/* SipHash-2-4 of 512 bytes under a fixed key: 64-bit additions and rotations on four words. */
#define ROUND                      \
	do {                           \
		a += b;                    \
		b = ROL64(b, 13) ^ a;      \
		a = ROL64(a, 32);          \
		c += d;                    \
		d = ROL64(d, 16) ^ c;      \
		a += d;                    \
		d = ROL64(d, 21) ^ a;      \
		c += b;                    \
		b = ROL64(b, 17) ^ c;      \
		c = ROL64(c, 32);          \
	} while (0)
INL u32 work(u8 *data, u8 *end)
{
	if (data + 512 > end)
		return 0;
	u64 a = 0x736f6d6570736575, b = 0x646f72616e646f6d, c = 0x6c7967656e657261, d = 0x7465646279746573;
	NOUNROLL for (u32 i = 0; i < 64; i++) {
		u64 m = *(u64 *)(data + 8 * i);
		d ^= m;
		ROUND;
		ROUND;
		a ^= m;
	}
	c ^= 0xff;
	ROUND;
	ROUND;
	ROUND;
	ROUND;
	u64 h = a ^ b ^ c ^ d;
	return h ^ h >> 32;
}
