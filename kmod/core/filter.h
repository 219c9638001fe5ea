/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Filters: which keys a reader of a map's feed wants.
 */
#ifndef CMAP_FILTER_H
#define CMAP_FILTER_H

#include "map.h"

#include <linux/types.h>
#include <uapi/linux/cmap.h>

#define CMAP_FILTER_HEADS	256

/**
 * struct cmap_filter - which keys are wanted
 * @kind: CMAP_FILTER_*
 * @count: number of keys
 * @seed: of the hash for @head, random: who writes keys cannot know which ones collide
 * @shards: bits of the shards that can have a wanted key
 * @head: for KEYS: 1 + the first key of each hash value, or 0
 * @next: 1 + the next key of the same hash value, or 0
 * @end: for each key the end of its bytes in @bytes, where the next one begins
 * @bytes: the keys
 */
struct cmap_filter {
	u32 kind;
	u32 count;
	u32 seed;
	DECLARE_BITMAP(shards, CMAP_SHARDS_MAX);
	u8 head[CMAP_FILTER_HEADS];
	u8 next[CMAP_FEED_KEYS_MAX];
	u32 end[CMAP_FEED_KEYS_MAX];
	u8 bytes[] __aligned(8);
};

struct cmap_filter *cmap_filter_new(const struct cmap *map, u32 kind, u32 count,
				    u32 bytes);
size_t cmap_filter_bytes(const struct cmap_filter *filter);
void cmap_filter_free(struct cmap_filter *filter);
u8 *cmap_filter_room(struct cmap_filter *filter, u32 i, u32 len);
void cmap_filter_finish(struct cmap_filter *filter, const struct cmap *map);
bool cmap_filter_matches(const struct cmap_filter *filter, const void *key,
			 u32 len);

/* Whether every record is wanted, so that keys need not be looked at. */
static inline bool cmap_filter_all(const struct cmap_filter *filter)
{
	return filter->kind == CMAP_FILTER_ALL;
}

#endif /* CMAP_FILTER_H */
