/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A shard's view: the &struct cmap_window_shard by which a process that has the map
 * mapped finds the shard's tables and nodes.  Only the pages in use exist.
 *
 * Views are made when the map is mapped for the first time, so a map that nobody
 * maps does not pay for them.
 */
#ifndef CMAP_LAYOUT_H
#define CMAP_LAYOUT_H

#include "block.h"
#include "place.h"

#include <linux/list.h>
#include <linux/workqueue.h>

struct cmap_shard;

#define CMAP_VIEW_LEVELS	(2 + ilog2(CMAP_LIST_PAGES - 1))

/* Words of a list where there is no segment. */
#define CMAP_VIEW_CLEAN		0	/* no process has mapped zeroes there */
#define CMAP_VIEW_ZEROES	1	/* a process may have mapped zeroes there */

/* The pages of a level. */
struct cmap_view_level {
	u32 level;
	u32 count;
	struct cmap_block *page[];
};

/**
 * struct cmap_view - what a window shows of a shard
 * @shard: the shard
 * @index: the shard's index in its map
 * @levels: how many levels of pages exist
 * @level: the levels
 * @places: the state of the places for the shard's tables
 * @hidden: segments that cannot be shown yet, as a process may see zeroes in their
 *	place
 * @reveal: work that unmaps the zeroes and then shows these segments
 *
 * Changed under the shard's lock.  Levels are only added, and freed with the view.
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
