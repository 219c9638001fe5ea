/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SipHash of several keys at once, one key in each vector lane.
 */
#ifndef LIBKCMAP_LANES_H
#define LIBKCMAP_LANES_H

#include "hash.h"

#define KCMAP_HASH_LANES 4

typedef uint64_t kcmap_lanes __attribute__((vector_size(8 * KCMAP_HASH_LANES)));

/*
 * With AVX2 registers, which hold four words, the hashes take half the
 * instructions.  A function marked so is compiled twice, and the loader picks
 * the version that the processor can run.
 */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && \
	!defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
	!defined(__SANITIZE_THREAD__)
#define KCMAP_HASH_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define KCMAP_HASH_CLONES
#endif

#define kcmap_lanes_of(x) ((kcmap_lanes) { x, x, x, x })

/* The hashes of four keys of 8 bytes each. */
static __always_inline void kcmap_hash_words(const struct kcmap_hash *begin,
					     const void *const *key,
					     uint64_t *hash)
{
	kcmap_lanes v0 = kcmap_lanes_of(begin->v0);
	kcmap_lanes v1 = kcmap_lanes_of(begin->v1 ^ 8);
	kcmap_lanes v2 = kcmap_lanes_of(begin->v2);
	kcmap_lanes v3 = kcmap_lanes_of(begin->v3);
	kcmap_lanes word = {
		kcmap_word(key[0]), kcmap_word(key[1]),
		kcmap_word(key[2]), kcmap_word(key[3]),
	};

	v3 ^= word;
	KCMAP_SIP_ROUND(v0, v1, v2, v3);
	v0 ^= word;
	v2 ^= kcmap_lanes_of(0xff);
	KCMAP_SIP_ROUND(v0, v1, v2, v3);
	KCMAP_SIP_ROUND(v0, v1, v2, v3);
	KCMAP_SIP_ROUND(v0, v1, v2, v3);
	v0 ^= v1 ^ v2 ^ v3;
	memcpy(hash, &v0, sizeof(v0));
}

#endif /* LIBKCMAP_LANES_H */
