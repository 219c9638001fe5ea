/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hashes of several keys at once.
 */
#ifndef LIBCMAP_LANES_H
#define LIBCMAP_LANES_H

#include "hash.h"

#define CMAP_HASH_LANES 4

typedef uint64_t cmap_lanes __attribute__((vector_size(8 * CMAP_HASH_LANES)));

/*
 * Where the processor has registers for four words, a function that says so in
 * front does with half the instructions; the loader chooses.
 */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && \
	!defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
	!defined(__SANITIZE_THREAD__)
#define CMAP_HASH_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define CMAP_HASH_CLONES
#endif

#define cmap_lanes_of(x) ((cmap_lanes) { x, x, x, x })

/* Of keys of 8 bytes. */
static __always_inline void cmap_hash_words(const struct cmap_hash *begin,
					    const void *const *key,
					    uint64_t *hash)
{
	cmap_lanes v0 = cmap_lanes_of(begin->v0);
	cmap_lanes v1 = cmap_lanes_of(begin->v1 ^ 8);
	cmap_lanes v2 = cmap_lanes_of(begin->v2);
	cmap_lanes v3 = cmap_lanes_of(begin->v3);
	cmap_lanes word = {
		cmap_word(key[0]), cmap_word(key[1]),
		cmap_word(key[2]), cmap_word(key[3]),
	};

	v3 ^= word;
	CMAP_SIP_ROUND(v0, v1, v2, v3);
	v0 ^= word;
	v2 ^= cmap_lanes_of(0xff);
	CMAP_SIP_ROUND(v0, v1, v2, v3);
	CMAP_SIP_ROUND(v0, v1, v2, v3);
	CMAP_SIP_ROUND(v0, v1, v2, v3);
	v0 ^= v1 ^ v2 ^ v3;
	memcpy(hash, &v0, sizeof(v0));
}

#endif /* LIBCMAP_LANES_H */
