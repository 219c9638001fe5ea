// SPDX-License-Identifier: GPL-2.0
#include "filter.h"

#include <linux/jhash.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>

static_assert(CMAP_FEED_KEYS_MAX < U8_MAX);

/**
 * cmap_filter_new() - make a filter whose keys are still to be given
 * @map: the map
 * @kind: CMAP_FILTER_*
 * @count: number of keys, as @kind allows
 * @bytes: bytes of all keys together
 *
 * Context: Process.
 * Return: the filter, or NULL.
 */
struct cmap_filter *cmap_filter_new(const struct cmap *map, u32 kind, u32 count,
				    u32 bytes)
{
	struct cmap_filter *filter;

	filter = kvzalloc(struct_size(filter, bytes, bytes), CMAP_GFP_KERNEL);
	if (!filter)
		return NULL;

	filter->kind = kind;
	filter->count = count;
	filter->seed = get_random_u32();
	if (kind != CMAP_FILTER_KEYS)
		bitmap_set(filter->shards, 0, map->shards);
	return filter;
}

/**
 * cmap_filter_free() - free a filter
 * @filter: the filter, or NULL
 *
 * Context: Process.
 */
void cmap_filter_free(struct cmap_filter *filter)
{
	kvfree(filter);
}

static u32 key_begin(const struct cmap_filter *filter, u32 i)
{
	return i ? filter->end[i - 1] : 0;
}

static u8 hash_of(const struct cmap_filter *filter, const void *key, u32 len)
{
	return jhash(key, len, filter->seed) % CMAP_FILTER_HEADS;
}

/**
 * cmap_filter_bytes() - get how much memory a filter takes
 * @filter: the filter, with all its keys
 *
 * Context: Any.
 * Return: bytes.
 */
size_t cmap_filter_bytes(const struct cmap_filter *filter)
{
	return struct_size(filter, bytes, key_begin(filter, filter->count));
}

/**
 * cmap_filter_room() - get the room for a key
 * @filter: the filter
 * @i: the key's index; keys are given in order
 * @len: bytes in it
 *
 * Context: Any.
 * Return: where to copy it.
 */
u8 *cmap_filter_room(struct cmap_filter *filter, u32 i, u32 len)
{
	filter->end[i] = key_begin(filter, i) + len;
	return filter->bytes + key_begin(filter, i);
}

/**
 * cmap_filter_finish() - make a filter usable when it has all keys
 * @filter: the filter
 * @map: the map
 *
 * Context: Any.
 */
void cmap_filter_finish(struct cmap_filter *filter, const struct cmap *map)
{
	u32 i;

	if (filter->kind != CMAP_FILTER_KEYS)
		return;

	for (i = 0; i < filter->count; i++) {
		const u8 *key = filter->bytes + key_begin(filter, i);
		u32 len = filter->end[i] - key_begin(filter, i);
		u64 hash = cmap_hash(&map->hash, key, len);
		u8 head = hash_of(filter, key, len);

		filter->next[i] = filter->head[head];
		filter->head[head] = i + 1;
		__set_bit(cmap_map_shard(map, cmap_hash_high(hash))->index,
			  filter->shards);
	}
}

static bool has_key(const struct cmap_filter *filter, const void *key, u32 len)
{
	u32 i;

	for (i = filter->head[hash_of(filter, key, len)]; i;
	     i = filter->next[i - 1]) {
		u32 begin = key_begin(filter, i - 1);

		if (filter->end[i - 1] - begin == len &&
		    !memcmp(filter->bytes + begin, key, len))
			return true;
	}
	return false;
}

/**
 * cmap_filter_matches() - check whether a key is wanted
 * @filter: the filter
 * @key: the key
 * @len: bytes in it
 *
 * Context: Any.
 * Return: true if so.
 */
bool cmap_filter_matches(const struct cmap_filter *filter, const void *key,
			 u32 len)
{
	switch (filter->kind) {
	case CMAP_FILTER_ALL:
		return true;
	case CMAP_FILTER_PREFIX:
		return len >= filter->end[0] &&
		       !memcmp(filter->bytes, key, filter->end[0]);
	default:
		return has_key(filter, key, len);
	}
}
