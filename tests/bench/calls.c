#include "bench.h"
/* Functions that call functions: greatest common divisors of pairs of small numbers. */
STEP u64 smaller_remainder(u64 one, u64 two);
STEP u64 divisor(u64 one, u64 two);
NOINL u64 smaller_remainder(u64 one, u64 two)
{
	return one - one / two * two;
}
NOINL u64 divisor(u64 one, u64 two)
{
	NOUNROLL for (u32 i = 0; i < 6; i++) {
		if (two == 0)
			break;
		u64 rest = smaller_remainder(one, two);
		one = two;
		two = rest;
	}
	return one;
}
INL u32 work(u8 *data, u8 *end)
{
	if (data + 256 > end)
		return 0;
	u64 sum = 0;
	NOUNROLL for (u32 i = 0; i < 64; i++)
		sum = sum * 3 + divisor(data[2 * i] + 1, data[2 * i + 1] + 1);
	return sum;
}
