#include "bench.h"
/* 48 numbers to decimal digits and back: division by ten, bytes out, bytes in. */
INL u32 work(u8 *data, u8 *end)
{
	if (data + 1100 > end)
		return 0;
	u8 *text = data + 1040;
	u32 sum = 0;
	NOUNROLL for (u32 i = 0; i < 48; i++) {
		u32 n = *(u32 *)(data + 64 + 4 * i);
		NOUNROLL for (u32 k = 0; k < 10; k++) {
			text[9 - k] = '0' + n % 10;
			n /= 10;
		}
		u32 back = 0;
		NOUNROLL for (u32 k = 0; k < 10; k++)
			back = back * 10 + (text[k] - '0');
		sum = sum * 7 + back;
	}
	return sum;
}
