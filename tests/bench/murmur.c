#include "bench.h"
/* A MurmurHash3-like hash (32 bits) of 1024 bytes: multiply, rotate, mix. */
INL u32 work(u8 *data, u8 *end)
{
	if (data + 1024 > end)
		return 0;
	u32 h = 42;
	NOUNROLL for (u32 i = 0; i < 256; i++) {
		u32 k = *(u32 *)(data + 4 * i) * 0xcc9e2d51;
		h ^= ROL32(k, 15) * 0x1b873593;
		h = ROL32(h, 13) * 5 + 0xe6546b64;
	}
	h ^= h >> 16;
	h *= 0x85ebca6b;
	h ^= h >> 13;
	return h;
}
