/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a process has mapped of a map's window.  docs/window.md describes the
 * window itself.
 *
 * Everything that a read calls may run in a signal handler that has interrupted
 * another read, or malloc().  So memory comes from mmap(), nothing takes a
 * lock, and what is published is one word that does not change afterwards.
 */
#ifndef LIBKCMAP_VIEW_H
#define LIBKCMAP_VIEW_H

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

#endif /* LIBKCMAP_VIEW_H */
