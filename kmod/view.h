/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What processes that map a map find a shard's tables and nodes by: a
 * &struct cmap_window_shard, of which only the pages in use exist.
 *
 * A shard has one from the first time that its map is mapped; before, nobody
 * pays for it.
 */
#ifndef CMAP_VIEW_H
#define CMAP_VIEW_H

#include "block.h"

#include <linux/math.h>
#include <uapi/linux/cmap.h>

struct cmap_table;

#define CMAP_VIEW_PAGES							\
	DIV_ROUND_UP(sizeof(struct cmap_window_shard), PAGE_SIZE)

/* Changed under the shard's lock; pages only come, and go with the view. */
struct cmap_view {
	struct cmap_block *page[CMAP_VIEW_PAGES];
};

/* Which page a segment's number is in. */
static inline u32 cmap_view_page_of(u32 index)
{
	return (offsetof(struct cmap_window_shard, segment) +
		index * sizeof(u64)) / PAGE_SIZE;
}

struct cmap_view *cmap_view_new(struct cmap_memory *memory, int node,
				u32 segments, int *err);
void cmap_view_free(struct cmap_view *view);

void cmap_view_set_table(struct cmap_view *view,
			 const struct cmap_table *table);
void cmap_view_set_next(struct cmap_view *view,
			const struct cmap_table *next);
void cmap_view_set_segment(struct cmap_view *view, u32 index, u64 number);

#endif /* CMAP_VIEW_H */
