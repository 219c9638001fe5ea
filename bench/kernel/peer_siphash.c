// SPDX-License-Identifier: GPL-2.0
/*
 * rhashtable with a hash that resists flooding as cmap's does: on machines of
 * 64 bits hsiphash() is SipHash-1-3.
 */
#include <linux/siphash.h>

/* Nobody attacks a benchmark; it costs what a random one would. */
static const hsiphash_key_t secret = {
	{ 0x0706050403020100UL, 0x0f0e0d0c0b0a0908UL }
};

static inline u32 siphash_peer_hash(const void *key, u32 len, u32 seed)
{
	return hsiphash(key, len, &secret);
}

#define RHASHTABLE_PEER	bench_siphash
#define RHASHTABLE_NAME	"rhashtable, SipHash"
#define RHASHTABLE_HASH	siphash_peer_hash

#include "peer_rhashtable.c"
