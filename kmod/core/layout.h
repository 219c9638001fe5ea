/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What processes that map a map find a shard's tables and nodes by: a
 * &struct cmap_window_shard, of which only the pages in use exist.
 *
 * A shard has one from the first time that its map is mapped; before, nobody
 * pays for it.
 */
#ifndef CMAP_LAYOUT_H
#define CMAP_LAYOUT_H

#include "block.h"
#include "place.h"

#include <linux/list.h>
#include <linux/workqueue.h>

struct cmap_shard;

#define CMAP_VIEW_LEVELS	(2 + ilog2(CMAP_LIST_PAGES - 1))

/* What stands in a table's or segment's stead in a list. */
#define CMAP_VIEW_CLEAN		0	/* nothing */
#define CMAP_VIEW_ZEROES	1	/* nothing, and processes may have seen it */

/* The pages of a level. */
struct cmap_view_level {
	u32 level;
	u32 count;
	struct cmap_block *page[];
};

/**
 * struct cmap_view - a shard's list
 * @shard: the shard
 * @index: which of the map's it is
 * @levels: how many there are
 * @level: the levels
 * @places: those of the shard's tables
 * @hidden: segments that processes cannot be shown yet
 * @reveal: shows what had to wait until nobody sees zeroes in its place
 *
 * Changed under the shard's lock; levels only come, and go with the view.
 */
struct cmap_view {
	struct cmap_shard *shard;
	u32 index;
	u32 levels;
	struct cmap_view_level *level[CMAP_VIEW_LEVELS];
	struct cmap_places places;
	struct list_head hidden;
	struct work_struct reveal;
};

struct cmap_view *cmap_view_new(struct cmap_memory *memory, int nid,
				u32 granules, int *err);
void cmap_view_free(struct cmap_view *view);

int cmap_view_grow(const struct cmap_view *view, struct cmap_memory *memory,
		   int nid, u32 granules, gfp_t gfp,
		   struct cmap_view_level **level);
void cmap_view_level_free(struct cmap_view_level *level);
bool cmap_view_add(struct cmap_view *view, u32 granules,
		   struct cmap_view_level **level);

void cmap_view_set_tables(struct cmap_view *view, u64 table, u64 next);
void cmap_view_set_segment(struct cmap_view *view, u32 granule, u32 count,
			   u64 number);

struct page *cmap_view_page(const struct cmap_view *view, u32 page);
bool cmap_view_mark(const struct cmap_view *view, u32 granule);
bool cmap_view_clean(const struct cmap_view *view, u32 granule, u32 count);

#endif /* CMAP_LAYOUT_H */
