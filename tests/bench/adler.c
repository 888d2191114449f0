#include "bench.h"
/* Adler-32 of 1400 bytes: byte loads, two sums, a remainder now and then. */
INL u32 work(u8 *data, u8 *end)
{
	if (data + 1400 > end)
		return 0;
	u32 a = 1, b = 0;
	NOUNROLL for (u32 i = 0; i < 1400; i += 4) {
		a += data[i];
		b += a;
		a += data[i + 1];
		b += a;
		a += data[i + 2];
		b += a;
		a += data[i + 3];
		b += a;
	}
	return b % 65521 << 16 | a % 65521;
}
