/* What the programs to measure have in common. One source, three builds:
 *   -target bpf           u64 prog(u8 *memory): a u64 with the length, then the bytes (for engines without contexts)
 *   -target bpf -DXDP     an XDP program, which a verifier accepts (Skep and Linux)
 *   -DNATIVE              the same function for this machine: how fast it can be
 * A program defines work(), whose 32 bits are the result: all engines must agree on them. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;

#define NOUNROLL _Pragma("clang loop unroll(disable)")
#define INL static inline __attribute__((always_inline))
#define NOINL static __attribute__((noinline))
#define ROL32(x, n) ((u32)(x) << (n) | (u32)(x) >> (32 - (n)))
#define ROL64(x, n) ((u64)(x) << (n) | (u64)(x) >> (64 - (n)))

INL u32 work(u8 *data, u8 *end);

#if defined(XDP)
struct xdp_md {
	u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};
__attribute__((section("xdp"), used)) int prog(struct xdp_md *ctx)
{
	return work((u8 *)(long)ctx->data, (u8 *)(long)ctx->data_end);
}
char _license[] __attribute__((section("license"), used)) = "GPL";
#define STEP NOINL
#else
__attribute__((section(".text.prog"), used)) u64 prog(u8 *memory)
{
	return work(memory + 8, memory + 8 + *(u64 *)memory);
}
#define STEP __attribute__((section(".text.prog"))) NOINL
#endif
