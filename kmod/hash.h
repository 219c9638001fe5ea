/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The keyed hash of keys: SipHash-1-3, 64 bits.
 *
 * What the map does with the 64 bits:
 *
 *	 63             32 31            16 15           0
 *	+-----------------+----------------+--------------+
 *	|      order      |     unused     |     tag      |
 *	+-----------------+----------------+--------------+
 *
 * The order's topmost bits choose the shard, those behind them the bucket, so
 * a table of any size keeps entries in the same order.  The tag stands beside
 * the ref in the bucket.  Order and tag together are an entry's position.
 */
#ifndef CMAP_HASH_H
#define CMAP_HASH_H

#include <linux/types.h>

/* Secret of a hash function; random for each map. */
struct cmap_hash_key {
	u64 k0;
	u64 k1;
};

u64 cmap_hash(const struct cmap_hash_key *secret, const void *key, u32 len);

#define CMAP_POSITION_BITS	48
#define CMAP_POSITION_END	(1ULL << CMAP_POSITION_BITS)

static inline u32 cmap_hash_order(u64 hash)
{
	return hash >> 32;
}

static inline u16 cmap_hash_tag(u64 hash)
{
	return hash;
}

/* Where an entry stands in the order of a range. */
static inline u64 cmap_position(u32 order, u16 tag)
{
	return (u64)order << 16 | tag;
}

#endif /* CMAP_HASH_H */
