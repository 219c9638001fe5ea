/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SipHash-1-3 over a key's length and then its bytes, as the kernel computes
 * it.
 */
#ifndef LIBKCMAP_HASH_H
#define LIBKCMAP_HASH_H

#include <endian.h>
#include <stdint.h>
#include <string.h>
#include <sys/cdefs.h>

/* For one word or a vector of words. */
#define kcmap_rotate(x, n) ((x) << (n) | (x) >> (64 - (n)))

#define KCMAP_SIP_ROUND(v0, v1, v2, v3) do {				\
	(v0) += (v1); (v1) = kcmap_rotate(v1, 13) ^ (v0);		\
	(v0) = kcmap_rotate(v0, 32);					\
	(v2) += (v3); (v3) = kcmap_rotate(v3, 16) ^ (v2);		\
	(v0) += (v3); (v3) = kcmap_rotate(v3, 21) ^ (v0);		\
	(v2) += (v1); (v1) = kcmap_rotate(v1, 17) ^ (v2);		\
	(v2) = kcmap_rotate(v2, 32);					\
} while (0)

static inline uint64_t kcmap_word(const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return le64toh(word);
}

/* The initial state for all keys of a map. */
struct kcmap_hash {
	uint64_t v0, v1, v2, v3;
};

static inline struct kcmap_hash kcmap_hash_begin(const uint64_t secret[2])
{
	return (struct kcmap_hash){
		secret[0] ^ 0x736f6d6570736575ULL,
		secret[1] ^ 0x646f72616e646f6dULL,
		secret[0] ^ 0x6c7967656e657261ULL,
		secret[1] ^ 0x7465646279746573ULL,
	};
}

static __always_inline uint64_t
kcmap_hash_len(const struct kcmap_hash *begin, const void *key, size_t len)
{
	uint64_t v0 = begin->v0, v1 = begin->v1, v2 = begin->v2, v3 = begin->v3;
	const unsigned char *p = key;
	uint64_t last = 0;
	size_t i;

	v1 ^= len;
	for (; len >= 8; len -= 8, p += 8) {
		uint64_t word = kcmap_word(p);

		v3 ^= word;
		KCMAP_SIP_ROUND(v0, v1, v2, v3);
		v0 ^= word;
	}

	if (len) {
		for (i = 0; i < len; i++)
			last |= (uint64_t)p[i] << (8 * i);
		v3 ^= last;
		KCMAP_SIP_ROUND(v0, v1, v2, v3);
		v0 ^= last;
	}

	v2 ^= 0xff;
	KCMAP_SIP_ROUND(v0, v1, v2, v3);
	KCMAP_SIP_ROUND(v0, v1, v2, v3);
	KCMAP_SIP_ROUND(v0, v1, v2, v3);

	return v0 ^ v1 ^ v2 ^ v3;
}

static __attribute_noinline__ uint64_t
kcmap_hash_any(const struct kcmap_hash *begin, const void *key, size_t len)
{
	return kcmap_hash_len(begin, key, len);
}

/* Most keys are one word; that case needs no loop. */
static __always_inline uint64_t
kcmap_hash(const struct kcmap_hash *begin, const void *key, size_t len)
{
	if (__builtin_expect(len == 8, 1))
		return kcmap_hash_len(begin, key, 8);
	return kcmap_hash_any(begin, key, len);
}

#endif /* LIBKCMAP_HASH_H */
