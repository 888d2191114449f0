#include "bench.h"
/* A machine with eight instructions and four registers runs 400 bytes of program: dispatch by a switch. */
INL u32 work(u8 *data, u8 *end)
{
	if (data + 1024 > end)
		return 0;
	u32 a = 1, b = 2, c = 3, zero = 0;
	NOUNROLL for (u32 i = 0; i < 400; i++) {
		u32 insn = data[600 + i], value = insn >> 3;
		switch (insn & 7) {
		case 0: a += value; break;
		case 1: a ^= b; break;
		case 2: b = a << 1 | a >> 31; break;
		case 3: c += a * value; break;
		case 4: if (a > b) a -= b; else b -= a; break;
		case 5: zero += a == 0; break;
		case 6: { u32 t = a; a = c; c = t; break; }
		default: b = b + c; break;
		}
	}
	return a ^ b ^ c ^ zero;
}
