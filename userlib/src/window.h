/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading a map through its window, with no system call.
 *
 * view.c maps what the kernel shows.  It is read by the steps that
 * <linux/cmap.h> gives under "The window"; steps.h has them.  read.c takes
 * them quickly, and where that is not enough window.c with care.
 *
 * All that is called by a read may be called in a signal handler that has
 * interrupted any other read, or malloc(): memory comes from mmap(), nothing
 * is locked, and whatever is published is one word that stays what it is.
 */
#ifndef LIBCMAP_WINDOW_H
#define LIBCMAP_WINDOW_H

#include "internal.h"
#include "hash.h"

/*
 * A region of the window in this process: mapped once, for all shards, when
 * something in it is first met, and until the map is closed.  The kernel puts
 * what is there now in front of whoever looks, so nothing is ever mapped over
 * and no thread finds itself without what it reads.
 */
struct cmap_region {
	char *base;		/* NULL: not yet */
	uint32_t reads_without;	/* before it is tried again */
};

/*
 * Where the nodes of a shard that are of one level are, and the numbers of
 * their segments: to be added to the offset of a ref, or of a granule's word.
 */
struct cmap_level {
	uintptr_t node;		/* 0: not mapped yet; else list is there, too */
	uintptr_t list;
};

#define CMAP_CACHE_LINE 64

struct cmap_window_part {
	_Alignas(CMAP_CACHE_LINE) const struct cmap_window_shard *shard;
	uintptr_t current;	/* where the shard's table was lately, see below */
	struct cmap_level level[CMAP_WINDOW_NODE_LEVELS];
};

/*
 * The place of a table, which begins a page, and in the lowest bits which place
 * that is, as the lowest 16 of the table's word say: with 31 less the bits of
 * its buckets, and a mark.  No table is so that what is made of its word were
 * 0, which stands for "none yet".
 */
#define CMAP_CURRENT_MARK	0x100U
#define CMAP_CURRENT_ALL	0xfffU

static __always_inline size_t cmap_current_of(uint16_t table)
{
	return (table ^ 31U) + CMAP_CURRENT_MARK;
}

struct cmap_view {
	const struct cmap_window *header;
	size_t header_size;
	struct cmap_hash hash;
	unsigned int shard_bits;
	unsigned int shard_shift;	/* 63 - shard_bits */
	size_t key_min;
	size_t key_span;	/* the longest key has so much more */
	size_t page;
	size_t size;		/* of this view */
	/* See struct cmap. */
	int fd;
	dev_t device;
	uint64_t id;
	/* What is written now and then shares no line with what is only read. */
	char before[CMAP_CACHE_LINE];
	uint64_t retries;
	uint64_t calls;
	uint64_t maps;
	char behind[CMAP_CACHE_LINE];
	struct cmap_region region[CMAP_WINDOW_REGIONS];
	struct cmap_window_part part[];
};

struct cmap_view *cmap_view_open(const struct cmap *map);
void cmap_view_close(struct cmap_view *view);
struct cmap_view *cmap_view_make(struct cmap *map);

/* NULL if the map is to be read by system calls. */
static inline struct cmap_view *cmap_view_of(struct cmap *map)
{
	struct cmap_view *view = LOAD_ACQUIRE(&map->view);

	return __builtin_expect(!!view, 1) ? view : cmap_view_make(map);
}

const char *cmap_view_table(struct cmap_view *view,
			    const struct cmap_window_part *part,
			    uint64_t table);
int cmap_view_level(struct cmap_view *view, struct cmap_window_part *part,
		    size_t level);

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
