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
 * A region of the window, as this process has it.  It is mapped once, for all
 * shards, when something in it is first needed, and stays until the map is
 * closed.  The kernel changes which pages the mapping shows, so the library
 * never has to replace a mapping under a thread that reads it.
 */
struct kcmap_region {
	char *base;		/* NULL until it is mapped */
	uint32_t reads_without;	/* until a failed mapping is tried again */
};

/*
 * Addresses for one level of a shard's nodes, and for the numbers of their
 * segments.  The offset of a ref is added to the first, and the offset of a
 * granule's word to the second.
 */
struct kcmap_level {
	uintptr_t node;		/* 0 until both are mapped */
	uintptr_t list;
};

#define KCMAP_CACHE_LINE 64

struct kcmap_window_part {
	_Alignas(KCMAP_CACHE_LINE) const struct cmap_window_shard *shard;
	uintptr_t current;	/* the shard's latest table, see below */
	struct kcmap_level level[CMAP_WINDOW_NODE_LEVELS];
};

/*
 * The address of a shard's latest table, which is page-aligned, with the lowest
 * 16 bits of the table's word in its low bits.  There, the number of the
 * table's bits is replaced by 31 less that number, and a mark is added.  The
 * mark makes the value differ from 0, which means that no table is known yet.
 */
#define KCMAP_CURRENT_MARK	0x100U
#define KCMAP_CURRENT_ALL	0xfffU

static __always_inline size_t kcmap_current_of(uint16_t table)
{
	return (table ^ 31U) + KCMAP_CURRENT_MARK;
}

struct kcmap_view {
	const struct cmap_window *header;
	const struct cmap_window_words *words;
	size_t header_size;
	struct kcmap_hash hash;
	unsigned int shard_bits;
	unsigned int shard_shift;	/* 63 - shard_bits */
	size_t key_min;
	size_t key_span;	/* key_max - key_min */
	size_t page;
	size_t feed_bytes;	/* in each shard's ring; 0 for no feed */
	size_t size;		/* of this structure */
	/* See struct kcmap. */
	int fd;
	dev_t device;
	uint64_t id;
	/*
	 * Counters that are written share no cache line with what is only read.
	 */
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
const struct cmap_window_feed *kcmap_view_feed(struct kcmap_view *view);
const char *kcmap_view_rings(struct kcmap_view *view);
const uint64_t *kcmap_view_owners(struct kcmap_view *view);

#endif /* LIBKCMAP_VIEW_H */
