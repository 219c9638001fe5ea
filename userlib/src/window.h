/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading a map through its window, with no system call.
 *
 * view.c maps what the kernel shows.  It is read by the steps that
 * <linux/cmap.h> gives under "The window"; steps.h has them.  read.c takes
 * them quickly, and where that is not enough read_slow.c with care.
 *
 * All that is called by a read may be called in a signal handler that has
 * interrupted any other read, or malloc(): memory comes from mmap(), nothing
 * is locked, and whatever is published is one word that stays what it is.
 */
#ifndef LIBKCMAP_WINDOW_H
#define LIBKCMAP_WINDOW_H

#include "internal.h"
#include "hash.h"

/*
 * A region of the window in this process: mapped once, for all shards, when
 * something in it is first met, and until the map is closed.  The kernel puts
 * what is there now in front of whoever looks, so nothing is ever mapped over
 * and no thread finds itself without what it reads.
 */
struct kcmap_region {
	char *base;		/* NULL: not yet */
	uint32_t reads_without;	/* before it is tried again */
};

/*
 * Where the nodes of a shard that are of one level are, and the numbers of
 * their segments: to be added to the offset of a ref, or of a granule's word.
 */
struct kcmap_level {
	uintptr_t node;		/* 0: not mapped yet; else list is there, too */
	uintptr_t list;
};

#define KCMAP_CACHE_LINE 64

struct kcmap_window_part {
	_Alignas(KCMAP_CACHE_LINE) const struct cmap_window_shard *shard;
	uintptr_t current;	/* where the shard's table was lately, see below */
	struct kcmap_level level[CMAP_WINDOW_NODE_LEVELS];
};

/*
 * The place of a table, which begins a page, and in the lowest bits which place
 * that is, as the lowest 16 of the table's word say: with 31 less the bits of
 * its buckets, and a mark.  No table is so that what is made of its word were
 * 0, which stands for "none yet".
 */
#define KCMAP_CURRENT_MARK	0x100U
#define KCMAP_CURRENT_ALL	0xfffU

static __always_inline size_t kcmap_current_of(uint16_t table)
{
	return (table ^ 31U) + KCMAP_CURRENT_MARK;
}

struct kcmap_view {
	const struct cmap_window *header;
	size_t header_size;
	struct kcmap_hash hash;
	unsigned int shard_bits;
	unsigned int shard_shift;	/* 63 - shard_bits */
	size_t key_min;
	size_t key_span;	/* the longest key has so much more */
	size_t page;
	size_t size;		/* of this view */
	/* See struct kcmap. */
	int fd;
	dev_t device;
	uint64_t id;
	/* What is written now and then shares no line with what is only read. */
	char before[KCMAP_CACHE_LINE];
	uint64_t retries;
	uint64_t calls;
	uint64_t maps;
	char behind[KCMAP_CACHE_LINE];
	struct kcmap_region region[CMAP_WINDOW_REGIONS];
	struct kcmap_window_part part[];
};

struct kcmap_view *kcmap_view_open(const struct kcmap *map);
void kcmap_view_close(struct kcmap_view *view);
struct kcmap_view *kcmap_view_make(struct kcmap *map);

/* NULL if the map is to be read by system calls. */
static inline struct kcmap_view *kcmap_view_of(struct kcmap *map)
{
	struct kcmap_view *view = LOAD_ACQUIRE(&map->view);

	return __builtin_expect(!!view, 1) ? view : kcmap_view_make(map);
}

const char *kcmap_view_table(struct kcmap_view *view,
			     const struct kcmap_window_part *part,
			     uint64_t table);
int kcmap_view_level(struct kcmap_view *view, struct kcmap_window_part *part,
		     size_t level);

/* How a read through the window went. */
enum kcmap_outcome {
	KCMAP_FOUND,
	KCMAP_ABSENT,
	KCMAP_TOO_SMALL,	/* the buffer; the length is known */
	KCMAP_CALL,		/* ask the kernel */
};

/* One key to read. */
struct kcmap_want {
	const void *key;
	size_t key_len;
	void *buf;		/* copied to, unless there is @visit */
	size_t size;
	void (*visit)(const void *value, size_t len, void *arg);
	void *arg;
};

/* What was found. */
struct kcmap_got {
	size_t len;
	uint64_t version;
};

enum kcmap_outcome kcmap_window_read(struct kcmap_view *view,
				     const struct kcmap_want *want,
				     struct kcmap_got *got);

/* The entries of one bucket. */
struct kcmap_gathered {
	uint64_t position;
	uint64_t version;
	uint32_t key_len;
	uint32_t value_len;
	size_t at;		/* where the key is in the buffer, value behind */
};

#define KCMAP_GATHER_MAX 170	/* all that a bucket can hold */

struct kcmap_bucket_read {
	int keys_only;
	char *buf;
	size_t size;
	size_t used;		/* or, if that is more than size, needed */
	unsigned int count;
	uint64_t end;		/* first position behind the bucket */
	struct kcmap_gathered entry[KCMAP_GATHER_MAX];
};

enum kcmap_outcome kcmap_window_bucket(struct kcmap_view *view,
				       uint64_t position,
				       struct kcmap_bucket_read *read);

#endif /* LIBKCMAP_WINDOW_H */
