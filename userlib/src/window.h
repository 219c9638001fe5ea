/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading a map through its window, with no system call.
 *
 * view.c maps what the kernel shows.  It is read by the steps that
 * <linux/cmap.h> gives under "The window"; steps.h has them.  read.c takes
 * them quickly, and where that is not enough window.c with care.
 */
#ifndef LIBCMAP_WINDOW_H
#define LIBCMAP_WINDOW_H

#include "internal.h"
#include "hash.h"

/*
 * What is mapped where in this process.  A place is used for one block after
 * the other and stays mapped, so that a thread which is late can read no more
 * than something wrong, which it will notice: when it looks again the block it
 * meant is no longer the shard's.
 */

/* Places for segments, one for each index; the oldest has none. */
struct cmap_segments {
	struct cmap_segments *older;	/* freed when the map is closed */
	char *base;
	uint32_t count;
	uint64_t number[];	/* block that is mapped there, or one of these */
};

#define NO_BLOCK UINT64_MAX
#define LOST_BLOCK (UINT64_MAX - 1)	/* nor can be any more, see map_over() */

static inline int is_block(uint64_t number)
{
	return number < LOST_BLOCK;
}

/* A place for tables of one size and one turn. */
struct cmap_place {
	uint64_t table;		/* the one that is mapped there, or as above */
	char *base;
	size_t size;
	uint32_t mask;		/* of a bucket's index, when the hash has */
	uint8_t shift;		/* been shifted so far */
	uint8_t linear;		/* no gaps between this table's buckets */
};

/* A place that became too small; unmapped when the map is closed. */
struct cmap_outgrown {
	struct cmap_outgrown *next;
	char *base;
	size_t size;
};

#define CMAP_PLACES 64			/* two for each log2 of the buckets */

struct cmap_window_part {
	const struct cmap_window_shard *shard;
	struct cmap_segments *segments;
	struct cmap_place *current;	/* the shard's table was there lately */
	struct cmap_place place[CMAP_PLACES];
};

/* No two tables that a shard has at one time share a place. */
static inline struct cmap_place *cmap_place_of(struct cmap_window_part *part,
					       uint64_t table)
{
	return &part->place[CMAP_WINDOW_TABLE_BITS(table) << 1 |
			    CMAP_WINDOW_TABLE_TURN(table)];
}

#define CMAP_CACHE_LINE 64

struct cmap_view {
	const struct cmap_window *header;
	size_t header_size;
	struct cmap_hash hash;
	unsigned int shard_bits;
	unsigned int shard_shift;	/* 63 - shard_bits */
	size_t key_min;
	size_t key_span;	/* the longest key has so much more */
	int fd;
	struct cmap_outgrown *outgrown;
	/* What is written now and then shares no line with what is only read. */
	char before[CMAP_CACHE_LINE];
	int mapper;		/* pid of who is mapping, or 0 */
	uint64_t retries;
	uint64_t calls;
	uint64_t maps;
	char behind[CMAP_CACHE_LINE];
	struct cmap_window_part part[];
};

struct cmap_view *cmap_view_open(int fd);
void cmap_view_close(struct cmap_view *view);
struct cmap_view *cmap_view_make(struct cmap *map);

/* NULL if the map is to be read by system calls. */
static inline struct cmap_view *cmap_view_of(struct cmap *map)
{
	struct cmap_view *view = LOAD_ACQUIRE(&map->view);

	return __builtin_expect(!!view, 1) ? view : cmap_view_make(map);
}

int cmap_view_map_table(struct cmap_view *view, struct cmap_window_part *part,
			uint64_t table);
int cmap_view_map_segment(struct cmap_view *view,
			  struct cmap_window_part *part, uint32_t index,
			  uint64_t number);

/* How a read through the window went. */
enum cmap_outcome {
	CMAP_FOUND,
	CMAP_ABSENT,
	CMAP_TOO_SMALL,		/* the buffer; the length is known */
	CMAP_CALL,		/* ask the kernel */
};

/* One key to read. */
struct cmap_want {
	const void *key;
	size_t key_len;
	void *buf;		/* copied to, unless there is @visit */
	size_t size;
	void (*visit)(const void *value, size_t len, void *arg);
	void *arg;
};

/* What was found. */
struct cmap_got {
	size_t len;
	uint64_t version;
};

enum cmap_outcome cmap_window_read(struct cmap_view *view,
				   const struct cmap_want *want,
				   struct cmap_got *got);

/* The entries of one bucket. */
struct cmap_gathered {
	uint64_t position;
	uint64_t version;
	uint32_t key_len;
	uint32_t value_len;
	size_t at;		/* where the key is in the buffer, value behind */
};

#define CMAP_GATHER_MAX 170	/* all that a bucket can hold */

struct cmap_bucket_read {
	int keys_only;
	char *buf;
	size_t size;
	size_t used;		/* or, if that is more than size, needed */
	unsigned int count;
	uint64_t end;		/* first position behind the bucket */
	struct cmap_gathered entry[CMAP_GATHER_MAX];
};

enum cmap_outcome cmap_window_bucket(struct cmap_view *view, uint64_t position,
				     struct cmap_bucket_read *read);

#endif /* LIBCMAP_WINDOW_H */
