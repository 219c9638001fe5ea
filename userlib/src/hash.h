/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SipHash-1-3 of a key with the length put first, as the kernel computes it.
 */
#ifndef LIBCMAP_HASH_H
#define LIBCMAP_HASH_H

#include <endian.h>
#include <stdint.h>
#include <string.h>
#include <sys/cdefs.h>

/* Of one word or of several. */
#define cmap_rotate(x, n) ((x) << (n) | (x) >> (64 - (n)))

#define CMAP_SIP_ROUND(v0, v1, v2, v3) do {				\
	(v0) += (v1); (v1) = cmap_rotate(v1, 13) ^ (v0);		\
	(v0) = cmap_rotate(v0, 32);					\
	(v2) += (v3); (v3) = cmap_rotate(v3, 16) ^ (v2);		\
	(v0) += (v3); (v3) = cmap_rotate(v3, 21) ^ (v0);		\
	(v2) += (v1); (v1) = cmap_rotate(v1, 17) ^ (v2);		\
	(v2) = cmap_rotate(v2, 32);					\
} while (0)

static inline uint64_t cmap_word(const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return le64toh(word);
}

/* The state that all keys of a map begin with. */
struct cmap_hash {
	uint64_t v0, v1, v2, v3;
};

static inline struct cmap_hash cmap_hash_begin(const uint64_t secret[2])
{
	return (struct cmap_hash){
		secret[0] ^ 0x736f6d6570736575ULL,
		secret[1] ^ 0x646f72616e646f6dULL,
		secret[0] ^ 0x6c7967656e657261ULL,
		secret[1] ^ 0x7465646279746573ULL,
	};
}

static __always_inline uint64_t
cmap_hash_len(const struct cmap_hash *begin, const void *key, size_t len)
{
	uint64_t v0 = begin->v0, v1 = begin->v1, v2 = begin->v2, v3 = begin->v3;
	const unsigned char *p = key;
	uint64_t last = 0;
	size_t i;

	v1 ^= len;
	for (; len >= 8; len -= 8, p += 8) {
		uint64_t word = cmap_word(p);

		v3 ^= word;
		CMAP_SIP_ROUND(v0, v1, v2, v3);
		v0 ^= word;
	}

	if (len) {
		for (i = 0; i < len; i++)
			last |= (uint64_t)p[i] << (8 * i);
		v3 ^= last;
		CMAP_SIP_ROUND(v0, v1, v2, v3);
		v0 ^= last;
	}

	v2 ^= 0xff;
	CMAP_SIP_ROUND(v0, v1, v2, v3);
	CMAP_SIP_ROUND(v0, v1, v2, v3);
	CMAP_SIP_ROUND(v0, v1, v2, v3);

	return v0 ^ v1 ^ v2 ^ v3;
}

static __attribute_noinline__ uint64_t
cmap_hash_any(const struct cmap_hash *begin, const void *key, size_t len)
{
	return cmap_hash_len(begin, key, len);
}

/* Most keys are a word; for those there is nothing to go round. */
static __always_inline uint64_t
cmap_hash(const struct cmap_hash *begin, const void *key, size_t len)
{
	if (__builtin_expect(len == 8, 1))
		return cmap_hash_len(begin, key, 8);
	return cmap_hash_any(begin, key, len);
}

#endif /* LIBCMAP_HASH_H */
