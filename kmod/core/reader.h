/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Readers of a map's feed: a position in each shard's ring, and a filter.
 */
#ifndef CMAP_READER_H
#define CMAP_READER_H

#include "filter.h"
#include "map.h"

#include <linux/types.h>
#include <uapi/linux/cmap.h>

/**
 * struct cmap_reader - a reader of a map's feed
 * @map: the map
 * @filter: which records it wants
 * @next: the shard with which the next read begins
 * @key: room for a key that the filter looks at
 * @at: where it is in each shard's feed
 *
 * Whoever uses it sees to it that nobody else does at the same time.
 */
struct cmap_reader {
	struct cmap *map;
	const struct cmap_filter *filter;
	u32 next;
	u8 key[CMAP_KEY_MAX] __aligned(8);
	struct cmap_feed_position at[];
};

/**
 * struct cmap_records - a buffer for records
 * @buf: the buffer, from kvmalloc()
 * @size: bytes in it
 * @room: the part of it that may be used
 * @used: bytes used
 * @count: records in it
 * @needed: bytes that the record needs which did not fit, or 0
 * @looks: how many bytes of records may still be looked at
 * @more: there may be more to read already
 */
struct cmap_records {
	u8 *buf;
	u32 size;
	u32 room;
	u32 used;
	u32 count;
	u32 needed;
	u64 looks;
	bool more;
};

int cmap_records_new(struct cmap_records *records, u32 size);
void cmap_records_free(struct cmap_records *records, const struct cmap *map);

/* Bytes in a reader of a map. */
static inline size_t cmap_reader_bytes(const struct cmap *map)
{
	return struct_size((struct cmap_reader *)NULL, at, map->shards);
}

struct cmap_reader *cmap_reader_new(struct cmap *map,
				    const struct cmap_filter *filter);
void cmap_reader_free(struct cmap_reader *reader);
int cmap_reader_set(struct cmap_reader *reader,
		    const struct cmap_feed_cursor *cursor);
void cmap_reader_get(const struct cmap_reader *reader,
		     struct cmap_feed_cursor *cursor);
void cmap_reader_fill(struct cmap_reader *reader, struct cmap_records *records);
bool cmap_reader_look(struct cmap_reader *reader, u64 *looks);
void cmap_reader_arm(const struct cmap_reader *reader);

#endif /* CMAP_READER_H */
