/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The feed, by the ABI: maps that have one, cursors, reads and watches.
 */
#ifndef CMAP_TEST_FEED_H
#define CMAP_TEST_FEED_H

#include "cmap_test.h"

#include <poll.h>

#define SHARDS_MOST 64

/* A cursor, with room for all shards of a test's map. */
struct cursor {
	uint64_t map;
	uint32_t shards;
	uint32_t next;
	struct cmap_feed_position at[SHARDS_MOST];
};

static inline int new_feed(uint32_t shards, uint32_t bytes, uint32_t value_max)
{
	struct cmap_create args = {
		.shards = shards, .feed_bytes = bytes,
		.feed_value_max = value_max,
	};

	return new_map_with(&args);
}

/* The present end of the feed, or where a watch is. */
static inline int cursor_of(int fd, uint32_t shards, struct cursor *cursor)
{
	struct cmap_feed_where where = {
		.size = sizeof(where), .cursor = u64_of(cursor),
		.cursor_len = CMAP_FEED_CURSOR_BYTES(shards),
	};

	return call(fd, CMAP_IOCTL_FEED_CURSOR, &where);
}

/* An address where there is nothing, which the compiler does not know. */
static inline void *nowhere(void)
{
	void *at = (void *)8;

	asm("" : "+r"(at));
	return at;
}

/* A filter for some keys, or for a prefix. */
struct filter {
	struct cmap_feed_filter args;
	struct cmap_feed_key key[CMAP_FEED_KEYS_MAX];
};

static inline void filter_add(struct filter *filter, uint32_t kind,
			      const void *key, uint32_t len)
{
	filter->args.kind = kind;
	filter->args.keys = u64_of(filter->key);
	filter->key[filter->args.count++] = (struct cmap_feed_key){
		.key = u64_of(key), .key_len = len,
	};
}

static inline int feed_read(int fd, struct cursor *cursor,
			    const struct filter *filter, void *buf, size_t len,
			    struct cmap_feed_read *read)
{
	*read = (struct cmap_feed_read){
		.size = sizeof(*read), .buf = u64_of(buf), .buf_len = len,
		.cursor = u64_of(cursor),
		.cursor_len = CMAP_FEED_CURSOR_BYTES(cursor->shards),
	};
	if (filter)
		read->filter = filter->args;
	return call(fd, CMAP_IOCTL_FEED_READ, read);
}

/* Returns the watch's descriptor, or an errno. */
static inline int watch_from(int fd, const struct filter *filter, uint32_t flags,
			     const struct cursor *cursor)
{
	struct cmap_watch args = { .size = sizeof(args), .flags = flags };
	int watch;

	if (filter)
		args.filter = filter->args;
	if (cursor) {
		args.cursor = u64_of(cursor);
		args.cursor_len = CMAP_FEED_CURSOR_BYTES(cursor->shards);
	}
	watch = ioctl(fd, CMAP_IOCTL_WATCH, &args);
	return watch < 0 ? -errno : watch;
}

static inline int watch_new(int fd, const struct filter *filter, uint32_t flags)
{
	return watch_from(fd, filter, flags, NULL);
}

/* What poll() says within a time; a negative time has no end. */
static inline int ready_within(int fd, int milliseconds)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, milliseconds) > 0 ? poll_fd.revents : 0;
}

/* Records of a buffer. */
static inline const struct cmap_feed_record *
record_next(const struct cmap_feed_record *record)
{
	return (const void *)((const char *)record + record->size);
}

static inline const void *record_key(const struct cmap_feed_record *record)
{
	return (const char *)record + record->key_offset;
}

static inline const void *record_value(const struct cmap_feed_record *record)
{
	return (const char *)record + record->value_offset;
}

/* ---- through the window, as <linux/cmap_feed.h> says ---- */

#define RECORD_MOST 1024

/* A shard's ring, mapped. */
struct ring {
	const struct cmap_window_feed *state;
	const char *bytes;
	uint32_t size;
	uint32_t shards;
};

static inline bool ring_map(int fd, uint32_t shard, uint32_t shards, uint32_t size,
			    struct ring *ring)
{
	long page = sysconf(_SC_PAGESIZE);
	void *state, *bytes;

	state = mmap(NULL, page, PROT_READ, MAP_SHARED, fd,
		     CMAP_WINDOW_REGION(CMAP_WINDOW_FEED) + shard * page);
	bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, fd,
		     CMAP_WINDOW_REGION(CMAP_WINDOW_RING) + (uint64_t)shard * size);
	*ring = (struct ring){ state, bytes, size, shards };
	return state != MAP_FAILED && bytes != MAP_FAILED;
}

static inline uint64_t ring_tail(const struct ring *ring)
{
	return __atomic_load_n(&ring->state->tail, __ATOMIC_ACQUIRE);
}

static inline bool ring_still_there(const struct ring *ring, uint64_t position)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&ring->state->claimed, __ATOMIC_RELAXED) <=
	       position + ring->size;
}

/* Copy the record at a position, which is moved on past it.  False if it is gone. */
static inline bool ring_copy(const struct ring *ring, uint64_t *position,
			     struct cmap_feed_record *record)
{
	uint64_t at = *position, word;
	struct cmap_feed_record first = {};

	memcpy(&word, ring->bytes + at % ring->size, 8);
	if (!ring_still_there(ring, at))
		return false;
	memcpy(&first, &word, 8);
	if (first.cause == CMAP_FEED_PAD) {
		at += first.size;
		memcpy(&word, ring->bytes + at % ring->size, 8);
		if (!ring_still_there(ring, at))
			return false;
		memcpy(&first, &word, 8);
	}
	if (first.size > RECORD_MOST)
		abort();
	memcpy(record, ring->bytes + at % ring->size, first.size);
	*position = at + first.size;
	return ring_still_there(ring, at);
}

/* Where the record of a version is, or the first one that is left after it. */
static inline uint64_t ring_find(const struct ring *ring, uint64_t version,
				 uint64_t tail)
{
	struct cmap_feed_part best = {};
	int i;

	for (i = 0; i < CMAP_FEED_PARTS; i++) {
		struct cmap_feed_part part = {
			__atomic_load_n(&ring->state->part[i].position,
					__ATOMIC_RELAXED),
			__atomic_load_n(&ring->state->part[i].version,
					__ATOMIC_RELAXED),
		};

		if (!part.version || part.version > tail ||
		    part.position + ring->size <
		    __atomic_load_n(&ring->state->claimed, __ATOMIC_RELAXED))
			continue;
		if (!best.version || (best.version > version ?
				      part.version < best.version :
				      part.version <= version &&
				      part.version > best.version))
			best = part;
	}
	return best.position;
}

/*
 * Read the record after a version.  Returns 1 with a record, which may be one that
 * says what was lost, 0 at the end, or -1 if it is to be tried again.
 */
static inline int ring_next(const struct ring *ring, uint64_t version,
			    uint64_t *position, struct cmap_feed_record *record)
{
	uint64_t tail = ring_tail(ring), at = *position;

	if (version >= tail)
		return 0;
	if (ring_copy(ring, &at, record) && record->version == version + ring->shards) {
		*position = at;
		return 1;
	}
	at = ring_find(ring, version + ring->shards, tail);
	do {
		*position = at;
		if (!ring_copy(ring, &at, record))
			return -1;
	} while (record->version <= version);
	if (record->version == version + ring->shards) {
		*position = at;
		return 1;
	}
	*record = (struct cmap_feed_record){
		.size = sizeof(*record), .cause = CMAP_FEED_LOST,
		.first = version + ring->shards,
		.version = record->version - ring->shards,
	};
	return 1;
}

#endif /* CMAP_TEST_FEED_H */
