// SPDX-License-Identifier: GPL-2.0
/*
 * SipHash with one round per word and three at the end, after Aumasson and
 * Bernstein.  The kernel's own siphash() does 2-4 rounds and its hsiphash()
 * gives 32 bits on demand; we need 64 bits at the price of the latter.
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
