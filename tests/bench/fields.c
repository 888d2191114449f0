#include "bench.h"
/* Big-endian fields of records of 16 bytes: read, added up, changed, written back. */
INL u32 work(u8 *data, u8 *end)
{
	if (data + 1024 + 64 > end)
		return 0;
	u64 sum = 0;
	NOUNROLL for (u32 i = 0; i < 64; i++) {
		u8 *record = data + 64 + 16 * i;
		u64 id = __builtin_bswap64(*(u64 *)record);
		u32 len = __builtin_bswap32(*(u32 *)(record + 8));
		u16 port = __builtin_bswap16(*(u16 *)(record + 12));
		sum += id ^ len;
		sum = sum * 31 + port;
		*(u16 *)(record + 14) = __builtin_bswap16((u16)(port + 1));
	}
	return sum ^ sum >> 32;
}
