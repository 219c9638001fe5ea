// SPDX-License-Identifier: GPL-2.0
/*
 * SipHash with one round per word and three at the end, after Aumasson and
 * Bernstein.  The kernel's own siphash() does 2-4 rounds and its hsiphash()
 * gives 32 bits on demand; we need 64 bits at the price of the latter.
 */
#include "hash.h"

#include <linux/bitops.h>

#define sip_round(v0, v1, v2, v3) do {					\
	(v0) += (v1); (v1) = rol64(v1, 13); (v1) ^= (v0);		\
	(v0) = rol64(v0, 32);						\
	(v2) += (v3); (v3) = rol64(v3, 16); (v3) ^= (v2);		\
	(v0) += (v3); (v3) = rol64(v3, 21); (v3) ^= (v0);		\
	(v2) += (v1); (v1) = rol64(v1, 17); (v1) ^= (v2);		\
	(v2) = rol64(v2, 32);						\
} while (0)

/**
 * cmap_hash() - hash a key
 * @secret: the hash function's secret
 * @key: the key, of any alignment
 * @len: its length in bytes
 *
 * Context: Any.
 * Return: 64 bits, the same for the same secret and key on every machine.
 */
u64 cmap_hash(const struct cmap_hash_key *secret, const void *key, u32 len)
{
	u64 v0 = secret->k0 ^ 0x736f6d6570736575ULL;
	u64 v1 = secret->k1 ^ 0x646f72616e646f6dULL;
	u64 v2 = secret->k0 ^ 0x6c7967656e657261ULL;
	u64 v3 = secret->k1 ^ 0x7465646279746573ULL;
	u64 last = (u64)len << 56;
	const u8 *p = key;
	const u8 *end = p + (len & ~7U);
	unsigned int i;

	for (; p != end; p += 8) {
		u64 word = get_unaligned_le64(p);

		v3 ^= word;
		sip_round(v0, v1, v2, v3);
		v0 ^= word;
	}

	for (i = 0; i < (len & 7); i++)
		last |= (u64)p[i] << (8 * i);

	v3 ^= last;
	sip_round(v0, v1, v2, v3);
	v0 ^= last;

	v2 ^= 0xff;
	sip_round(v0, v1, v2, v3);
	sip_round(v0, v1, v2, v3);
	sip_round(v0, v1, v2, v3);

	return v0 ^ v1 ^ v2 ^ v3;
}
