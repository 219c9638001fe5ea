// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading a map's feed: through the window if there is one, else by system
 * calls.
 */
#include "filter.h"
#include "ring.h"

#include <stdlib.h>
#include <string.h>

/*
 * The cursor is after all records of the buffer.  @words and @rings are what is
 * mapped of the window, those of the first shard; NULL before that.
 */
struct kcmap_feed {
	struct kcmap *map;
	struct kcmap_feed_of of;
	struct kcmap_wanted *wanted;
	struct kcmap_records records;
	int unfiltered;		/* the buffer has what is not wanted, too */
	const struct cmap_window_feed *words;
	const char *rings;
	size_t page;
	uint64_t shards[CMAP_SHARDS_MAX / 64];	/* that can have a wanted key */
	size_t cursor_len;
	struct cmap_feed_cursor cursor;
};

/* ---- through the window ---- */

/* Find the shards of wanted keys. */
static void choose_shards(struct kcmap_feed *feed, struct kcmap_view *view)
{
	const struct kcmap_wanted *wanted = feed->wanted;
	uint32_t i;

	if (wanted->filter.kind != CMAP_FILTER_KEYS) {
		memset(feed->shards, 0xff, sizeof(feed->shards));
		return;
	}
	for (i = 0; i < wanted->filter.count; i++) {
		const struct cmap_feed_key *key = &wanted->key[i];
		uint64_t hash = kcmap_hash(&view->hash,
					   (const void *)(uintptr_t)key->key,
					   key->key_len);
		uint64_t shard = hash >> 1 >> view->shard_shift;

		feed->shards[shard / 64] |= 1ULL << shard % 64;
	}
}

/* Whether the feed can be read through the window. */
static int is_mapped(struct kcmap_feed *feed)
{
	struct kcmap_view *view;

	if (feed->rings)
		return 1;
	view = kcmap_view_of(feed->map);
	if (!view || view->feed_bytes != feed->of.bytes ||
	    1U << view->shard_bits != feed->of.shards)
		return 0;
	feed->words = kcmap_view_feed(view);
	if (!feed->words)
		return 0;
	feed->page = view->page;
	choose_shards(feed, view);
	feed->rings = kcmap_view_rings(view);
	return feed->rings != NULL;
}

static struct kcmap_ring ring_of(const struct kcmap_feed *feed, uint32_t shard)
{
	return (struct kcmap_ring){
		.words = (const void *)((const char *)feed->words +
					shard * feed->page),
		.base = feed->rings + (size_t)shard * feed->of.bytes,
		.bytes = feed->of.bytes,
		.index = shard,
		.shards = feed->of.shards,
	};
}

/* Each shard gets its turn, so that none is left to be overwritten. */
static enum kcmap_outcome fill_from_rings(struct kcmap_feed *feed)
{
	uint32_t shards = feed->of.shards, first = feed->cursor.next, i;
	enum kcmap_outcome outcome;
	struct kcmap_ring ring;

	for (i = 0; i < shards; i++) {
		uint32_t shard = (first + i) & (shards - 1);

		if (!(feed->shards[shard / 64] >> shard % 64 & 1))
			continue;
		ring = ring_of(feed, shard);
		outcome = kcmap_ring_read(&ring, &feed->cursor.at[shard],
					  &feed->records);
		if (outcome == KCMAP_ABSENT)
			continue;
		feed->cursor.next = (shard + 1) & (shards - 1);
		feed->unfiltered = feed->wanted->filter.kind != CMAP_FILTER_ALL;
		return outcome;
	}
	return KCMAP_ABSENT;
}

/* ---- by system calls ---- */

static int read_once(struct kcmap_feed *feed, struct cmap_feed_read *args)
{
	*args = (struct cmap_feed_read){
		.size = sizeof(*args),
		.buf = ptr_to_u64(feed->records.buf),
		.buf_len = (uint32_t)feed->records.size,
		.cursor = ptr_to_u64(&feed->cursor),
		.cursor_len = (uint32_t)feed->cursor_len,
		.filter = feed->wanted->filter,
	};
	return kcmap_call(feed->map, CMAP_IOCTL_FEED_READ, args);
}

/* 1 if there is something to return, 0 if not, -1 with errno set. */
static int fill_by_calls(struct kcmap_feed *feed)
{
	struct cmap_feed_read args;

	for (;;) {
		if (!read_once(feed, &args)) {
			kcmap_records_begin(&feed->records,
					    args.count ? args.buf_len : 0, NULL);
			feed->unfiltered = 0;
			/* The call may have ended before it saw everything. */
			if (args.count || !args.more)
				return args.count != 0;
		} else if (errno != EMSGSIZE ||
			   kcmap_records_enlarge(&feed->records, args.buf_len)) {
			return -1;
		}
	}
}

/* ---- the calls ---- */

static int feed_fill(struct kcmap_feed *feed)
{
	enum kcmap_outcome outcome = KCMAP_CALL;

	if (is_mapped(feed))
		outcome = fill_from_rings(feed);
	return outcome == KCMAP_CALL ? fill_by_calls(feed) :
	       outcome == KCMAP_FOUND;
}

static int is_wanted(const struct kcmap_feed *feed,
		     const struct kcmap_change *change)
{
	return !feed->unfiltered || change->cause == KCMAP_CAUSE_LOST ||
	       kcmap_wanted_has(feed->wanted, change->key, change->key_len);
}

static __attribute_noinline__ int next_slow(struct kcmap_feed *feed,
					    struct kcmap_change *change)
{
	int result;

	do {
		result = kcmap_records_next(&feed->records, change);
		if (result > 0 && is_wanted(feed, change))
			return 1;
		if (!result)
			result = feed_fill(feed);
	} while (result > 0);

	return result;
}

API int kcmap_feed_next(struct kcmap_feed *feed, struct kcmap_change *change)
{
	if (__builtin_expect(!feed->unfiltered &&
			     kcmap_records_next_set(&feed->records, change), 1))
		return 1;
	return next_slow(feed, change);
}

API ssize_t kcmap_feed_cursor(struct kcmap_feed *feed, void *cursor,
			      size_t size)
{
	ssize_t len = kcmap_cursor_out(feed->of.shards, cursor, size);

	if (len < 0 || !cursor)
		return len;
	memcpy(cursor, &feed->cursor, feed->cursor_len);
	kcmap_records_rewind(&feed->records, cursor);
	return len;
}

static int set_cursor(struct kcmap_feed *feed, const void *cursor,
		      size_t cursor_len)
{
	struct cmap_feed_where where = {
		.size = sizeof(where),
		.cursor = ptr_to_u64(&feed->cursor),
		.cursor_len = (uint32_t)feed->cursor_len,
	};

	if (!cursor)
		return kcmap_call_ours(feed->map, CMAP_IOCTL_FEED_CURSOR, &where);
	if (cursor_len != feed->cursor_len) {
		errno = EINVAL;
		return -1;
	}
	memcpy(&feed->cursor, cursor, cursor_len);
	return 0;
}

/*
 * Set the cursor, and have the kernel check it and the filter: it is asked for
 * what fits no buffer.
 */
static int feed_begin(struct kcmap_feed *feed, const void *cursor, size_t cursor_len)
{
	size_t size = feed->records.size;
	struct cmap_feed_read args;
	int err;

	if (set_cursor(feed, cursor, cursor_len))
		return -1;

	feed->records.size = 0;
	err = read_once(feed, &args);
	feed->records.size = size;
	return err && errno != EMSGSIZE ? -1 : 0;
}

API struct kcmap_feed *kcmap_feed_open(struct kcmap *map,
				       const struct kcmap_filter *filter,
				       const void *cursor, size_t cursor_len)
{
	struct kcmap_feed_of of;
	struct kcmap_feed *feed;
	size_t len, record;

	if (kcmap_feed_of(map, &of))
		return NULL;
	len = CMAP_FEED_CURSOR_BYTES((size_t)of.shards);
	feed = calloc(1, offsetof(struct kcmap_feed, cursor) + len);
	if (!feed)
		return NULL;
	feed->map = map;
	feed->of = of;
	feed->records.clock_offset = of.clock_offset;
	feed->cursor_len = len;
	/* See kcmap_ring_read(). */
	record = of.bytes / 4 > of.record_max ? of.bytes / 4 : of.record_max;
	feed->wanted = kcmap_wanted_copy(filter);
	if (!feed->wanted || kcmap_records_new(&feed->records, of.shards, record) ||
	    feed_begin(feed, cursor, cursor_len)) {
		kcmap_feed_close(feed);
		return NULL;
	}
	return feed;
}

API void kcmap_feed_close(struct kcmap_feed *feed)
{
	int saved = errno;

	if (!feed)
		return;
	free(feed->records.buf);
	free(feed->wanted);
	free(feed);
	errno = saved;
}
