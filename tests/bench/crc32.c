#include "bench.h"
/* CRC-32 of 512 bytes, four bits at a time, from a table of 16 words made in the packet's tail. */
INL u32 work(u8 *data, u8 *end)
{
	if (data + 1280 > end)
		return 0;
	u8 *table = data + 1216;
	NOUNROLL for (u32 n = 0; n < 16; n++) {
		u32 c = n;
		for (int bit = 0; bit < 4; bit++)
			c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
		*(u32 *)(table + 4 * n) = c;
	}
	u32 crc = ~0u;
	NOUNROLL for (u32 i = 0; i < 512; i++) {
		crc ^= data[i];
		crc = crc >> 4 ^ *(u32 *)(table + 4 * (crc & 15));
		crc = crc >> 4 ^ *(u32 *)(table + 4 * (crc & 15));
	}
	return ~crc;
}
