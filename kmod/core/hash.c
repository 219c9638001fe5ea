// SPDX-License-Identifier: GPL-2.0
/*
 * SipHash by Aumasson and Bernstein, with one round for each word and three at the
 * end.  The kernel's siphash() does 2 and 4 rounds, which is slower, and its
 * hsiphash() returns only 32 bits.  The map needs 64 bits at the latter's speed.
 */
#include "hash.h"

/**
 * cmap_hash_bytes() - hash a key of any length
 * @begin: the hash function
 * @key: the key, of any alignment
 * @len: its length in bytes
 *
 * Context: Any.
 * Return: what cmap_hash() returns.
 */
u64 cmap_hash_bytes(const struct cmap_hash *begin, const void *key, u32 len)
{
	struct cmap_hash s = *begin;
	const u8 *p = key;
	const u8 *end = p + (len & ~7U);
	u64 last = 0;
	unsigned int i;

	s.v1 ^= len;
	for (; p != end; p += 8)
		cmap_sip_word(&s, get_unaligned_le64(p));
	if (len & 7) {
		for (i = 0; i < (len & 7); i++)
			last |= (u64)p[i] << (8 * i);
		cmap_sip_word(&s, last);
	}

	return cmap_sip_end(&s);
}
