#include "bench.h"
/* A Bloom filter of 1024 bits: variable shifts, bits set and tested. */
INL u32 work(u8 *data, u8 *end)
{
	if (data + 1400 > end)
		return 0;
	u8 *bits = data + 1200;
	NOUNROLL for (u32 i = 0; i < 16; i++)
		*(u64 *)(bits + 8 * i) = 0;
	u32 hits = 0;
	NOUNROLL for (u32 i = 0; i < 200; i++) {
		u64 key = *(u32 *)(data + 4 * i) * 0x9e3779b97f4a7c15ULL;
		u32 one = key >> 54, two = key >> 20 & 1023;
		u64 *first = (u64 *)(bits + 8 * (one >> 6)), *second = (u64 *)(bits + 8 * (two >> 6));
		hits += *first >> (one & 63) & *second >> (two & 63) & 1;
		*first |= 1ULL << (one & 63);
		*second |= 1ULL << (two & 63);
	}
	return hits;
}
